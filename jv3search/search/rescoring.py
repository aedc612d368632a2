"""The vector index proposes, the catalog decides: candidates are scored again with the stored full-size rows."""

from __future__ import annotations

import numpy as np

from jv3search.indexes.snapshot import IndexSnapshot
from jv3search.indexes.vectors.port import FilteredIds, Ids, Scores
from jv3search.types import Embedding, unit_rows

_MARGIN = 16  # further candidates of full-size vectors, to see whether more share the last hit's score
_ROUNDING = 1e-3  # between scores of float32 and of float16 rows
_MOST = 5_000  # candidates, where more rows than that share one score


def rescored(
    index: IndexSnapshot, unit: Embedding, k: int, filtered_ids: FilteredIds | None, candidates: int
) -> tuple[Ids, Scores]:
    """The k ids nearest to a unit vector and their cosines, best first, equal ones by id.

    `candidates` are scored again where the vector index knows only the first values of each row.
    """
    coarse = index.dimension < len(unit)
    wanted = candidates if coarse else k + _MARGIN
    while True:
        ids, near = _candidates(index, unit, wanted, filtered_ids)
        ids, scores = cosines(index, ids, unit)
        best = np.lexsort((ids, -scores))[:k]
        if coarse or len(near) < wanted or wanted >= _MOST or scores[best[-1]] > near[-1] + _ROUNDING:
            return ids[best], scores[best]
        wanted *= 4


def cosines(index: IndexSnapshot, ids: Ids, unit: Embedding) -> tuple[Ids, Scores]:
    """(ids ascending, the cosines of their full-size rows with a unit vector)."""
    ids, rows = index.embeddings(ids)
    # einsum, not @: the same row gets the same score wherever it stands
    scores: Scores = np.einsum("ij,j->i", rows, unit)
    return ids, scores


def _candidates(
    index: IndexSnapshot, unit: Embedding, wanted: int, filtered_ids: FilteredIds | None
) -> tuple[Ids, Scores]:
    if filtered_ids is not None and len(filtered_ids.ids) <= wanted:
        return filtered_ids.ids, np.empty(0, np.float32)
    among = None if filtered_ids is None else filtered_ids.bitmap
    return index.vectors.nearest(unit_rows(unit, index.dimension), wanted, among)
