"""Monotone alignment of two documents' chunks by their embeddings, in numpy alone.

Dynamic programming over beads of 1-1, 1-2 and 2-1 chunks, or one chunk left out on either side (Gale & Church
1993, Computational Linguistics 19:1; with embeddings in place of lengths: Vecalign, Thompson & Koehn 2019,
EMNLP). A bead is worth its cosine above what any two chunks of these documents have in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bead = tuple[range, range]
"""Neighbouring chunks of the first document, and those of the second that say the same."""

_OUT_FIRST, _ONE_ONE, _ONE_TWO, _TWO_ONE, _OUT_SECOND = range(5)
_TAKEN = {_OUT_FIRST: (1, 0), _ONE_ONE: (1, 1), _ONE_TWO: (1, 2), _TWO_ONE: (2, 1), _OUT_SECOND: (0, 1)}
_TWO_FOR_ONE = 1.5  # a bead of three chunks against two beads of one and one, for the same cosine
_FEW = 2  # chunks: too few to tell what is common by, so each is aligned with something
_IMPOSSIBLE = -1e9


@dataclass(frozen=True, slots=True)
class Alignment:
    """Beads in order, and what speaks for them.

    `similarity` is the mean cosine inside the beads weighted by size, `background` that of all other pairs of
    chunks (None if there is no other); `coverage` is the share of the document of which less is aligned; `best`
    is the share of aligned chunks that are most similar to a chunk of their own bead.
    """

    beads: tuple[Bead, ...]
    similarity: float
    background: float | None
    coverage: float
    best: float

    def pairs(self, cosines: NDArray[np.float32]) -> list[tuple[int, int, float]]:
        """Every pair of chunks in one bead, with its cosine; `cosines` are those it was made of."""
        return [(i, j, float(cosines[i, j])) for rows, columns in self.beads for i in rows for j in columns]


def align(cosines: NDArray[np.float32], first_sizes: Sequence[int], second_sizes: Sequence[int]) -> Alignment:
    """Align by the (n, m) cosines of two documents' chunks, whose sizes count in any one unit."""
    rows, columns = cosines.shape
    common = float(np.median(cosines)) if min(rows, columns) > _FEW else float(cosines.min()) - 1e-3
    beads = _trace(_moves(cosines - common))
    inside = np.zeros(cosines.shape, bool)
    for some, same in beads:
        inside[some.start : some.stop, same.start : same.stop] = True
    sizes = np.add.outer(np.asarray(first_sizes), np.asarray(second_sizes))
    own, others = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    own_best = inside[own, cosines.argmax(axis=1)[own]]
    others_best = inside[cosines.argmax(axis=0)[others], others]
    return Alignment(
        tuple(beads),
        float(np.average(cosines[inside], weights=sizes[inside])) if beads else 0.0,
        None if inside.all() else float(cosines[~inside].mean()),
        min(_share(own, first_sizes), _share(others, second_sizes)),
        float(own_best.mean() + others_best.mean()) / 2 if beads else 0.0,
    )


def _share(aligned: NDArray[np.int64], sizes: Sequence[int]) -> float:
    return float(np.asarray(sizes)[aligned].sum() / max(1, sum(sizes)))


def _moves(worth: NDArray[np.float32]) -> NDArray[np.int8]:
    """(n, m) worth of pairs -> (n + 1, m + 1) the best last move at each point, one row of numpy at a time."""
    rows, columns = worth.shape
    moves = np.full((rows + 1, columns + 1), _OUT_SECOND, np.int8)
    before, last = np.full(columns + 1, _IMPOSSIBLE), np.zeros(columns + 1)
    for i in range(1, rows + 1):
        options = np.full((4, columns + 1), _IMPOSSIBLE)
        options[_OUT_FIRST] = last
        options[_ONE_ONE, 1:] = last[:-1] + worth[i - 1]
        options[_ONE_TWO, 2:] = last[:-2] + _TWO_FOR_ONE * (worth[i - 1, :-1] + worth[i - 1, 1:]) / 2
        if i > 1:
            options[_TWO_ONE, 1:] = before[:-1] + _TWO_FOR_ONE * (worth[i - 2] + worth[i - 1]) / 2
        chosen = options.argmax(axis=0)
        found = options[chosen, np.arange(columns + 1)]
        best = np.maximum.accumulate(found)  # leaving out chunks of the second document costs nothing
        moves[i] = np.where(best > found, _OUT_SECOND, chosen)
        before, last = last, best
    return moves


def _trace(moves: NDArray[np.int8]) -> list[Bead]:
    i, j = moves.shape[0] - 1, moves.shape[1] - 1
    beads: list[Bead] = []
    while i and j:
        down, along = _TAKEN[int(moves[i, j])]
        if down and along:
            beads.append((range(i - down, i), range(j - along, j)))
        i, j = i - down, j - along
    return beads[::-1]
