"""What a document's own vectors are made of."""

from __future__ import annotations

import numpy as np

from jv3search.encoders.late_chunking import join_tokenless
from jv3search.ingest.chunks import chunk_spans
from jv3search.ingest.document_vectors import document_vectors, sample
from jv3search.types import Document
from tests.conftest import TEXTS


def passage(mini, text: str, size: int = 128):
    tokens = mini.tokenize(text)
    return tokens, join_tokenless(tokens, chunk_spans(Document(text, "", "txt"), tokens.starts, size))


def test_a_short_document_is_taken_whole_and_a_long_one_from_beginning_to_end(mini):
    for text in TEXTS.values():
        tokens, spans = passage(mini, text)
        assert text.startswith(sample(tokens, spans))
        assert (len(tokens.starts) > 64) or sample(tokens, spans) == text
    long = "\n\n".join(f"{number}. {text}" for number in range(60) for text in TEXTS.values())
    tokens, spans = passage(mini, long)
    taken = sample(tokens, spans)
    assert taken.startswith("0. # Backups")
    assert spans[-1].of(long)[:40] in taken
    assert len(mini.tokenize(taken).starts) <= 8 * 64 + 16


def test_each_document_gets_a_unit_vector_a_task_that_is_of_its_sample_alone(mini):
    passages = [passage(mini, text) for text in TEXTS.values()]
    found = document_vectors(passages, mini)
    for (tokens, spans), vectors in zip(passages, found, strict=True):
        assert set(vectors) == {"text-matching", "separation"}
        for task, vector in vectors.items():
            (alone,) = mini.encode([sample(tokens, spans)], task)
            np.testing.assert_allclose(vector, alone, atol=1e-5)
            assert abs(np.linalg.norm(vector) - 1) < 1e-5
    assert not np.allclose(found[0]["text-matching"], found[0]["separation"], atol=1e-2)
