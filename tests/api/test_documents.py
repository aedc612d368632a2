"""/v1/documents and /v1/jobs: added, read, drawn and deleted through a real server, in several scripts."""

import io
import shutil
import socket
import time
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

import jv3search
from jv3search import jobs
from jv3search.addresses import Address
from jv3search.api.documents import DeletedAnswer, DocumentsAnswer, TextAnswer, UploadAnswer
from jv3search.api.errors import ErrorAnswer, ValidationAnswer
from jv3search.api.guard import access_for
from jv3search.api.ingests import Ingests
from jv3search.api.jobs import JobAnswer
from jv3search.api.server import largest_upload
from jv3search.cli.commands import cli, run
from jv3search.config import Settings
from jv3search.encoders.models import MINI, locate
from jv3search.types import document_id
from tests.api.conftest import serving

SAMPLES = Path(__file__).parents[2] / "ingest" / "samples"
NEW = {
    "чай.txt": "Зелёный чай заваривают водой не горячее восьмидесяти градусов.",
    "紅茶.md": "紅茶は沸騰したお湯で三分間蒸らします。",
}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """An index of one PDF and one text, and its documents folder."""
    root = tmp_path_factory.mktemp("library")
    documents = root / "documents"
    documents.mkdir()
    (documents / "fahrrad.pdf").write_bytes((SAMPLES / "fahrrad-de.pdf").read_bytes())
    (documents / "शतरंज.txt").write_text("शतरंज में हर खिलाड़ी के पास सोलह मोहरे होते हैं।", encoding="utf-8")
    with pytest.raises(SystemExit):
        run(cli, ["ingest", str(documents), "--index", str(root / "kb"), "--model", "jv3-mini"])
    return root


@pytest.fixture(scope="module")
def writable(library):
    """A server that takes documents into that folder."""
    with (
        serving(library / "kb", write=True, documents=library / "documents") as (url, service),
        httpx.Client(base_url=url, timeout=120) as client,
    ):
        service.wait()
        yield client


def done(client, answer):
    """The job of an upload when it has ended."""
    assert answer.status_code == 202, answer.text
    job = UploadAnswer.model_validate_json(answer.text).job
    assert answer.headers["location"] == f"/v1/jobs/{job.id}"
    while job.status in ("waiting", "starting", "comparing", "reading"):
        time.sleep(0.1)
        job = JobAnswer.model_validate_json(client.get(f"/v1/jobs/{job.id}").text)
    return job


def names(client):
    listed = DocumentsAnswer.model_validate_json(client.get("/v1/documents").text)
    return {Path(row.uri).name: row for row in listed.data}


def test_uploads_are_read_found_and_deleted(writable, library):
    form = writable.post(
        "/v1/documents", files=[("file", (f"../../{name}", text.encode())) for name, text in NEW.items()]
    )
    raw = writable.post("/v1/documents?name=wetter.txt", content="Morgen regnet es an der Küste.".encode())
    job, other = done(writable, form), done(writable, raw)
    assert (job.status, other.status) == ("done", "done"), (job, other)
    assert [(document.state, document.reason) for document in job.documents + other.documents] == [
        ("done", "")
    ] * 3
    uploads = (library / "documents" / "uploads").resolve()
    assert sorted(path.name for path in uploads.iterdir()) == sorted([*NEW, "wetter.txt"])
    for document in job.documents:
        assert Path(document.uri).parent == uploads
        read = TextAnswer.model_validate_json(writable.get(f"/v1/documents/{document.id}/text").text)
        assert read.text == NEW[Path(document.uri).name]
    (hit, *_) = writable.post("/v1/search", json={"query": "沸騰したお湯 lang:ja"}).json()["hits"]
    assert hit["document"] == document_id(hit["uri"])
    assert Path(hit["uri"]).name == "紅茶.md"

    key = hit["document"]
    deleted = DeletedAnswer.model_validate_json(writable.delete(f"/v1/documents/{key}").text)
    assert (deleted.id, deleted.uri) == (key, hit["uri"])
    assert Path(hit["uri"]).exists()
    assert "紅茶.md" not in names(writable)
    assert not writable.post("/v1/search", json={"query": "沸騰したお湯 lang:ja"}).json()["hits"]
    for again in (writable.delete(f"/v1/documents/{key}"), writable.get(f"/v1/documents/{key}/text")):
        assert (again.status_code, again.json()["detail"]["code"]) == (404, "RESOURCE_NOT_FOUND")


