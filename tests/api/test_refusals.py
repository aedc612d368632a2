"""What is refused: each with its exact status, as JSON that names the value, and never with a traceback."""

import json
import socket

import httpx
import pytest

from jv3search.addresses import Address
from jv3search.api import guard
from jv3search.api.errors import ErrorAnswer, ValidationAnswer
from jv3search.api.guard import access_for
from jv3search.errors import ConfigError
from jv3search.types import document_id
from tests.api.conftest import serving

TOKEN = "a-secret-of-many-characters"
EMBED = {"model": "jv3-mini", "input": "Text"}


@pytest.mark.parametrize(
    ("fields", "field", "kind"),
    [
        ({"input": []}, "body -> input", "too_short"),
        ({"input": ["a"] * 2049}, "body -> input", "too_long"),
        ({"input": 5}, "body -> input -> 0", "string_type"),
        ({"input": [[1, 2, 3]]}, "body -> input -> 0", "string_type"),
        ({"input": [1, 2, 3]}, "body -> input -> 0", "string_type"),
        ({"input": "  \n"}, "body -> input -> 0", "value_error"),
        ({"input": ["Text", ""]}, "body -> input -> 1", "value_error"),
        ({"input": [{"image": "a.png"}]}, "body -> input", "value_error"),
        ({"input": {"text": "a", "type": "image"}}, "body -> input", "value_error"),
        ({"input": "\ud800"}, "body -> input -> 0", "value_error"),
        ({"input": None}, "body -> input", "missing"),
        ({"model": None}, "body -> model", "missing"),
        ({"model": 3}, "body -> model", "string_type"),
        ({"task": "retrieval"}, "body -> task", "literal_error"),
        ({"task": "classification.query"}, "body -> task", "literal_error"),
        ({"input_type": "passage"}, "body -> input_type", "literal_error"),
        ({"task": "separation", "input_type": "query"}, "body -> input_type", "given_twice"),
        ({"dimensions": 0}, "body -> dimensions", "greater_than"),
        ({"dimensions": 257}, "body -> dimensions", "less_than_equal"),
        ({"dimensions": 64.0}, "body -> dimensions", "int_type"),
        ({"dimensions": True}, "body -> dimensions", "int_type"),
        ({"dimensions": "64"}, "body -> dimensions", "int_type"),
        ({"dimensions": float("nan")}, "body -> dimensions", "int_type"),
        ({"embedding_type": ["float", "base64"]}, "body -> embedding_type", "literal_error"),
        ({"embedding_type": "int8"}, "body -> embedding_type", "literal_error"),
        ({"embedding_type": "float", "encoding_format": "float"}, "body", "given_twice"),
        ({"normalized": "yes"}, "body -> normalized", "bool_type"),
        ({"late_chunking": 1}, "body -> late_chunking", "bool_type"),
        ({"return_multivector": True}, "body -> return_multivector", "literal_error"),
        ({"return_tokenized_input": 0}, "body -> return_tokenized_input", "bool_type"),
        ({"dimesions": 64}, "body -> dimesions", "unknown_field"),
        ({"\ud800": 64}, "body -> \\ud800", "unknown_field"),
    ],
)
def test_a_wrong_field_of_embeddings_is_named(client, fields, field, kind):
    found = _invalid(client.post("/v1/embeddings", content=json.dumps(EMBED | fields), headers=_JSON))
    assert (found.errors[0].field, found.errors[0].type) == (field, kind)


