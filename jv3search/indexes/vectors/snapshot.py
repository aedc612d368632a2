"""The vectors of one generation: a large index, the rows that came since, and the ids that left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from jv3search.indexes.vectors.port import IdBitmap, Ids, Scores, VectorIndex
from jv3search.types import Embedding

_STALE_SHARE = 0.10  # of the base: more new or removed rows than this, and it is built again
_STALE_LEAST = 256  # rows that are never worth building for


@dataclass(frozen=True, eq=False)
class VectorSnapshot:
    """Searched as one; never changed. `ids` and `rows` (n, dimension) are what the base has not got."""

    identity: str
    generation: int
    dimension: int
    kind: str
    base: VectorIndex
    ids: Ids = field(default_factory=lambda: np.empty(0, np.int64))
    rows: Embedding | None = None
    gone: Ids = field(default_factory=lambda: np.empty(0, np.int64))

    def __len__(self) -> int:
        return len(self.base) - len(self.gone) + len(self.ids)

    @property
    def stale(self) -> bool:
        """Whether so much has changed since the base was built that it should be built again."""
        return len(self.ids) + len(self.gone) > max(_STALE_SHARE * len(self.base), _STALE_LEAST)

    def topped_up(
        self, generation: int, added: Iterable[tuple[int, Embedding]], removed: Iterable[tuple[int, int]]
    ) -> VectorSnapshot:
        """The next snapshot; `added` are (first id, rows), `removed` (first id, count)."""
        fresh = list(added)
        left = [np.arange(first, first + count, dtype=np.int64) for first, count in removed]
        ids = [np.arange(first, first + len(rows), dtype=np.int64) for first, rows in fresh]
        new_ids = np.concatenate([self.ids, *ids])
        old_rows = [] if self.rows is None else [self.rows]
        new_rows = np.concatenate([*old_rows, *(rows for _, rows in fresh)]) if len(new_ids) else None
        gone = np.concatenate([np.empty(0, np.int64), *left])
        if new_rows is not None and len(gone):
            stays = ~np.isin(new_ids, gone)
            new_ids, new_rows = new_ids[stays], new_rows[stays]
        # Ids grow with generations: one that left since and is not above the base's highest was in the base.
        gone = np.union1d(self.gone, gone[gone <= self.base.top])
        return replace(self, generation=generation, ids=new_ids, rows=new_rows, gone=gone)

    def nearest(self, query: Embedding, k: int, among: IdBitmap | None = None) -> tuple[Ids, Scores]:
        """The k nearest ids that did not leave, best first; `among` must have no others."""
        ids, scores = self.base.nearest(query, k, among if among is not None else self._live)
        if not len(self.ids) or self.rows is None:
            return ids, scores
        wanted = slice(None) if among is None else among.contains(self.ids)
        ids = np.concatenate([ids, self.ids[wanted]])
        scores = np.concatenate([scores, self.rows[wanted] @ query])
        best = np.lexsort((ids, -scores))[:k]
        return ids[best], scores[best]

    @cached_property
    def _live(self) -> IdBitmap | None:
        """What is still in the base, None if that is everything."""
        if not len(self.gone):
            return None
        return IdBitmap.all_but(self.gone, self.base.top, len(self.base) - len(self.gone))
