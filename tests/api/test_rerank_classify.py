"""POST /v1/rerank and /v1/classify: Jina's shapes, by value, in several scripts."""

import numpy as np
import pytest

from jv3search.api.classify import ClassifyAnswer
from jv3search.api.errors import ErrorAnswer, ValidationAnswer
from jv3search.api.rerank import RerankAnswer
from jv3search.search.reranking import max_similarity, mean_similarity, relevance
from jv3search.types import unit_rows
from tests.conftest import TEXTS

PASSAGES = list(TEXTS.values())
QUERIES = {
    "Wie stelle ich gelöschte Dateien wieder her?": "backup.en.md",
    "プリンターが印刷しない": "drucker.de.txt",
    "a safe password": "パスワード.ja.txt",
    "रात के आकाश में तारे": "तारे.hi.txt",
}


def reranked(client, **fields):
    answer = client.post("/v1/rerank", json={"model": "jv3-mini", "documents": PASSAGES} | fields)
    assert answer.status_code == 200, answer.text
    RerankAnswer.model_validate_json(answer.text)
    return answer.json()


def classified(client, **fields):
    answer = client.post("/v1/classify", json={"model": "jv3-mini"} | fields)
    assert answer.status_code == 200, answer.text
    ClassifyAnswer.model_validate_json(answer.text)
    return answer.json()


def refused(client, path, fields):
    answer = client.post(path, json={"model": "jv3-mini"} | fields)
    if answer.status_code == 400:
        return 400, ErrorAnswer.model_validate_json(answer.text).detail.code
    error = ValidationAnswer.model_validate_json(answer.text).errors[0]
    return answer.status_code, f"{error.field} {error.type}"


@pytest.mark.parametrize(("query", "name"), QUERIES.items())
def test_the_passage_that_answers_comes_first_by_its_token_states(client, mini, query, name):
    answer = reranked(client, query=query)
    assert list(answer) == ["model", "object", "usage", "results"]
    best = answer["results"][0]
    assert list(TEXTS)[best["index"]] == name
    assert best["document"] == {"text": TEXTS[name]}
    (asked,) = mini.encode_tokens([query], "retrieval.query")
    states = mini.encode_tokens(PASSAGES, "retrieval.passage")
    expected = [relevance(asked.states, of_passage.states) for of_passage in states]
    for result in answer["results"]:
        assert result["relevance_score"] == pytest.approx(expected[result["index"]], abs=1e-4)
    scores = [result["relevance_score"] for result in answer["results"]]
    assert scores == sorted(scores, reverse=True)
    tokens = len(mini.tokenize(query, "retrieval.query")) + sum(len(mini.tokenize(text)) for text in PASSAGES)
    assert answer["usage"] == {"total_tokens": tokens}


def test_late_interaction_by_hand():
    query = np.array([[2, 0], [0, 3]], np.float32)
    text = np.array([[1, 0], [1, 1]], np.float32)
    assert max_similarity(query, text) == pytest.approx((1 + 0.5**0.5) / 2)
    assert mean_similarity(query, text) == pytest.approx((1 * 1 + 1.5 * 0.5) / (1 + 1.5**2) ** 0.5 / 1.25**0.5)
    assert relevance(query, query[:1]) == pytest.approx((0.5 + 1 / 3.25**0.5) / 2)


def test_so_many_of_the_best_without_their_texts(client):
    everything = reranked(client, query="字体")["results"]
    for name in ("top_n", "top_k"):
        answer = reranked(client, query={"text": "字体"}, return_documents=False, **{name: 2})
        assert answer["results"] == [
            {key: result[key] for key in ("index", "relevance_score")} for result in everything[:2]
        ]
    assert len(reranked(client, query="字体", top_n=99)["results"]) == 8


def test_documents_may_be_objects_and_invisible(client):
    answer = reranked(client, query="printer", documents=[{"text": "weather"}, "\u200b", "Der Drucker druckt."])
    assert answer["results"][0]["index"] == 2
    assert len(answer["results"]) == 3


