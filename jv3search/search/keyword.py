"""The keyword leg: the chunks that have the query's words."""

from __future__ import annotations

from dataclasses import replace

from jv3search.errors import InputError
from jv3search.indexes.snapshot import IndexSnapshot
from jv3search.types import UNKNOWN_LANGUAGE, Filter, Hit, LegScore

_EVERYTHING = Filter()


def keyword_hits(
    index: IndexSnapshot, words: str, k: int, where: Filter = _EVERYTHING, language: str = UNKNOWN_LANGUAGE
) -> list[Hit]:
    """The k chunks that `where` admits in which the rarest of some words are most frequent, best first.

    `words` are any text at all: a chunk needs one of them, inflected as in `language` (as in any language of
    the index if that is unknown); word* stands for every word that begins so. Of more than 500 words
    the rarest count. Scores are BM25, equal ones are ordered by id. InputError for k below 1.
    """
    if k < 1:
        raise InputError(f"k is {k}: ask for at least 1 hit")
    found, terms = index.match(words, k, where, language)
    return [
        replace(
            hit,
            legs=(LegScore("keyword", hit.rank, hit.score, coverage=terms.coverage(hit.text, hit.language)),),
        )
        for hit in index.hits([key for key, _ in found], [score for _, score in found])
    ]
