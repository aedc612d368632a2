"""The command line asks a running server of the same index, and searches by itself where there is none."""

import json
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.api.conftest import serving

TOKEN = "a-secret-of-many-characters"
QUESTIONS = {
    "Почему не работает беспроводная сеть?": "сеть.ru.txt",
    "安全なパスワードとは？": "パスワード.ja.txt",
    "كيف أنزل الخريطة دون اتصال بالإنترنت؟": "خريطة.ar.txt",
    "Tintenpatrone ersetzen": "drucker.de.txt",
}
OPTIONS = [
    ["--explain", "--k", 2],
    ["--lang", "ru,ja", "--type", "txt", "--read", "ja", "--since", "2001-01-01", "--json"],
    ["--explain", "--json", "--no-group"],
    ["--mode", "keyword"],
]


@pytest.fixture(scope="module")
def server(shared_index):
    """Where the index is served to those who know the token."""
    with serving(shared_index, token=TOKEN) as (url, service):
        service.wait()
        yield url


@pytest.fixture
def asked(jv3, server, shared_index, monkeypatch):
    """`jv3search search` with and without the server."""

    def run(*arguments, server=server, index=shared_index):
        monkeypatch.setenv("JV3SEARCH_SERVER", server)
        monkeypatch.setenv("JV3SEARCH_TOKEN", TOKEN)
        return jv3("search", *arguments, "--index", index)

    return run


def numbers_aside(value):
    """Batched and single forward passes differ in the last bits."""
    return json.loads(json.dumps(value), parse_float=lambda number: round(float(number), 3))


@pytest.mark.parametrize(("question", "options"), list(zip(QUESTIONS, OPTIONS, strict=True)))
def test_the_answer_is_the_same(asked, question, options):
    there, here = asked(question, *options), asked(question, *options, server="")
    assert (there.status, there.err) == (here.status, here.err) == (0, "")
    if "--json" in options:
        assert numbers_aside(json.loads(there.out)) == numbers_aside(json.loads(here.out))
    else:
        assert there.out == here.out
    assert QUESTIONS[question] in there.out


def test_no_model_is_loaded(server, shared_index):
    command = [sys.executable, "-X", "importtime", "-m", "jv3search", "search", "网络密码", "--explain"]
    done = subprocess.run(
        [*command, "--index", str(shared_index)],
        env={"JV3SEARCH_SERVER": server, "JV3SEARCH_TOKEN": TOKEN},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "パスワード.ja.txt" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "import time:" in line}
    assert "jv3search.cli.asking" in imported
    heavy = {"torch", "transformers", "tokenizers", "openvino", "faiss", "huggingface_hub", "httpx", "requests"}
    assert heavy & imported == set()


def test_every_line_of_a_file(asked, tmp_path):
    (tmp_path / "queries.txt").write_text("\n".join(QUESTIONS), encoding="utf-8")
    outcome = asked("--queries", tmp_path / "queries.txt", "--k", 1)
    assert [json.loads(line)["query"] for line in outcome.out.splitlines()] == list(QUESTIONS)
    (tmp_path / "queries.txt").write_text("printer\nfiles under:nowhere", encoding="utf-8")
    outcome = asked("--queries", tmp_path / "queries.txt", "--k", 1)
    assert outcome.status == 1
    assert f"line 2 of {tmp_path / 'queries.txt'}: no document" in outcome.err
    assert "in a folder 'nowhere'" in outcome.err


def test_another_index_is_refused(asked, jv3, tmp_path, shared_index):
    (tmp_path / "notiz.txt").write_text("Die Heizung wird im Oktober gewartet.", encoding="utf-8")
    assert jv3("ingest", tmp_path / "notiz.txt", "--index", tmp_path / "kb", "--model", "jv3-mini").status == 0
    outcome = asked("Heizung", index=tmp_path / "kb")
    assert (outcome.status, outcome.out) == (1, "")
    assert f"the index that is served is another one, {shared_index}; name that with --index" in outcome.err


def test_the_token_is_asked_for(asked, monkeypatch, jv3, server, shared_index):
    monkeypatch.setenv("JV3SEARCH_SERVER", server)
    outcome = jv3("search", "печать", "--index", shared_index)
    assert (outcome.status, outcome.out) == (1, "")
    assert f"{server} wants a token: set JV3SEARCH_TOKEN" in outcome.err


def test_where_nobody_answers_the_search_is_made_here(asked):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        outcome = asked("如何安装新的字体", "--k", 1, server=url)
    assert outcome.status == 0
    assert "字体.zh.txt" in outcome.out
    assert outcome.err == f"{url} does not answer ([Errno 111] Connection refused): searching here.\n"


def test_a_server_of_something_else_is_told(asked):
    class Other(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *words):
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        outcome = asked("tintenpat*", "--mode", "keyword", server=f"http://127.0.0.1:{other.server_port}")
        other.shutdown()
    assert "drucker.de.txt" in outcome.out
    assert "(status 200, and not from `jv3search serve`): searching here." in outcome.err


def test_what_the_server_does_not_do_is_done_here(asked):
    outcome = asked("तारे", "--k", 500, "--json")
    assert "body -> k" in outcome.err
    assert json.loads(outcome.out)["hits"][0]["language"] == "hi"


@pytest.mark.parametrize("server", ["localhost:8601", "ftp://localhost", "http://", "http://localhost:x"])
def test_an_address_that_is_none(asked, server):
    outcome = asked("x", server=server)
    assert outcome.status == 1
    assert f"the setting server is {server!r}; it must be an address such as http://localhost:8601" in outcome.err
