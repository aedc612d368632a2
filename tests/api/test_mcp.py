"""MCP with the official client: by stdio and by streamable HTTP, over a real index."""

import asyncio
import os
import sys
from functools import partial
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS

from jv3search.api import mcp_resources
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


def stdio(index, *options):
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "jv3search", "mcp", "--index", str(index), *map(str, options)],
        env={name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH")},
    )


@pytest.fixture(scope="module")
def endpoint(shared_index):
    with serving(shared_index, make_app=http_app) as (url, _):
        yield f"{url}/mcp"


def test_by_stdio_an_agent_searches_and_reads_on(shared_index):
    async def conversation(client):
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == ["search", "answer", "read", "list_documents", "status"]
        assert all(tool.annotations.read_only_hint for tool in tools)
        found = await call(client, "search", query="Почему не работает беспроводная сеть?", k=3)
        hit = found["hits"][0]
        around = await call(client, "read", hit=hit["id"])
        resource = (await client.read_resource(Path(hit["file"]).as_uri())).contents[0]
        return found, hit, around, await call(client, "status"), resource

    found, hit, around, status, resource = talk(stdio(shared_index), conversation)
    text = TEXTS["сеть.ru.txt"]
    assert (resource.text, resource.mime_type) == (text, "text/plain")
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


@pytest.mark.parametrize(
    ("question", "name"),
    [("安全なパスワードとは？", "パスワード.ja.txt"), ("Почему не работает беспроводная сеть?", "сеть.ru.txt")],
)
def test_an_answer_has_quotes_and_their_places(endpoint, question, name):
    async def conversation(client):
        return await call(client, "answer", question=question), await call(
            client, "answer", question=question, languages=["th"]
        )

    found, elsewhere = talk(endpoint, conversation)
    assert (found["question"], found["refused"]) == (question, False)
    source = found["answer"][0]["sources"][0]
    assert (Path(source["file"]).name, source["number"]) == (name, 1)
    assert TEXTS[name][slice(*source["quote_span"])] == source["quote"] == found["answer"][0]["sentence"]
    assert elsewhere == {"question": question, "refused": True, "answer": []}


def test_an_answer_by_a_language_model_is_not_of_this_machine_alone(shared_index):
    async def conversation(client):
        return {tool.name: tool.annotations.open_world_hint for tool in (await client.list_tools()).tools}

    settings = {"answers_url": "http://localhost:9/v1", "answers_model": "test-model"}
    with serving(shared_index, make_app=http_app, **settings) as (url, _):
        hints = talk(f"{url}/mcp", conversation)
    assert hints == {"search": False, "answer": True, "read": False, "list_documents": False, "status": False}


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
        ("answer", {"question": "lang:xx a"}, "'xx' is not a language code"),
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


def test_documents_are_resources_in_pages(endpoint, shared_index, monkeypatch):
    monkeypatch.setattr(mcp_resources, "_PAGE", 3)

    async def conversation(client):
        pages = [await client.list_resources()]
        while pages[-1].next_cursor:
            pages.append(await client.list_resources(cursor=pages[-1].next_cursor))
        listed = [resource for page in pages for resource in page.resources]
        return pages, {one.name: (await client.read_resource(one.uri)).contents[0].text for one in listed}

    pages, texts = talk(endpoint, conversation)
    assert [len(page.resources) for page in pages] == [3, 3, 2]
    markdown = texts.pop("backup.en.md")
    assert "restore a file from it" in markdown
    assert texts == {name: text for name, text in TEXTS.items() if name != "backup.en.md"}
    (first,) = [one for page in pages for one in page.resources if one.name == "backup.en.md"]
    assert first.uri == (shared_index.parent / "documents" / "backup.en.md").as_uri()
    assert (first.title, first.description) == ("Backups", "md, en")


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "file:///../etc/passwd", "http://localhost/x", "x"])
def test_what_is_not_in_the_index_is_no_resource(endpoint, uri):
    async def conversation(client):
        with pytest.raises(MCPError, match="is not in the index; resources/list names what is") as found:
            await client.read_resource(uri)
        return found.value.code

    assert talk(endpoint, conversation) == INVALID_PARAMS


def test_a_cursor_that_was_never_given(endpoint):
    async def conversation(client):
        with pytest.raises(MCPError, match="'seite' is not a cursor"):
            await client.list_resources(cursor="seite")

    talk(endpoint, conversation)


NOTES = {
    "ひまわり.ja.txt": "ひまわりは夏に咲く花で、太陽の方を向きます。",
    "печь.ru.txt": "Печь топят берёзовыми дровами всю зиму.",
}


async def changed(client, root, outside):
    """Ingest a folder and a file, search in them, remove one; the agent is told what was done."""
    (tools,) = [await client.list_tools()]
    assert [tool.name for tool in tools.tools][5:] == ["ingest", "ingest_progress", "remove"]
    assert [tool.annotations.destructive_hint for tool in tools.tools][5:] == [False, None, True]
    told = await call(client, "ingest", path=str(root))
    while told["phase"] not in ("done", "failed"):
        told = await call(client, "ingest_progress")
    assert (told["phase"], told["stored"], told["files"]) == ("done", 2, 3), told
    (unread,) = told["unreadable"]
    assert Path(unread["file"]).name == "leer.txt"
    found = await call(client, "search", query="太陽の方を向く花", k=1)
    assert Path(found["hits"][0]["file"]).name == "ひまわり.ja.txt"
    answer = await call(client, "remove", document=str(root / "печь.ru.txt"))
    assert answer == {"removed": str(root / "печь.ru.txt"), "documents": 9}
    assert "is not in the index" in await refused(client, "remove", document=str(root / "печь.ru.txt"))
    assert "outside" in await refused(client, "ingest", path=str(outside))
    assert "there is no file or folder" in await refused(client, "ingest", path=str(root / "fehlt"))


@pytest.fixture
def notes(tmp_path):
    """A folder that may be read in, with a file in which there is nothing."""
    folder = tmp_path / "notes"
    folder.mkdir()
    for name, text in {**NOTES, "leer.txt": " "}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_by_stdio_an_agent_that_may_write_changes_the_index(index, notes):
    talk(
        stdio(index, "--write", "--root", notes), lambda client: changed(client, notes, notes.parent / "elsewhere")
    )


def test_by_http_an_agent_that_may_write_changes_the_index(index, notes, monkeypatch):
    monkeypatch.setenv("JV3SEARCH_ROOTS", str(notes))
    with serving(index, make_app=partial(http_app, write=True)) as (url, _):
        talk(f"{url}/mcp", lambda client: changed(client, notes, notes.parent / "elsewhere"))