@pytest.mark.parametrize(
    ("fields", "field", "kind"),
    [
        ({}, "body -> query", "missing"),
        ({"query": ""}, "body -> query", "value_error"),
        ({"query": ["a"]}, "body -> query", "string_type"),
        ({"query": "Schlüssel \udfff"}, "body -> query", "value_error"),
        ({"query": "a", "k": 0}, "body -> k", "greater_than_equal"),
        ({"query": "a", "k": 101}, "body -> k", "less_than_equal"),
        ({"query": "a", "k": float("nan")}, "body -> k", "int_type"),
        ({"query": "a", "k": float("-inf")}, "body -> k", "int_type"),
        ({"query": "a", "mode": "semantic"}, "body -> mode", "literal_error"),
        ({"query": "a", "languages": "de"}, "body -> languages", "list_type"),
        ({"query": "a", "formats": [1]}, "body -> formats -> 0", "string_type"),
        ({"query": "a", "language": ["de"]}, "body -> language", "unknown_field"),
    ],
)
def test_a_wrong_field_of_a_search_is_named(client, fields, field, kind):
    found = _invalid(client.post("/v1/search", content=json.dumps(fields), headers=_JSON))
    assert (found.errors[0].field, found.errors[0].type) == (field, kind)


def test_an_unknown_field_is_told_the_nearest_known_one(client):
    searched = client.post("/v1/search", json={"query": "a", "langauges": ["de"]})
    assert "did you mean languages?" in searched.json()["errors"][0]["message"]
    embedded = client.post("/v1/embeddings", json=EMBED | {"encoding_fromat": "float"})
    assert "did you mean encoding_format?" in embedded.json()["errors"][0]["message"]
    listed = client.get("/v1/documents", params={"offest": 3})
    assert "did you mean offset?" in listed.json()["errors"][0]["message"]
    far = client.post("/v1/search", json={"query": "a", "色": 1})
    assert "there are: query, k, mode" in far.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("lang:xx Drucker", "'xx' is not a language code"),
        ("-Drucker", "there is no word to look for"),
        ("since:gestern Drucker", "'gestern' is not a date"),
        ('"Drucker ohne Ende', "is not closed"),
        ("under:nirgendwo Drucker", "no document in the index is in a folder 'nirgendwo'"),
    ],
)
def test_what_a_query_cannot_hold_is_said(client, query, words):
    answer = client.post("/v1/search", json={"query": query})
    assert answer.status_code == 400
    detail = ErrorAnswer.model_validate_json(answer.text).detail
    assert detail.code == "INPUT_INVALID"
    assert words in detail.message


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/documents/etc%2Fpasswd/text", 404, "RESOURCE_NOT_FOUND"),
        ("GET", "/v1/documents/%00/text", 404, "RESOURCE_NOT_FOUND"),
        ("GET", "/v1/nothing", 404, "RESOURCE_NOT_FOUND"),
        ("GET", "/../../etc/passwd", 404, "RESOURCE_NOT_FOUND"),
        ("GET", "/docs", 404, "RESOURCE_NOT_FOUND"),
        ("GET", "/v1/search", 405, "METHOD_NOT_ALLOWED"),
        ("DELETE", "/v1/documents", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_what_there_is_not(client, method, path, status, code):
    answer = client.request(method, path)
    assert (answer.status_code, ErrorAnswer.model_validate_json(answer.text).detail.code) == (status, code)


@pytest.mark.parametrize("span", ["3", "7-3", "0-99999", "-1-4", "a-b", "1-2-3"])
def test_a_span_outside_a_text(client, shared_index, span):
    uri = str(shared_index.parent / "documents" / "backup.en.md")
    found = _invalid(client.get(f"/v1/documents/{document_id(uri)}/text", params={"span": span}))
    assert found.errors[0].field == "query -> span"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"", 422),
        (b"[]", 422),
        (b"null", 422),
        (b'"text"', 422),
        (b"\xff\xfe", 422),
        (b"[" * 100_000, 400),
        (b'{"query": "a", "k": 1e400}', 422),
        (b'{"query": "a", "k": 123456789012345678901234567890}', 422),
    ],
)
def test_a_body_that_is_no_request(client, body, status):
    answer = client.post("/v1/search", content=body, headers=_JSON)
    assert answer.status_code == status, answer.text
    assert isinstance(answer.json()["detail"], dict if status == 400 else str)


