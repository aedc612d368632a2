"""What a search is promised of an index's vectors, and what an index in memory promises: it never changes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from jv3search.types import Embedding, Filter

if TYPE_CHECKING:
    from jv3search.indexes.vectors.languages import ChunkLanguages, LanguageSamples

Ids = NDArray[np.int64]
Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class IdBitmap:
    """The chunks a search may find: bit i & 7 of byte i >> 3 for id i; `count` of them."""

    bits: NDArray[np.uint8]
    count: int

    @classmethod
    def only(cls, ids: Ids) -> IdBitmap:
        """These ids."""
        marks = np.zeros(int(ids.max(initial=0)) + 1, np.uint8)
        marks[ids] = 1
        return cls(np.packbits(marks, bitorder="little"), len(ids))

    @classmethod
    def all_but(cls, ids: Ids, top: int, count: int) -> IdBitmap:
        """All ids up to `top` but these, which leave `count`."""
        marks = np.ones(top + 1, np.uint8)
        marks[ids] = 0
        return cls(np.packbits(marks, bitorder="little"), count)

    def contains(self, ids: Ids) -> NDArray[np.bool_]:
        """Which of some ids a search may find."""
        inside = ids < 8 * len(self.bits)
        place = np.where(inside, ids, 0)
        bits: NDArray[np.bool_] = (self.bits[place >> 3] >> (place & 7).astype(np.uint8)) & 1 == 1
        return bits & inside


class FilteredIds:
    """The chunks that a filter admits: their ids, ascending, and the same as a bitmap."""

    def __init__(self, ids: Ids) -> None:
        self.ids = ids

    @property
    def nbytes(self) -> int:
        """Bytes of memory, the bitmap's too, whether or not it was made yet."""
        return self.ids.nbytes + int(self.ids.max(initial=0)) // 8 + 1

    @cached_property
    def bitmap(self) -> IdBitmap:
        """The same for a vector index."""
        return IdBitmap.only(self.ids)

    def contains(self, ids: Ids) -> NDArray[np.bool_]:
        """Which of some ids are among them."""
        if not len(self.ids):
            return np.zeros(len(ids), bool)
        at = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return np.asarray(self.ids[at] == ids)


class Languages(Protocol):
    """The languages of an index's chunks: a code is a place in `names`."""

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each; one may have no chunks any more."""

    @property
    def counts(self) -> NDArray[np.int64]:
        """The chunks of each."""

    def codes_of(self, ids: Ids) -> NDArray[np.uint16]:
        """The codes of some chunks, NO_LANGUAGE for those that are not in the index."""


class Vectors(Protocol):
    """The vectors of one state of an index, as a search asks for them: in this process, or on a server.

    What is here depends on the catalog's transaction that it was made with, and serves as long as that is open.
    """

    @property
    def languages(self) -> Languages:
        """The languages of the chunks."""

    @property
    def samples(self) -> LanguageSamples:
        """What is known of each language, at full size and at the dimension that is searched."""

    @property
    def approximate(self) -> bool:
        """Whether a search may overlook a row."""

    def __len__(self) -> int:
        """The number of chunks."""

    def nearest(
        self, query: Embedding, k: int, where: Filter, offsets: Scores | None = None
    ) -> tuple[Ids, Scores]:
        """The k best ids that `where` admits and their scores, best first, fewer only if fewer are admitted.

        A score is the cosine less the offset of the chunk's language, one for each code, to within 0.005; a
        language whose offset is infinite is not searched. None takes nothing off. It is exact among few: where
        less than k are admitted, they may come in any order, and without scores (0).
        """

    def size(self) -> int:
        """Bytes on disk."""


class VectorIndex(Protocol):
    """Unit rows by chunk id, each in a language."""

    @property
    def languages(self) -> ChunkLanguages:
        """The language of each chunk."""

    @property
    def samples(self) -> LanguageSamples:
        """What is known of each language, at the index's dimension too."""

    @property
    def approximate(self) -> bool:
        """Whether a search may overlook a row."""

    @property
    def top(self) -> int:
        """The highest id in it, 0 if it is empty."""

    def __len__(self) -> int: ...

    def nearest(
        self, query: Embedding, k: int, among: IdBitmap | None = None, offsets: Scores | None = None
    ) -> tuple[Ids, Scores]:
        """The k best ids and their scores, best first, fewer if there are fewer; exact for a small `among`.

        A score is the cosine less the offset of the chunk's language, one for each code; a language whose offset
        is infinite is not searched. None takes nothing off. Large indexes keep a value in eight bits: their scores
        are true to 0.005.
        """

    def size(self) -> int:
        """Bytes on disk."""
