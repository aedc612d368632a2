"""Forty requests that must not be answered, each with its exact status and code, in one list."""

import json

import pytest

EMBED = {"model": "jv3-mini", "input": "Text"}
RANK = {"model": "jv3-mini", "query": "Text", "documents": ["文書"]}
CLASSES = {"model": "jv3-mini", "input": "Text", "labels": ["天気", "погода"]}
E, R, C, S, D = (f"/v1/{name}" for name in ("embeddings", "rerank", "classify", "search", "documents"))
NO_ID = f"{D}/0123456789abcdef"


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "code"),
    [
        # bodies that are no request
        ("POST", E, b"", {}, 422, "missing"),
        ("POST", E, b"{", {}, 422, "json_invalid"),
        ("POST", E, b"[]", {}, 422, "model_attributes_type"),
        ("POST", S, b"\xff\xfe", {}, 422, "json_invalid"),
        ("POST", S, b"[" * 100_000, {}, 400, "REQUEST_INVALID"),
        ("POST", S, b'{"query": "a"}', {"Content-Type": "text/plain"}, 422, "model_attributes_type"),
        ("POST", S, b" " * (4 << 20) + b"{}", {}, 413, "BODY_TOO_LARGE"),
        # fields
        ("POST", E, EMBED | {"dimesions": 64}, {}, 422, "unknown_field"),
        ("POST", E, EMBED | {"dimensions": 257}, {}, 422, "less_than_equal"),
        ("POST", E, EMBED | {"dimensions": float("nan")}, {}, 422, "int_type"),
        ("POST", E, EMBED | {"input": "\ud800"}, {}, 422, "value_error"),
        ("POST", E, EMBED | {"input": []}, {}, 422, "too_short"),
        ("POST", E, EMBED | {"input": ["a"] * 2049}, {}, 422, "too_long"),
        ("POST", E, EMBED | {"task": "clustering"}, {}, 422, "literal_error"),
        ("POST", E, EMBED | {"task": "separation", "input_type": "query"}, {}, 422, "given_twice"),
        ("POST", E, EMBED | {"model": "jina-embeddings-v3"}, {}, 400, "INPUT_MODEL_NOT_FOUND"),
        ("POST", E, EMBED | {"input": "слово " * 4000}, {}, 400, "INPUT_TOKEN_LIMIT_EXCEEDED"),
        ("POST", R, RANK | {"documnets": []}, {}, 422, "unknown_field"),
        ("POST", R, RANK | {"top_n": 0}, {}, 422, "greater_than_equal"),
        ("POST", R, RANK | {"documents": []}, {}, 422, "too_short"),
        ("POST", R, RANK | {"query": ["a"]}, {}, 422, "string_type"),
        ("POST", C, CLASSES | {"label": ["a"]}, {}, 422, "unknown_field"),
        ("POST", C, CLASSES | {"labels": ["天気"]}, {}, 400, "INPUT_INVALID_LABELS"),
        ("POST", C, CLASSES | {"labels": [str(n) for n in range(257)]}, {}, 400, "INPUT_LABEL_LIMIT_EXCEEDED"),
        ("POST", S, {"query": "a", "langauges": ["de"]}, {}, 422, "unknown_field"),
        ("POST", S, {"query": " "}, {}, 422, "value_error"),
        ("POST", S, {"query": "a", "k": 101}, {}, 422, "less_than_equal"),
        ("POST", S, {"query": "lang:xx Drucker"}, {}, 400, "INPUT_INVALID"),
        # documents
        ("GET", f"{D}?limit=1001", None, {}, 422, "less_than_equal"),
        ("GET", f"{D}?offest=1", None, {}, 422, "unknown_field"),
        ("GET", f"{NO_ID}/text", None, {}, 404, "RESOURCE_NOT_FOUND"),
        ("GET", f"{NO_ID}/text?span=9", None, {}, 422, "string_pattern_mismatch"),
        ("GET", f"{NO_ID}/pages/0.png", None, {}, 422, "greater_than_equal"),
        ("GET", f"{D}/..%2F..%2Fetc%2Fpasswd/text", None, {}, 404, "RESOURCE_NOT_FOUND"),
        ("POST", f"{D}?name=a.txt", b"text", {}, 403, "READ_ONLY"),
        ("DELETE", NO_ID, None, {}, 403, "READ_ONLY"),
        ("GET", "/v1/jobs/1", None, {}, 404, "RESOURCE_NOT_FOUND"),
        # who asks, and for what
        ("GET", D, None, {"Host": "evil.example"}, 400, "HOST_NOT_ALLOWED"),
        ("POST", S, {"query": "a"}, {"Origin": "http://evil.example"}, 403, "ORIGIN_NOT_ALLOWED"),
        ("PUT", D, None, {}, 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_the_negative_list(client, method, path, body, headers, status, code):
    content = body if body is None or isinstance(body, bytes) else json.dumps(body)
    answer = client.request(method, path, content=content, headers={"Content-Type": "application/json"} | headers)
    found = answer.json()
    told = found["errors"][0]["type"] if answer.status_code == 422 else found["detail"]["code"]
    assert (answer.status_code, told) == (status, code)
    if code == "unknown_field":
        assert "did you mean " in found["errors"][0]["message"]
    if status == 405:
        assert answer.headers["allow"] == "GET, POST"
