"""The examples of docs/guide/api.md, as they stand there, against real servers."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from jv3search.api.mcp_server import http_app
from jv3search.api.server import MCP_PORT, PORT
from jv3search.cli.mcp import mcp
from tests.api.conftest import in_a_thread, serving

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "api.md").read_text(encoding="utf-8")
GUIDE = PAGE.partition("## Other clients")[0]  # test_clients.py has those


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, flags=re.DOTALL)


def at(url, code, port):
    return code.replace(f"http://localhost:{port}", url)


def test_the_python_examples(index, shared_index, tmp_path, capsys):
    *by_http, by_mcp = blocks("python")
    assert len(by_http) == 6
    with serving(index, write=True, documents=tmp_path) as (url, service):
        service.wait()
        for code in by_http:
            exec(compile(at(url, code, PORT), "api.md", "exec"), {})
    assert [path.name for path in (tmp_path / "uploads").iterdir()] == ["notice.txt"]
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("[128, 128] ")
    assert out[1].endswith("[256, 256]")
    assert out[2].startswith("[{'index': 0, 'relevance_score': 0.")
    assert out[3] == "['printer', 'password']"
    assert " en " in out[4]
    assert out[5] == "8"
    *quoted, end = out[6:-2]
    assert any("copy them back from the backup disk." in line and "backup.en.md" in line for line in quoted)
    assert (end, out[-2:]) == ("the end", ["done ['done']", "True"])
    with serving(shared_index, make_app=http_app) as (agents, _):
        in_a_thread(lambda: exec(compile(at(agents, by_mcp, MCP_PORT), "api.md", "exec"), {}))
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
def test_the_curl_examples(url):
    (code,) = blocks("sh")
    done = subprocess.run(["sh", "-c", at(url, code, PORT)], capture_output=True, text=True, check=True)
    embedded, _, searched = done.stdout.partition('}{"query"')
    assert [len(entry["embedding"]) for entry in json.loads(embedded + "}")["data"]] == [64, 64]
    found = json.loads('{"query"' + searched)["hits"]
    assert {hit["language"] for hit in found} == {"en", "ja"}
    assert all(hit["sentence"] for hit in found)


def test_an_agent_is_told_of_a_command_there_is():
    """What it is told is right: the command takes these arguments, and the server listens at this address."""
    page = (Path(__file__).parents[2] / "docs" / "guide" / "agents.md").read_text(encoding="utf-8")
    told = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, flags=re.DOTALL)]
    servers = [servers["jv3search"] for one in told for servers in one.values()]
    (goose,) = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    goose = yaml.safe_load(goose)["extensions"]["jv3search"]
    assert {server["url"] for server in servers if "url" in server} == {f"http://localhost:{MCP_PORT}/mcp"}
    commands = [(server["command"], server["args"]) for server in servers if "url" not in server]
    for command, (name, *arguments) in [*commands, (goose["cmd"], goose["args"])]:
        assert (Path(command).name, name) == ("jv3search", "mcp")
        assert mcp.make_context(name, arguments).params["index"].folder == Path("/home/me/indexes/mine")
    assert len(commands) == 4