def test_a_long_document_is_refused_or_cut(client, mini):
    long = "Ein Drucker steht im Flur. " * 900
    assert refused(client, "/v1/rerank", {"query": "a", "documents": [long]}) == (
        400,
        "INPUT_TOKEN_LIMIT_EXCEEDED",
    )
    cut = reranked(client, query="Drucker", documents=[long], max_doc_length=6)
    short = reranked(client, query="Drucker", documents=[mini.tokenize(long).text[:26]], max_doc_length=6)
    assert cut["results"][0]["relevance_score"] == pytest.approx(short["results"][0]["relevance_score"], abs=1e-5)


LABELS = ["printer", "password", "weather"]


def test_each_text_gets_the_nearest_label(client, mini):
    texts = ["Die Tintenpatrone ist leer.", "パスワードを忘れました。", "Завтра будет дождь."]
    answer = classified(client, input=texts, labels=LABELS)
    assert [found["prediction"] for found in answer["data"]] == LABELS
    assert [found["index"] for found in answer["data"]] == [0, 1, 2]
    rows = unit_rows(mini.encode([*texts, *LABELS], "classification"))
    powers = np.exp(rows[:3] @ rows[3:].T)
    for found, expected in zip(answer["data"], powers / powers.sum(axis=1, keepdims=True), strict=True):
        assert [one["label"] for one in found["predictions"]] == LABELS
        assert [one["score"] for one in found["predictions"]] == pytest.approx(expected.tolist(), abs=1e-5)
        assert found["score"] == max(one["score"] for one in found["predictions"])
        assert sum(one["score"] for one in found["predictions"]) == pytest.approx(1)
    tokens = sum(len(mini.tokenize(text, "classification")) for text in [*texts, *LABELS])
    assert answer["usage"] == {"total_tokens": tokens}


@pytest.mark.parametrize(
    ("path", "fields", "expected"),
    [
        ("rerank", {"query": "a"}, (422, "body -> documents missing")),
        ("rerank", {"query": "a", "documents": []}, (422, "body -> documents too_short")),
        ("rerank", {"query": " ", "documents": ["a"]}, (422, "body -> query value_error")),
        ("rerank", {"query": ["a"], "documents": ["a"]}, (422, "body -> query string_type")),
        ("rerank", {"query": {"image": "a"}, "documents": ["a"]}, (422, "body -> query value_error")),
        ("rerank", {"query": "a", "documents": ["b", ""]}, (422, "body -> documents -> 1 value_error")),
        ("rerank", {"query": "a", "documents": ["b"], "top_n": 0}, (422, "body -> top_n greater_than_equal")),
        ("rerank", {"query": "a", "documents": ["b"], "top_n": 1, "top_k": 1}, (422, "body given_twice")),
        (
            "rerank",
            {"query": "a", "documents": ["b"], "max_doc_length": 9000},
            (422, "body -> max_doc_length less_than_equal"),
        ),
        ("rerank", {"query": "a", "documents": ["b"], "model": "x"}, (400, "INPUT_MODEL_NOT_FOUND")),
        ("rerank", {"query": "a " * 4000, "documents": ["b"]}, (400, "INPUT_TOKEN_LIMIT_EXCEEDED")),
        ("classify", {"input": "a"}, (422, "body -> labels missing")),
        ("classify", {"input": "a", "labels": []}, (400, "INPUT_INVALID_LABELS")),
        ("classify", {"input": "a", "labels": ["x"]}, (400, "INPUT_INVALID_LABELS")),
        ("classify", {"input": "a", "labels": ["x", "y", "x"]}, (400, "INPUT_INVALID_LABELS")),
        ("classify", {"input": "a", "labels": ["x", " "]}, (422, "body -> labels -> 1 value_error")),
        ("classify", {"input": "a", "labels": [str(n) for n in range(257)]}, (400, "INPUT_LABEL_LIMIT_EXCEEDED")),
        ("classify", {"input": "a", "label": ["x", "y"]}, (422, "body -> label unknown_field")),
    ],
)
def test_what_is_refused(client, path, fields, expected):
    assert refused(client, f"/v1/{path}", fields) == expected
