"""The keyword leg: the chunks that have the query's words."""

from __future__ import annotations

from jv3search.errors import InputError
from jv3search.indexes.snapshot import IndexSnapshot
from jv3search.types import UNKNOWN_LANGUAGE, Filter, LegScore

_EVERYTHING = Filter()


def keyword_leg(
    index: IndexSnapshot, words: str, k: int, where: Filter = _EVERYTHING, language: str = UNKNOWN_LANGUAGE
) -> dict[int, LegScore]:
    """The k chunks that `where` admits in which the rarest of some words are most frequent, by id, best first.

    `words` are any text at all: a chunk needs one of them, inflected as in `language` (as in any language of
    the index if that is unknown); word* stands for every word that begins so. Of more than 500 words
    the rarest count. Scores are BM25, equal ones are ordered by id. InputError for k below 1.
    """
    if k < 1:
        raise InputError(f"k is {k}: ask for at least 1 hit")
    found = enumerate(index.match(words, k, where, language), 1)
    return {
        key: LegScore("keyword", rank, score, coverage=share, rare_coverage=of_rare)
        for rank, (key, score, (share, of_rare)) in found
    }
