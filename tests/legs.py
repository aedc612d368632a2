"""Each leg of a search alone, as the benchmarks take it, and what the tests ask of it besides."""

from __future__ import annotations

from benchmarks.legs import EVERYTHING, dense, dense_hits, keyword
from jv3search.indexes import IndexReader
from jv3search.types import Embedding, Hit

__all__ = ["EVERYTHING", "closest", "dense", "dense_hits", "keyword"]


def closest(reader: IndexReader, query: Embedding) -> Hit:
    """The chunk with the highest cosine; the first hit has the highest z-score, and may be in another language."""
    return max(dense(reader, query, 20), key=lambda hit: hit.score)
