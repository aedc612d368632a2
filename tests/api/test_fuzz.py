"""Whatever comes: an answer or a refusal of the right shape, never a fault of the server."""

import json
import subprocess

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fuzz_api import schemathesis
from jv3search.api.answer import AnswerRequest, QuestionAnswer
from jv3search.api.classify import ClassifyAnswer, ClassifyRequest
from jv3search.api.embeddings import EmbeddingsAnswer, EmbeddingsRequest
from jv3search.api.errors import ErrorAnswer, ValidationAnswer
from jv3search.api.rerank import RerankAnswer, RerankRequest
from jv3search.api.search import SearchAnswer, SearchRequest

_TEXT = st.text(st.characters(exclude_categories=()), max_size=12)  # lone surrogates and NUL too
_PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _TEXT)
_VALUES = st.recursive(
    _PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3), max_leaves=6
)
_RIGHT = st.sampled_from(
    ["jv3-mini", "separation", "binary", "keyword", "ページ", ["de"], ["a", "б"], 3, 64, True]
)


@pytest.mark.parametrize(
    ("path", "fields", "right", "answered"),
    [
        ("/v1/embeddings", EmbeddingsRequest, {"model": "jv3-mini", "input": "पन्ना"}, EmbeddingsAnswer),
        ("/v1/rerank", RerankRequest, {"model": "jv3-mini", "query": "पन्ना", "documents": ["頁"]}, RerankAnswer),
        (
            "/v1/classify",
            ClassifyRequest,
            {"model": "jv3-mini", "input": "पन्ना", "labels": ["頁", "Blatt"]},
            ClassifyAnswer,
        ),
        ("/v1/search", SearchRequest, {"query": "पन्ना"}, SearchAnswer),
        ("/v1/answer", AnswerRequest, {"question": "पन्ना", "quote": True}, QuestionAnswer),
    ],
)
def test_any_json_is_answered_or_refused(url, path, fields, right, answered):
    names = st.sampled_from([*fields.model_fields, "encoding_format", "limit"]) | _TEXT
    shapes = {200: answered, 400: ErrorAnswer, 422: ValidationAnswer}
    seen = set()

    @settings(max_examples=25, deadline=None, derandomize=True, database=None)
    @given(st.dictionaries(names, _RIGHT | _VALUES, max_size=3), st.booleans())
    def ask(found, complete):
        body = json.dumps(right | found if complete else found)
        answer = httpx.post(f"{url}{path}", content=body, headers={"Content-Type": "application/json"}, timeout=60)
        shapes[answer.status_code].model_validate_json(answer.text)
        seen.add(answer.status_code)

    ask()
    assert seen >= {200, 422}


def test_requests_made_from_the_openapi_document(url):
    """A few cases an operation; `python -m benchmarks.fuzz_api` makes thousands."""
    done = subprocess.run(schemathesis(url, 4, "--phases", "fuzzing"), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "15 passed" in done.stdout
