"""How a server begins, says that it is ready, refuses what is too much, and ends; its OpenAPI document."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from jv3search.api import guard
from jv3search.api.answer import QuestionAnswer
from jv3search.api.app import ReadyAnswer
from jv3search.api.classify import ClassifyAnswer
from jv3search.api.embeddings import EmbeddingsAnswer
from jv3search.api.rerank import RerankAnswer
from jv3search.api.search import SearchAnswer
from tests.api.conftest import serving

EMBED = {"model": "jv3-mini", "input": "печать"}


def test_serve_answers_until_sigterm(shared_index):
    environment = {name: value for name, value in os.environ.items() if name != "JV3SEARCH_TOKEN"}
    process = subprocess.Popen(
        [sys.executable, "-m", "jv3search", "serve", "--index", str(shared_index)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        url = process.stdout.readline().split()[-1]
        with httpx.Client(base_url=url, timeout=300) as client:
            assert client.get("/healthz").json() == {"status": "ok"}
            ready = client.get("/readyz")
            status = ReadyAnswer.model_validate_json(ready.text).status
            assert (ready.status_code, status) in {(503, "loading"), (200, "ready")}
            by_words = client.post("/v1/search", json={"query": "Drucker", "mode": "keyword"})  # needs no model
            assert by_words.json()["hits"][0]["language"] == "de"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    assert (process.returncode, out) == (0, "")
    assert err.endswith("Press Ctrl-C to stop.\n\nStopped.\n")


@pytest.mark.parametrize("command", [["serve"], ["mcp", "--http"]])
def test_another_address_than_this_machines_needs_a_token(jv3, shared_index, command, monkeypatch):
    monkeypatch.delenv("JV3SEARCH_TOKEN", raising=False)
    outcome = jv3(*command, "--index", shared_index, "--address", "0.0.0.0")
    assert (outcome.status, outcome.out) == (1, "")
    assert "others than this machine can read all documents: set JV3SEARCH_TOKEN" in outcome.err


def test_a_model_that_cannot_be_loaded_ends_the_server(shared_index):
    command = [
        sys.executable,
        "-m",
        "jv3search",
        "serve",
        "--index",
        str(shared_index),
        "--model",
        "no-such-model",
    ]
    outcome = subprocess.run(command, capture_output=True, text=True)
    assert outcome.returncode == 1
    assert "there is no model 'no-such-model'" in outcome.stderr


@pytest.mark.parametrize("package", ["fastapi", "uvicorn", "mcp"])
def test_what_to_install_is_said(jv3, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)  # as the import system marks what is not there
    for command in ("serve", "mcp"):
        outcome = jv3(command)
        assert outcome.status == 1
        assert f"{package} is not installed: pip install 'jv3search[serve]'" in outcome.err


def test_a_full_queue_is_a_429_and_what_needs_no_model_is_answered(shared_index, mini):
    with (
        serving(shared_index, most_tokens=20) as (url, service),
        httpx.Client(base_url=url, timeout=300) as client,
    ):
        service.wait()
        assert client.get("/readyz").json() == {"status": "ready"}
        gate, held = threading.Event(), threading.Thread(target=lambda: service.encoder()._worker.run(gate.wait))
        held.start()
        tokens = mini.tokenize("ein langer Text " * 20, None)
        waiting = service.encoder().submit([tokens], [[(0, len(tokens))]], None)
        for path, body in (("embeddings", EMBED), ("search", {"query": "печать"})):
            answer = client.post(f"/v1/{path}", json=body)
            assert (answer.status_code, answer.json()["detail"]["code"]) == (429, "RATE_LIMITED")
            assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert client.post("/v1/search", json={"query": "Drucker", "mode": "keyword"}).status_code == 200
        assert client.get("/v1/documents").status_code == 200
        gate.set()
        held.join()
        assert len(waiting.result(60)) == 1
        assert client.post("/v1/embeddings", json=EMBED).status_code == 200


def test_a_clean_stop_answers_what_was_accepted(shared_index):
    gate = threading.Event()
    with ThreadPoolExecutor(2) as threads:
        with serving(shared_index) as (url, service):
            service.wait()
            worker = service.encoder()._worker
            threads.submit(worker.run, gate.wait)
            accepted = threads.submit(httpx.post, f"{url}/v1/embeddings", json=EMBED, timeout=300)
            while not worker._waiting and not accepted.done():
                time.sleep(0.01)
            threading.Timer(0.3, gate.set).start()  # the server is told to end in the meantime
        assert accepted.result().status_code == 200


def test_more_requests_than_can_be_answered_are_a_429(url):
    host, port = url.removeprefix("http://").split(":")
    begun = f"POST /v1/search HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9\r\n\r\n".encode()
    with contextlib.ExitStack() as stack, httpx.Client(base_url=url, timeout=60) as client:
        for _ in range(guard.MOST_REQUESTS):  # none of them sends its body
            connection = stack.enter_context(socket.create_connection((host, int(port)), timeout=60))
            connection.sendall(begun)
        answers = (client.get("/v1/models") for _ in range(1000))
        refused = next(answer for answer in answers if answer.status_code != 200)  # when all have arrived
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert client.get("/healthz").status_code == 200


def figures(client):
    """What /metrics says, by name and labels."""
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_the_metrics_count_what_was_asked(shared_index, mini):
    with (
        serving(shared_index, token="a-secret-of-many-characters") as (url, service),
        httpx.Client(
            base_url=url, timeout=60, headers={"Authorization": "Bearer a-secret-of-many-characters"}
        ) as c,
    ):
        service.wait()
        for text in ("печать", "印刷", "Druck"):
            assert c.post("/v1/embeddings", json={"model": "jv3-mini", "input": text}).status_code == 200
        c.post("/v1/embeddings", json={})
        c.request("BREW", "/coffee")
        assert httpx.get(f"{url}/metrics").status_code == 401
        found = figures(c)
        embeddings = ("POST", "/v1/embeddings")
        assert found["jv3search_requests_total", *embeddings, "200"] == 3
        assert found["jv3search_requests_total", *embeddings, "422"] == 1
        assert found["jv3search_requests_total", "none", "none", "404"] == 1
        assert found["jv3search_requests_total", "none", "none", "401"] == 1
        assert found["jv3search_request_seconds_count", *embeddings] == 4
        tokens = sum(len(mini.tokenize(text, None)) for text in ("печать", "印刷", "Druck"))
        assert found["jv3search_tokens_total",] == tokens
        assert (found["jv3search_model_ready",], found["jv3search_tokens_waiting",]) == (1, 0)
        assert (found["jv3search_requests_open",], found["jv3search_uploads_waiting",]) == (1, 0)


def test_the_openapi_document_is_complete(client):
    document = client.get("/openapi.json").json()
    assert sorted(document["paths"]) == [
        "/healthz",
        "/metrics",
        "/readyz",
        "/v1/answer",
        "/v1/classify",
        "/v1/documents",
        "/v1/documents/{document}",
        "/v1/documents/{document}/pages/{page}.png",
        "/v1/documents/{document}/text",
        "/v1/embeddings",
        "/v1/jobs/{job}",
        "/v1/models",
        "/v1/rerank",
        "/v1/search",
    ]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"]
            declared = set(operation["responses"])
            assert declared & {"200", "202"}
            assert path.endswith("z") or declared >= {"400", "401", "413", "422", "429", "503"}
            for answer in operation["responses"].values():
                assert {"image/png", "text/plain"} & set(answer["content"]) or "$ref" in answer["content"][
                    "application/json"
                ]["schema"]


def test_every_operation_of_the_openapi_document_has_examples(client):
    document = client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                assert {"examples", "example"} & (set(parameter) | set(parameter["schema"])), (path, parameter)
            body = operation.get("requestBody", {"content": {}})["content"]
            if "application/json" in body:
                assert schemas[body["application/json"]["schema"]["$ref"].split("/")[-1]]["examples"]
            elif body:
                assert body["application/octet-stream"]["example"]


def test_the_examples_of_the_openapi_document_are_right(client):
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    for name, path, answered in (
        ("EmbeddingsRequest", "/v1/embeddings", EmbeddingsAnswer),
        ("RerankRequest", "/v1/rerank", RerankAnswer),
        ("ClassifyRequest", "/v1/classify", ClassifyAnswer),
        ("SearchRequest", "/v1/search", SearchAnswer),
        ("AnswerRequest", "/v1/answer", QuestionAnswer),
    ):
        examples = schemas[name]["examples"]
        assert examples
        for example in examples:
            answer = client.post(path, json=example)
            assert answer.status_code == 200, answer.text
            if not example.get("stream"):
                answered.model_validate_json(answer.text)
