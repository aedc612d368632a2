"""POST /v1/embeddings: Jina's fields by value, OpenAI's client unmodified."""

import base64

import numpy as np
import openai
import pytest

from jv3search.api.embeddings import EmbeddingsAnswer, ModelsAnswer
from jv3search.types import Span, unit_rows

TEXTS = [
    "How do I restore a deleted file?",
    "Wie stelle ich eine gelöschte Datei wieder her?",
    "削除したファイルを元に戻すには？",
    "كيف أستعيد ملفًا محذوفًا؟",
    "हटाई गई फ़ाइल वापस कैसे लाएँ?",
]
TASKS = ["retrieval.query", "retrieval.passage", "separation", "classification", "text-matching"]


def ask(client, **fields):
    """The answer to a request for embeddings, its shape checked."""
    answer = client.post("/v1/embeddings", json={"model": "jv3-mini", "input": TEXTS} | fields)
    assert answer.status_code == 200, answer.text
    EmbeddingsAnswer.model_validate_json(answer.text)
    return answer.json()


def rows(answer):
    return np.array([entry["embedding"] for entry in answer["data"]], np.float32)


def close(a, b):
    return np.abs(np.asarray(a) - np.asarray(b)).max() < 1e-5


@pytest.mark.parametrize("task", [*TASKS, None])
def test_each_task_gives_what_the_encoder_gives(client, mini, task):
    answer = ask(client, **({"task": task} if task else {}))
    assert close(rows(answer), mini.encode(TEXTS, task))
    tokens = sum(len(mini.tokenize(text, task)) for text in TEXTS)
    assert answer["usage"] == {"total_tokens": tokens, "prompt_tokens": tokens}
    assert list(answer) == ["model", "object", "usage", "data"]
    assert [entry["index"] for entry in answer["data"]] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "given",
    [
        TEXTS[2],
        {"text": TEXTS[2]},
        {"type": "text", "text": TEXTS[2]},
        [TEXTS[2]],
        [{"text": TEXTS[2]}],
    ],
)
def test_an_input_is_a_text_an_object_or_a_list_of_them(client, mini, given):
    assert close(rows(ask(client, input=given)), mini.encode([TEXTS[2]], None))


def test_texts_and_objects_may_stand_side_by_side(client, mini):
    found = rows(ask(client, input=[TEXTS[0], {"text": TEXTS[3]}]))
    assert close(found, mini.encode([TEXTS[0], TEXTS[3]], None))


@pytest.mark.parametrize("size", [1, 32, 100, 256])
def test_dimensions_are_cut_then_normalised(client, mini, size):
    found = rows(ask(client, dimensions=size))
    assert found.shape == (5, size)
    assert close(found, mini.encode(TEXTS, None, dimension=size))


def test_without_normalisation_the_means_come_as_they_are(client, mini):
    found = rows(ask(client, normalized=False, dimensions=64))
    tokens = [mini.tokenize(text, None) for text in TEXTS]
    means = np.concatenate(mini.pool(tokens, [[(0, len(text))] for text in tokens], None))[:, :64]
    assert close(found, means)
    assert np.abs(np.linalg.norm(found, axis=1) - 1).min() > 0.01


def test_embedding_types(client):
    plain = rows(ask(client, dimensions=64))
    encoded = ask(client, dimensions=64, embedding_type="base64")["data"]
    decoded = np.stack([np.frombuffer(base64.b64decode(entry["embedding"]), "<f4") for entry in encoded])
    assert (decoded == plain).all()
    bits = np.packbits(plain > 0, axis=1)
    unsigned = rows(ask(client, dimensions=64, embedding_type="ubinary"))
    assert (unsigned == bits).all()
    assert (rows(ask(client, dimensions=64, embedding_type="binary")) == bits.astype(int) - 128).all()


