"""The vectors of one generation: a large index, the rows that came since, and the ids that left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from jv3search.indexes.vectors.languages import ChunkLanguages
from jv3search.indexes.vectors.port import IdBitmap, Ids, Scores, VectorIndex
from jv3search.types import Embedding

_STALE_SHARE = 0.10  # of the base: more new or removed rows than this, and it is built again
_STALE_LEAST = 256  # rows that are never worth building for


@dataclass(frozen=True, eq=False)
class VectorSnapshot:
    """Searched as one; never changed. `ids` and `rows` (n, dimension) are what the base has not got.

    `languages` are those of all chunks; their codes in the base are the same.
    """

    identity: str
    generation: int
    dimension: int
    kind: str
    base: VectorIndex
    languages: ChunkLanguages
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
        self,
        generation: int,
        added: Iterable[tuple[int, Embedding]],
        languages: tuple[Ids, Sequence[str]],
        removed: Iterable[tuple[int, int]],
    ) -> VectorSnapshot:
        """The next snapshot.

        `added` are (first id, rows), `languages` (ids, their languages), `removed` (first id, count).
        """
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
        known = self.languages.changed(*languages, gone)
        # Ids grow with generations: one that left since and is not above the base's highest was in the base.
        gone = np.union1d(self.gone, gone[gone <= self.base.top])
        return replace(self, generation=generation, languages=known, ids=new_ids, rows=new_rows, gone=gone)

    def nearest(
        self, query: Embedding, k: int, among: IdBitmap | None = None, offsets: Scores | None = None
    ) -> tuple[Ids, Scores]:
        """As a vector index; `among` must have no ids that left."""
        ids, scores = self.base.nearest(query, k, among if among is not None else self._live, offsets)
        if not len(self.ids) or self.rows is None:
            return ids, scores
        new = np.einsum("ij,j->i", self.rows, query)
        if offsets is not None:
            new = (new - offsets[self.languages.codes_of(self.ids)]).astype(np.float32)
        wanted = new > -np.inf
        if among is not None:
            wanted &= among.contains(self.ids)
        ids = np.concatenate([ids, self.ids[wanted]])
        scores = np.concatenate([scores, new[wanted]])
        best = np.lexsort((ids, -scores))[:k]
        return ids[best], scores[best]

    @cached_property
    def _live(self) -> IdBitmap | None:
        """What is still in the base, None if that is everything."""
        if not len(self.gone):
            return None
        return IdBitmap.all_but(self.gone, self.base.top, len(self.base) - len(self.gone))
