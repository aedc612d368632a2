"""The accelerator proposes, the catalog decides: candidates are scored again with the stored full-size rows."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jv3search.indexes.vectors.port import Ids, Keep, Scores, unit_rows
from jv3search.indexes.vectors.snapshot import Snapshot
from jv3search.indexes.view import View
from jv3search.types import Embedding

_CANDIDATES = 200  # at least, when the accelerator knows only the first values of each row
_PER_HIT = 10  # candidates a hit, but not more than _FURTHER beyond the hits
_FURTHER = 1_000
_MARGIN = 16  # further candidates otherwise, to see whether more share the last hit's score
_ROUNDING = 1e-3  # between scores of float32 and of float16 rows
_MOST = 5_000  # candidates, where more rows than that share one score


class Survivors:
    """The chunks a filter admits, ready for every search of one generation."""

    def __init__(self, ids: Ids) -> None:
        self.ids = ids

    @cached_property
    def keep(self) -> Keep:
        """The same for a vector index."""
        return Keep.only(self.ids)

    def hold(self, ids: Ids) -> NDArray[np.bool_]:
        """Which of some ids are among them."""
        if not len(self.ids):
            return np.zeros(len(ids), bool)
        at = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return np.asarray(self.ids[at] == ids)


def ranked(
    view: View,
    snapshot: Snapshot,
    query: Embedding,
    k: int,
    survivors: Survivors | None,
    candidates: int | None = None,
) -> tuple[Ids, Scores]:
    """The k best ids and their cosines, best first, equal ones by id.

    `candidates` are scored again where the accelerator knows only the first values of each row.
    """
    coarse = snapshot.dimension < len(query)
    unit = unit_rows(query, len(query))
    usual = max(_CANDIDATES, min(_PER_HIT * k, k + _FURTHER))
    wanted = (candidates or usual) if coarse else k + _MARGIN
    while True:
        ids, near = _candidates(snapshot, unit, wanted, survivors)
        ids, scores = scored(view, ids, unit)
        best = np.lexsort((ids, -scores))[:k]
        if coarse or len(near) < wanted or wanted >= _MOST or scores[best[-1]] > near[-1] + _ROUNDING:
            return ids[best], scores[best]
        wanted *= 4


def _candidates(
    snapshot: Snapshot, unit: Embedding, wanted: int, survivors: Survivors | None
) -> tuple[Ids, Scores]:
    if survivors is not None and len(survivors.ids) <= wanted:
        return survivors.ids, np.empty(0, np.float32)
    keep = None if survivors is None else survivors.keep
    return snapshot.search(unit_rows(unit, snapshot.dimension), wanted, keep)


def scored(view: View, ids: Ids, unit: Embedding) -> tuple[Ids, Scores]:
    """(ids ascending, the cosines of their full-size rows with a unit vector)."""
    ids, rows = view.rows(ids, len(unit))
    # einsum, not @: the same row gets the same score wherever it stands
    scores: Scores = np.einsum("ij,j->i", unit_rows(rows, len(unit)), unit)
    return ids, scores
