"""Each leg of a search alone, with the texts of its hits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from jv3search.indexes import IndexReader
from jv3search.indexes.snapshot import IndexSnapshot
from jv3search.search.dense import dense_leg
from jv3search.search.keyword import keyword_leg
from jv3search.types import UNKNOWN_LANGUAGE, Embedding, Filter, Hit, LegScore

EVERYTHING = Filter()


def dense_hits(index: IndexSnapshot, query: Embedding, k: int, where: Filter = EVERYTHING) -> list[Hit]:
    """The k best of the dense leg in one state of an index."""
    return _hits(index, dense_leg(index, query, k, where))


def dense(reader: IndexReader, query: Embedding, k: int, where: Filter = EVERYTHING) -> list[Hit]:
    """The k best of the dense leg in an index as it is now."""
    with reader.snapshot() as index:
        return dense_hits(index, query, k, where)


def keyword(
    reader: IndexReader, words: str, k: int, where: Filter = EVERYTHING, language: str = UNKNOWN_LANGUAGE
) -> list[Hit]:
    """The k best of the keyword leg in an index as it is now."""
    with reader.snapshot() as index:
        return _hits(index, keyword_leg(index, words, k, where, language))


def _hits(index: IndexSnapshot, leg: Mapping[int, LegScore]) -> list[Hit]:
    hits = index.hits(list(leg), [said.score or 0.0 for said in leg.values()])
    return [replace(hit, legs=(leg[hit.chunk_id],)) for hit in hits]