def test_a_page_is_drawn_as_it_was_read(writable, library):
    row = names(writable)["fahrrad.pdf"]
    answer = writable.get(f"/v1/documents/{row.id}/pages/1.png")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert Image.open(io.BytesIO(answer.content)).width == 1200
    text = names(writable)["शतरंज.txt"].id
    for path, status, code, words in (
        (f"{row.id}/pages/99.png", 404, "RESOURCE_NOT_FOUND", "there is no page 99"),
        (f"{text}/pages/1.png", 400, "INPUT_INVALID", "is not a PDF"),
        ("0123456789abcdef/pages/1.png", 404, "RESOURCE_NOT_FOUND", "no document '0123456789abcdef'"),
    ):
        refused = writable.get(f"/v1/documents/{path}")
        detail = ErrorAnswer.model_validate_json(refused.text).detail
        assert (refused.status_code, detail.code) == (status, code)
        assert words in detail.message
    file = Path(row.uri)
    before = file.read_bytes()
    file.write_bytes(before + b"\n")
    changed = writable.get(f"/v1/documents/{row.id}/pages/1.png")
    assert changed.status_code == 404
    assert "has changed since it was read in" in changed.json()["detail"]["message"]
    file.write_bytes(before)


@pytest.mark.parametrize(
    ("arguments", "field", "words"),
    [
        ({"content": b"text"}, "query -> name", "needs ?name="),
        ({"content": b"", "params": {"name": "leer.txt"}}, "body -> file", "leer.txt is empty"),
        ({"content": b"\x7fELF\x00\x01", "params": {"name": "a.exe"}}, "body -> file", "a.exe"),
        ({"content": b"text", "params": {"nmae": "a.txt"}}, "query -> nmae", "did you mean name?"),
        ({"files": {"document": ("a.txt", b"text")}}, "body -> document", "in a field named file"),
        ({"files": {"file": ("a.txt", b"")}}, "body -> file", "a.txt is empty"),
        ({"files": {"file": ("a.txt", b"b")}, "params": {"name": "b"}}, "query -> name", "leave name out"),
    ],
)
def test_what_is_not_taken(writable, arguments, field, words):
    answer = writable.post("/v1/documents", **arguments)
    assert answer.status_code == 422, answer.text
    found = ValidationAnswer.model_validate_json(answer.text).errors[0]
    assert found.field == field
    assert words in found.message


def test_a_form_that_is_none_and_a_job_there_is_not(writable):
    broken = writable.post(
        "/v1/documents", content=b"x", headers={"Content-Type": "multipart/form-data; boundary=y"}
    )
    assert broken.status_code in (400, 422)
    assert writable.get("/v1/jobs/17").json()["detail"]["code"] == "RESOURCE_NOT_FOUND"


def test_without_write_nothing_changes_and_no_body_is_read(client, url):
    for method, path in (("POST", "/v1/documents?name=a.txt"), ("DELETE", "/v1/documents/0123456789abcdef")):
        answer = client.request(method, path)
        assert (answer.status_code, answer.json()["detail"]["code"]) == (403, "READ_ONLY")
        assert "jv3search serve --write" in answer.json()["detail"]["message"]
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(f"POST /v1/documents HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 403 ")