def test_late_chunking_pools_one_text_joined_by_spaces(client, mini):
    found = rows(ask(client, late_chunking=True, task="retrieval.passage", dimensions=128))
    joined, spans = "", []
    for text in TEXTS:
        start = len(joined) + bool(joined)
        joined = f"{joined} {text}".strip()
        spans.append(Span(start, start + len(text)))
    assert close(found, mini.encode_document(joined, spans, dimension=128))
    alone = mini.encode(TEXTS, "retrieval.passage", dimension=128)
    assert np.abs(found - alone).max() > 0.01  # each knows the others


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ({"encoding_format": "ubinary"}, {"embedding_type": "ubinary"}),
        ({"encoding_type": "binary"}, {"embedding_type": "binary"}),
        ({"output_dtype": "base64"}, {"embedding_type": "base64"}),
        ({"task_type": "separation"}, {"task": "separation"}),
        ({"input_type": "query"}, {"task": "retrieval.query"}),
        ({"input_type": "document"}, {"task": "retrieval.passage"}),
        ({"input_type": "clustering"}, {"task": "separation"}),
        ({"output_dimension": 32}, {"dimensions": 32}),
        ({"output_dimensionality": 16}, {"dimensions": 16}),
        ({"user": "someone", "task": None, "dimensions": None}, {}),
        ({"return_multivector": False, "truncation": False}, {"truncate": False}),
    ],
)
def test_other_names_for_a_field(client, fields, same):
    assert ask(client, **fields)["data"] == ask(client, **same)["data"]


@pytest.mark.parametrize("name", ["texts", "content"])
def test_other_names_for_the_input(client, mini, name):
    answer = client.post("/v1/embeddings", json={"model": "jv3-mini", name: TEXTS})
    assert close(rows(answer.json()), mini.encode(TEXTS, None))


def test_a_long_text_is_refused_or_cut_and_late_chunks_are_never_dropped(client, mini):
    long = "पेड़ और नदी। " * 4000
    most = mini.max_tokens
    request = {"model": "jv3-mini", "input": ["Baum", long], "task": "retrieval.passage"}
    refused = client.post("/v1/embeddings", json=request)
    assert refused.status_code == 400
    assert refused.json()["detail"]["code"] == "INPUT_TOKEN_LIMIT_EXCEEDED"
    assert f"exceeds the model's maximum of {most} tokens" in refused.json()["detail"]["message"]
    late = client.post("/v1/embeddings", json=request | {"late_chunking": True, "truncate": True})
    assert (late.status_code, late.json()["detail"]["code"]) == (400, "INPUT_TOKEN_LIMIT_EXCEEDED")

    answer = ask(client, input=["Baum", long], task="retrieval.passage", truncate=True)
    assert answer["usage"]["total_tokens"] == len(mini.tokenize("Baum")) + most
    ids = mini.tokenize(long).ids
    kept = [*ids[: most - 1].tolist(), int(ids[-1])]
    expected = unit_rows(mini.token_states(kept, "retrieval.passage").mean(0))
    assert close(rows(answer)[1], expected)


def test_openais_client_works_unmodified(url, mini):
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="unused")
    answer = client.embeddings.create(model="jv3-mini", input=TEXTS, dimensions=64, user="me")
    assert close([entry.embedding for entry in answer.data], mini.encode(TEXTS, None, dimension=64))
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 0
    by_task = client.embeddings.create(
        model="jv3-mini", input=TEXTS[1], encoding_format="float", extra_body={"task": "retrieval.query"}
    )
    assert close(by_task.data[0].embedding, mini.encode_query(TEXTS[1]))
    assert [model.id for model in client.models.list()] == ["jv3-mini"]


def test_openais_client_tells_our_errors(url):
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0)
    with pytest.raises(openai.BadRequestError) as other:
        client.embeddings.create(model="nomic", input="Text")
    assert "'nomic' is not served here; there is 'jv3-mini'" in other.value.response.text
    with pytest.raises(openai.UnprocessableEntityError) as larger:
        client.embeddings.create(model="jv3-mini", input="Text", dimensions=257)
    assert "less than or equal to 256" in larger.value.response.text


def test_the_models(client):
    answer = client.get("/v1/models")
    (model,) = ModelsAnswer.model_validate_json(answer.text).data
    assert (model.id, model.dimensions, model.owned_by) == ("jv3-mini", 256, "jv3search")