def test_a_form_of_a_web_page_is_no_request(client):
    _invalid(client.post("/v1/search", content=b'{"query": "a"}', headers={"Content-Type": "text/plain"}))


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "[::2]:80", "127.0.0.1.evil:80"])
def test_a_foreign_host_is_refused(client, host):
    answer = client.get("/v1/documents", headers={"Host": host})
    assert (answer.status_code, answer.json()["detail"]["code"]) == (400, "HOST_NOT_ALLOWED")
    assert client.get("/healthz", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8601", "127.0.0.1:1", "[::1]:8601"])
def test_this_machines_names_are_its_own(client, host):
    assert client.get("/v1/documents", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:3000", "http://[", ""])
def test_a_page_of_another_origin_is_refused(client, origin):
    answer = client.post("/v1/search", json={"query": "a"}, headers={"Origin": origin})
    assert (answer.status_code, answer.json()["detail"]["code"]) == (403, "ORIGIN_NOT_ALLOWED")
    assert "access-control-allow-origin" not in answer.headers


def test_a_page_of_the_same_origin_may_ask(client, url):
    assert client.get("/v1/documents", headers={"Origin": url}).status_code == 200


def test_a_preflight_gets_no_permission(client):
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    answer = client.options("/v1/search", headers=headers)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_body_that_is_too_large_is_refused_before_it_is_read(url):
    """Only the length is announced; no byte of the body is ever sent."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(
            f"POST /v1/search HTTP/1.1\r\nHost: {host}\r\nContent-Length: {guard.MOST_BYTES + 1}\r\n\r\n".encode()
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_body_of_unknown_length_is_refused_when_it_is_too_large(client):
    def parts():
        for _ in range(80):
            yield b" " * (64 << 10)

    answer = client.post("/v1/search", content=parts(), headers=_JSON)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (413, "BODY_TOO_LARGE")


def test_with_a_token_nothing_is_said_without_it(shared_index):
    with serving(shared_index, token=TOKEN) as (url, _), httpx.Client(base_url=url, timeout=60) as client:
        for headers in (
            {},
            {"Authorization": f"Basic {TOKEN}"},
            {"Authorization": "Bearer"},
            {"Authorization": f"Bearer {TOKEN}x"},
            {"Authorization": f"Bearer {TOKEN[:-1]}"},
            {"Authorization": b"Bearer \xff\xfe"},
        ):
            for path in ("/v1/documents", "/v1/models", "/openapi.json", "/nothing"):
                answer = client.get(path, headers=headers)
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
                assert answer.json() == {
                    "detail": "send the server's token: Authorization: Bearer JV3SEARCH_TOKEN"
                }
        assert client.get("/healthz").status_code == 200
        assert client.get("/v1/documents", headers={"Authorization": f"bearer {TOKEN}"}).json()["total"] == 8


@pytest.mark.parametrize("token", ["", "short", "with\nnewline-and-more", "пароль-из-многих-букв"])
def test_another_address_needs_a_real_token(token):
    with pytest.raises(ConfigError, match="JV3SEARCH_TOKEN"):
        access_for(Address("0.0.0.0", 8601), (), token)


def test_names_of_a_proxy_are_added():
    assert "search.example" in access_for(Address("127.0.0.1", 8601), ("Search.example",), "").hosts
    assert access_for(Address("0.0.0.0", 8601), ("search.example",), TOKEN).hosts >= {
        "search.example",
        "localhost",
    }
    assert access_for(Address("0.0.0.0", 8601), (), TOKEN).hosts == frozenset()


_JSON = {"Content-Type": "application/json"}


def _invalid(answer):
    """The body of a 422, its shape checked."""
    assert answer.status_code == 422, answer.text
    found = ValidationAnswer.model_validate_json(answer.text)
    assert found.detail.startswith(f"Validation error: {found.errors[0].field}: ")
    assert len(found.request_id) == 32
    return found