def test_an_upload_that_is_too_large_is_refused_before_it_is_read(writable):
    most = largest_upload(replace(Settings(), upload_limit_mb=300))
    assert most == 200_000_000 + 65_536  # what the readers take
    where = writable.base_url
    with socket.create_connection((where.host, where.port), timeout=60) as connection:
        head = f"POST /v1/documents HTTP/1.1\r\nHost: {where.host}\r\nContent-Length: {most + 1}\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_delete_while_something_else_is_written_is_a_409(writable, library):
    key = names(writable)["शतरंज.txt"].id
    with jv3search.open(library / "kb") as kb, kb._changes():
        answer = writable.delete(f"/v1/documents/{key}")
    assert (answer.status_code, answer.json()["detail"]["code"]) == (409, "CONFLICT_RESOURCE_BUSY")
    assert answer.headers["retry-after"] == "2"
    assert "शतरंज.txt" in names(writable)


def test_only_an_upload_has_the_larger_limit():
    assert access_for(Address("127.0.0.1", 1), (), "").upload == 0


def test_what_waits_when_a_server_ends_is_read(index, tmp_path):
    files = [tmp_path / "чай.txt", tmp_path / "茶.txt"]
    for path in files:
        path.write_text(f"{path.stem}: Tee, 茶, чай.", encoding="utf-8")
    ingests = Ingests(index)
    keys = [ingests.add([path]).id for path in files]
    ingests.close()
    while (job := jobs.current(index)) and job.running:
        time.sleep(0.1)
    with jv3search.open(index) as kb:
        assert {str(path) for path in files} <= {row.uri for row in kb.documents()}
    assert [ingests.get(key).job is not None for key in keys] == [True, True]


def test_without_an_index_it_embeds_and_the_first_upload_makes_one(tmp_path, mini):
    name, text = next(iter(NEW.items()))
    settings = {"model": "jv3-mini", "documents": tmp_path / "documents"}
    with (
        serving(tmp_path / "kb", write=True, **settings) as (url, service),
        httpx.Client(base_url=url, timeout=120) as client,
    ):
        service.wait()
        row = client.post("/v1/embeddings", json={"model": "jv3-mini", "task": "text-matching", "input": text})
        assert np.allclose(row.json()["data"][0]["embedding"], mini.encode([text], "text-matching")[0], atol=1e-5)
        assert client.get("/v1/models").json()["data"][0]["dimensions"] == 256
        ranked = client.post(
            "/v1/rerank", json={"model": "jv3-mini", "query": "чай", "documents": [*NEW.values()]}
        )
        assert ranked.json()["results"][0]["index"] == 0
        labels = {"model": "jv3-mini", "input": text, "labels": ["чай", "наука"]}
        assert client.post("/v1/classify", json=labels).json()["data"][0]["prediction"] == "чай"
        for path, body in (("search", {"query": "чай"}), ("answer", {"question": "чай"})):
            refused = client.post(f"/v1/{path}", json=body)
            assert (refused.status_code, refused.json()["detail"]["code"]) == (404, "RESOURCE_NOT_FOUND")
            assert "make one with `ingest`" in refused.json()["detail"]["message"]
        job = done(client, client.post("/v1/documents", params={"name": name}, content=text.encode()))
        assert [document.state for document in job.documents] == ["done"]
        found = client.post("/v1/search", json={"query": "Как заваривают зелёный чай?"}).json()
        assert [hit["text"] for hit in found["hits"]] == [text]


def test_an_upload_makes_an_index_with_the_model_that_is_served(tmp_path):
    checkpoint = shutil.copytree(locate(MINI, tmp_path), tmp_path / "a-model-of-my-own")
    settings = {"model": str(checkpoint), "documents": tmp_path / "documents"}
    with (
        serving(tmp_path / "kb", write=True, **settings) as (url, service),
        httpx.Client(base_url=url, timeout=120) as client,
    ):
        service.wait()
        assert client.get("/v1/models").json()["data"][0]["id"] == "a-model-of-my-own"
        done(client, client.post("/v1/documents?name=a.txt", content="Зелёный чай".encode()))
        assert client.post("/v1/search", json={"query": "чай"}).json()["model"] == str(checkpoint)
