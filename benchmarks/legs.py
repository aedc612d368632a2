"""Each leg of a search alone, in an index as it is now."""

from __future__ import annotations

from jv3search.indexes import IndexReader
from jv3search.search.dense import dense_hits
from jv3search.search.keyword import keyword_hits
from jv3search.types import UNKNOWN_LANGUAGE, Embedding, Filter, Hit

EVERYTHING = Filter()


def dense(reader: IndexReader, query: Embedding, k: int, where: Filter = EVERYTHING) -> list[Hit]:
    """The k best of the dense leg."""
    with reader.snapshot() as index:
        return dense_hits(index, query, k, where)


def keyword(
    reader: IndexReader, words: str, k: int, where: Filter = EVERYTHING, language: str = UNKNOWN_LANGUAGE
) -> list[Hit]:
    """The k best of the keyword leg."""
    with reader.snapshot() as index:
        return keyword_hits(index, words, k, where, language)
