"""How much of a question's words a passage holds: each term counts by its idf."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from jv3search.indexes.keywords.phrases import KeywordQuery, Phrase, QueryTerm
from jv3search.indexes.keywords.terms import terms


@dataclass(frozen=True, slots=True)
class WeightedTerms:
    """The terms of a question that were looked for, each with its idf."""

    terms: tuple[tuple[QueryTerm, float], ...] = ()

    def coverage(self, text: str, language: str) -> float:
        """The share, 0 to 1, of the terms' idf that a chunk holds; 0 where there are none."""
        total = sum(idf for _, idf in self.terms)
        if not total:
            return 0.0
        present = {form for term in terms(text, language) for form in (term.exact, *term.forms)}
        return sum(idf for term, idf in self.terms if term.is_in(present)) / total


def weighted(query: KeywordQuery, frequencies: Mapping[Phrase, int], chunks: int) -> WeightedTerms:
    """The idf of each term in an index of so many chunks; a term is as frequent as its most frequent form."""
    return WeightedTerms(
        tuple((term, _idf(max(frequencies[form] for form in term.forms), chunks)) for term in query.terms)
    )


def _idf(frequency: int, chunks: int) -> float:
    """Of the probabilistic model (Robertson and Zaragoza 2009), made positive as Lucene does."""
    return math.log(1 + (max(chunks - frequency, 0) + 0.5) / (frequency + 0.5))
