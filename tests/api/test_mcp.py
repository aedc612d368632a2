"""MCP with the official client: by stdio and by streamable HTTP, over a real index."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from jv3search.api.mcp_server import http_app
from tests.api.conftest import in_a_thread, serving
from tests.conftest import TEXTS


def talk(server, conversation):
    """What a conversation with a server returns."""

    async def talked():
        async with Client(server) as client:
            return await conversation(client)

    return in_a_thread(lambda: asyncio.run(talked()))


async def call(client, tool, **arguments):
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    return answer.structured_content


async def refused(client, tool, **arguments):
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error
    assert "Traceback" not in answer.content[0].text
    return answer.content[0].text


def stdio(index):
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "jv3search", "mcp", "--index", str(index)],
        env={name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH")},
    )


@pytest.fixture(scope="module")
def endpoint(shared_index):
    with serving(shared_index, make_app=http_app) as (url, _):
        yield f"{url}/mcp"


def test_by_stdio_an_agent_searches_and_reads_on(shared_index):
    async def conversation(client):
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == ["search", "read", "list_documents", "status"]
        assert all(tool.annotations.read_only_hint for tool in tools)
        found = await call(client, "search", query="Почему не работает беспроводная сеть?", k=3)
        hit = found["hits"][0]
        around = await call(client, "read", hit=hit["id"])
        return found, hit, around, await call(client, "status")

    found, hit, around, status = talk(stdio(shared_index), conversation)
    text = TEXTS["сеть.ru.txt"]
    assert (Path(hit["file"]).name, hit["language"], hit["page"]) == ("сеть.ru.txt", "ru", None)
    assert text[slice(*hit["span"])] == hit["passage"]
    assert text[slice(*hit["quote_span"])] == hit["quote"]
    assert 0 <= hit["scores"]["relevance"] <= 1
    assert hit["scores"]["dense"]["rank"] == 1
    assert found["language"] == "ru"
    assert hit["passage"] in [part["text"] for part in around["parts"]]
    assert (status["documents"], status["model"]) == (8, "jv3-mini")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("安全なパスワードとは？", "パスワード.ja.txt"),
        ("रात के आकाश में तारे", "तारे.hi.txt"),
        ("安装新的字体", "字体.zh.txt"),
    ],
)
def test_by_http_in_several_scripts(endpoint, query, name):
    async def conversation(client):
        return await call(client, "search", query=query, k=1)

    (hit,) = talk(endpoint, conversation)["hits"]
    assert Path(hit["file"]).name == name
    assert TEXTS[name][slice(*hit["quote_span"])] == hit["quote"]


def test_a_document_and_a_section_are_read(endpoint, shared_index):
    uri = str(shared_index.parent / "documents" / "backup.en.md")

    async def conversation(client):
        listed = await call(client, "list_documents", offset=1, limit=2)
        whole = await call(client, "read", document=uri)
        hits = await call(client, "search", query='"copy them back" files', languages=["en"])
        section = await call(client, "read", hit=hits["hits"][0]["id"], section=True)
        return listed, whole, section

    listed, whole, section = talk(endpoint, conversation)
    assert (listed["total"], listed["next_offset"], len(listed["documents"])) == (8, 3, 2)
    assert whole["next_start"] is None
    assert "restore a file from it" in " ".join(part["text"] for part in whole["parts"])
    assert {part["language"] for part in whole["parts"]} == {"en"}
    assert "copy them back from the backup disk" in section["parts"][-1]["text"]
    assert section["file"] == uri


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("search", {"query": "lang:xx a"}, "'xx' is not a language code"),
        ("search", {"query": "a", "k": 0}, "greater than or equal to 1"),
        ("search", {"query": "a", "languages": ["jp"]}, "did you mean ja?"),
        ("search", {"query": "  "}, "the query is empty"),
        ("read", {}, "give the id of a hit or a document"),
        ("read", {"hit": 1, "document": "a"}, "give the id of a hit or a document"),
        ("read", {"hit": 999_999}, "there is no chunk 999999"),
        ("read", {"document": "/etc/passwd"}, "/etc/passwd is not in the index"),
    ],
)
def test_an_agent_is_told_what_was_wrong(endpoint, tool, arguments, words):
    async def conversation(client):
        return await refused(client, tool, **arguments)

    assert words in talk(endpoint, conversation)


def test_the_guard_stands_before_it_too(endpoint):
    import httpx

    answer = httpx.post(endpoint, json={}, headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json()["detail"]["code"]) == (400, "HOST_NOT_ALLOWED")
    answer = httpx.post(endpoint, json={}, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
