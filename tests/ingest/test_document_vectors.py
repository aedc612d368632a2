"""What a document's own vector is made of."""

from __future__ import annotations

import numpy as np

from jv3search.ingest.document_vectors import document_vectors, passage_mean, sample
from jv3search.types import Chunk, Span
from tests.conftest import TEXTS


def test_it_is_the_mean_of_the_chunks_by_their_tokens():
    rows = np.array([[1, 0, 0], [0, 1, 0], [0, 0.6, 0.8]], np.float32)
    chunks = [Chunk(Span(0, 9), "de", 30), Chunk(Span(9, 12), "zh", 20), Chunk(Span(12, 20), "und", 10)]
    np.testing.assert_allclose(passage_mean(rows, chunks), np.array([30, 26, 8]) / 1640**0.5, atol=1e-6)


def test_a_document_of_one_chunk_has_its_embedding(mini):
    for text in TEXTS.values():
        rows = mini.encode_document(text, [Span(0, len(text))])
        chunks = [Chunk(Span(0, len(text)), "und", 7)]
        (vectors,) = document_vectors([(mini.tokenize(text), chunks, rows)], mini)
        (alone,) = mini.encode([text], "retrieval.passage")
        np.testing.assert_allclose(vectors["retrieval.passage"], alone, atol=1e-6)
        (alone,) = mini.encode([sample(mini.tokenize(text), [chunks[0].span])], "separation")
        np.testing.assert_allclose(vectors["separation"], alone, atol=1e-6)
