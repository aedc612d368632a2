"""How much of a question's words a passage holds: each term counts by its idf, or by its idf and its rarity."""

from __future__ import annotations

import math

import numpy as np

from jv3search.indexes.keywords.phrases import KeywordQuery
from jv3search.indexes.keywords.snapshot import Matches


def coverage(query: KeywordQuery, found: Matches, chunks: int) -> list[tuple[float, float]]:
    """The shares, 0 to 1, of the terms' idf that each chunk holds, in an index of so many; 0 without terms.

    Of the second share a term gives only a part: its idf in parts of the idf of a term that one chunk has. So it
    is high for names and numbers, and low for words that many chunks share. A term is as frequent as its most
    frequent form, and held in any form.
    """
    held, total = np.zeros((2, len(found.ids))), 0.0
    for term in query.terms:
        weight = _idf(max(found.frequencies[form] for form in term.forms), chunks)
        parts = np.array([[weight], [weight * weight / _idf(1, chunks)]])
        held += parts * np.logical_or.reduce([found.having[form] for form in term.forms])
        total += weight
    shares = held / (total or 1.0)
    return list(zip(*shares.tolist(), strict=True))


def _idf(frequency: int, chunks: int) -> float:
    """Of the probabilistic model (Robertson and Zaragoza 2009), made positive as Lucene does."""
    return math.log(1 + (max(chunks - frequency, 0) + 0.5) / (frequency + 0.5))
