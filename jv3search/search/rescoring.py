"""The vector index proposes, the catalog decides: candidates are scored again with the stored full-size rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jv3search.indexes.snapshot import IndexSnapshot
from jv3search.indexes.vectors.port import Ids, Scores
from jv3search.types import Embedding, Filter, unit_rows

_MARGIN = 16  # further candidates of full-size vectors, to see whether more share the last hit's score
_ROUNDING = 1e-3  # between scores of float32 and of float16 rows
_MOST = 5_000  # candidates, where more rows than that share one score

Offsets = Callable[[Embedding], Scores]
"""What is taken off the cosines of each language, by its code, with a query's unit vector at a dimension."""


def rescored(
    index: IndexSnapshot,
    unit: Embedding,
    k: int,
    where: Filter,
    candidates: int,
    offsets: Offsets | None = None,
) -> tuple[Ids, Scores]:
    """The k ids nearest to a unit vector, less the offsets, and their cosines, best first, equal ones by id.

    `candidates` are scored again where the vector index knows only the first values of each row.
    """
    coarse = index.dimension < len(unit)
    near_unit = unit_rows(unit, index.dimension)
    taken = _taken(index, offsets, unit)
    near_taken = _taken(index, offsets, near_unit) if coarse else taken
    rounding = 0.0 if index.vectors.approximate else _ROUNDING
    wanted = candidates if coarse else k + _MARGIN
    while True:
        ids, near = index.vectors.nearest(near_unit, wanted, where, near_taken)
        ids, scores = cosines(index, ids, unit)
        left = scores - taken[index.languages().codes_of(ids)]
        best = np.lexsort((ids, -left))[:k]
        if coarse or len(near) < wanted or wanted >= _MOST or left[best[-1]] > near[-1] + rounding:
            return ids[best], scores[best]
        wanted *= 4


def cosines(index: IndexSnapshot, ids: Ids, unit: Embedding) -> tuple[Ids, Scores]:
    """(ids ascending, the cosines of their full-size rows with a unit vector)."""
    ids, rows = index.embeddings(ids)
    # einsum, not @: the same row gets the same score wherever it stands
    scores: Scores = np.einsum("ij,j->i", rows, unit)
    return ids, scores


def _taken(index: IndexSnapshot, offsets: Offsets | None, unit: Embedding) -> Scores:
    return np.zeros(len(index.languages().names), np.float32) if offsets is None else offsets(unit)
