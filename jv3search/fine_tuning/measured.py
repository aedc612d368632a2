"""How well queries find their passages by cosine alone, as a matrix of languages, and what became worse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jv3search.evaluation.collection import Collection, Query
from jv3search.evaluation.matrix import Matrix, measure
from jv3search.evaluation.measures import Estimate
from jv3search.fine_tuning.pairs import Pairs
from jv3search.types import Embedding, Filter, Hit, Span

MEASURE = "nDCG@10"


def matrix(pairs: Pairs, queries: Embedding, passages: Embedding) -> Matrix:
    """nDCG@10 of an exact search among all passages; rows are unit vectors. A text does not find itself."""
    languages = np.array([of.language for of in pairs.passages])
    itself = pairs.itself()

    def search(query: str, k: int, where: Filter) -> Sequence[Hit]:
        at = int(query)
        scores = passages @ queries[at]
        if where.languages:
            scores[~np.isin(languages, list(where.languages))] = -np.inf
        scores[itself[at]] = -np.inf
        return [_hit(rank, place, scores) for rank, place in enumerate(_best(scores, k), 1)]

    asked = tuple(
        Query(str(at), str(at), query.language, {str(place): 1 for place in pairs.relevant[at]})
        for at, query in enumerate(pairs.queries)
    )
    named = {str(place): of.language for place, of in enumerate(pairs.passages)}
    return measure(Collection(pairs.name, asked, named, lambda _, hit: hit.uri), search, (MEASURE,))


def worse(changes: dict[tuple[str, str], Estimate]) -> dict[tuple[str, str], Estimate]:
    """The pairs of languages that fell by more than chance explains: all of the interval lies below zero."""
    return {pair: of for pair, of in changes.items() if of.high is not None and of.high < 0}


def _best(scores: NDArray[np.float32], k: int) -> list[int]:
    best: list[int] = np.argsort(-scores, kind="stable")[:k].tolist()
    return [place for place in best if np.isfinite(scores[place])]


def _hit(rank: int, place: int, scores: NDArray[np.float32]) -> Hit:
    return Hit(rank, float(scores[place]), place, str(place), "", "", None, None, Span(0, 0), "", "")
