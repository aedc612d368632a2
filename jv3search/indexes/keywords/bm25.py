"""BM25 (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009) and its constants here."""

from __future__ import annotations

import math

from jv3search.indexes.keywords.phrases import Phrase

K1, B = 1.2, 0.75


def weight(phrase: Phrase) -> int:
    """How often a phrase counts: several terms twice, so that a word found whole beats its parts found often."""
    return 1 if len(phrase.terms) == 1 else 2


def idf(entries: int, having: int) -> float:
    """What a phrase in `having` of `entries` chunks weighs; what is in over half of them hardly anything."""
    weight = math.log((entries - having + 0.5) / (having + 0.5))
    return weight if weight > 0 else 1e-6
