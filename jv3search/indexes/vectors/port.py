"""What every vector index promises: built once, never changed, searched by any number of threads at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from jv3search.types import Embedding

Ids = NDArray[np.int64]
Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Keep:
    """The chunks a search may find: bit i & 7 of byte i >> 3 for id i; `count` of them."""

    bits: NDArray[np.uint8]
    count: int

    @classmethod
    def only(cls, ids: Ids) -> Keep:
        """These ids."""
        marks = np.zeros(int(ids.max(initial=0)) + 1, np.uint8)
        marks[ids] = 1
        return cls(np.packbits(marks, bitorder="little"), len(ids))

    @classmethod
    def all_but(cls, ids: Ids, top: int, count: int) -> Keep:
        """All ids up to `top` but these, which leave `count`."""
        marks = np.ones(top + 1, np.uint8)
        marks[ids] = 0
        return cls(np.packbits(marks, bitorder="little"), count)

    def holds(self, ids: Ids) -> NDArray[np.bool_]:
        """Whether each id is to be kept."""
        inside = ids < 8 * len(self.bits)
        place = np.where(inside, ids, 0)
        bits: NDArray[np.bool_] = (self.bits[place >> 3] >> (place & 7).astype(np.uint8)) & 1 == 1
        return bits & inside


class VectorIndex(Protocol):
    """Unit rows by chunk id."""

    @property
    def approximate(self) -> bool:
        """Whether a search may overlook a row."""

    @property
    def top(self) -> int:
        """The highest id in it, 0 if it is empty."""

    def __len__(self) -> int: ...

    def search(self, query: Embedding, k: int, keep: Keep | None = None) -> tuple[Ids, Scores]:
        """The min(k, rows to keep) nearest ids, best first; exactly if few rows are to be kept."""

    def save(self, path: Path) -> None:
        """Write it to a file; OSError if that fails."""


def unit_rows(rows: NDArray[np.floating], dimension: int) -> Embedding:
    """Truncate, then normalise: float32 unit rows of the first `dimension` values (a zero row stays zero)."""
    cut = np.ascontiguousarray(rows[..., :dimension], np.float32)
    norms = np.linalg.norm(cut, axis=-1, keepdims=True)
    result: Embedding = cut / np.maximum(norms, np.float32(1e-12))
    return result
