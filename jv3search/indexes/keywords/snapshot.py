"""The keyword index of one generation: segments, and the ids that left since they were made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from jv3search.indexes.keywords import scoring
from jv3search.indexes.keywords.bm25 import idf, weight
from jv3search.indexes.keywords.phrases import Phrase
from jv3search.indexes.keywords.scoring import Occurrences, Scored
from jv3search.indexes.keywords.segment import Array, Segment
from jv3search.indexes.vectors.port import FilteredIds, Ids

_MOST_PHRASES = 500  # of a long text the rarest tell most
_REMEMBERED = 20_000  # frequencies: two megabytes
_FEW = 2_000  # chunks that are looked at one by one, instead of all that have the words


class Matches(NamedTuple):
    """Chunks, best first, with BM25; of each phrase, how many of all chunks have it, and which of these."""

    ids: list[int]
    scores: list[float]
    frequencies: dict[Phrase, int]
    having: dict[Phrase, Array]


@dataclass(frozen=True, eq=False)
class KeywordSnapshot:
    """Searched as one; never changed. The segments' ids ascend from one to the next; `gone` ascend too."""

    identity: str
    generation: int
    segments: tuple[Segment, ...] = ()
    gone: Ids = field(default_factory=lambda: np.empty(0, np.int64))
    _frequencies: dict[Phrase, int] = field(default_factory=dict)

    @property
    def wordless(self) -> int:
        """The number of chunks without any term."""
        return int(self.live.sum()) - self.entries

    def match(self, wanted: Sequence[Phrase], k: int, among: FilteredIds | None = None) -> Matches:
        """The k chunks of `among` with any of some phrases that are best by BM25, best first, equal ones by id.

        A single term counts as it is and as a form of another, several terms as they are. Fewer than k only if
        fewer exist. Frequencies are those in the whole index, whatever `among` is.
        """
        found = {phrase: self._occurrences(phrase) for phrase in dict.fromkeys(wanted)}
        frequencies = {phrase: self._frequency(phrase, where) for phrase, where in found.items()}
        rarest = sorted((phrase for phrase in found if frequencies[phrase]), key=frequencies.__getitem__)
        scored = [
            Scored(found[phrase], weight(phrase) * idf(self.entries, frequencies[phrase]))
            for phrase in rarest[:_MOST_PHRASES]
        ]
        numbers, scores = self._best(scored, k, among)
        having = {phrase: where.counts(numbers) > 0 for phrase, where in found.items()}
        return Matches(self.ids[numbers].tolist(), scores.tolist(), frequencies, having)

    def having(self, phrase: Phrase) -> Ids:
        """The ids of the chunks with exactly these terms, one after the other, ascending."""
        parts = [segment.ids[segment.exact(phrase)] for segment in self.segments]
        ids = np.concatenate([np.empty(0, np.int64), *parts])
        return ids[~np.isin(ids, self.gone)] if len(self.gone) else ids

    def numbers_of(self, ids: Ids) -> Array:
        """The numbers, in all segments together, of those of some ascending ids that are there, ascending."""
        if not len(self.ids):
            return np.empty(0, np.int64)
        at = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return np.asarray(at[self.ids[at] == ids])

    def live_in(self, segment: int) -> Array:
        """Which chunks of a segment did not leave."""
        return self.live[self.starts[segment] : self.starts[segment + 1]]

    @cached_property
    def starts(self) -> list[int]:
        """The number of the first chunk of each segment, and the number of all."""
        return [0, *accumulate(map(len, self.segments))]

    @cached_property
    def ids(self) -> Ids:
        """The id of each chunk, by its number."""
        return np.concatenate([np.empty(0, np.int64), *(segment.ids for segment in self.segments)])

    @cached_property
    def live(self) -> Array:
        """Whether each chunk is still there."""
        alive = np.ones(len(self.ids), bool)
        alive[self._gone_numbers] = False
        return alive

    @cached_property
    def entries(self) -> int:
        """The number of chunks with a term."""
        return int(((self._lengths > 0) & self.live).sum())

    @cached_property
    def _gone_numbers(self) -> Array:
        return self.numbers_of(self.gone)

    @cached_property
    def _lengths(self) -> Array:
        return np.concatenate([np.empty(0, np.uint32), *(segment.lengths for segment in self.segments)])

    @cached_property
    def _relative_lengths(self) -> Array:
        """Over the average."""
        total = int(self._lengths[self.live].sum())
        return self._lengths * (self.entries / max(total, 1))

    def _occurrences(self, phrase: Phrase) -> Occurrences:
        return Occurrences([segment.anywhere(phrase) for segment in self.segments], self.starts)

    def _frequency(self, phrase: Phrase, where: Occurrences) -> int:
        """How many chunks have it; remembered, for words of many chunks come again and take long to count."""
        known = self._frequencies.get(phrase)
        if known is None:
            if len(self._frequencies) == _REMEMBERED:
                self._frequencies.clear()
            self._frequencies[phrase] = known = self._counted(where)
        return known

    def _counted(self, where: Occurrences) -> int:
        gone = self._gone_numbers
        if where.having is None or len(where) < len(gone):
            return int(self.live[where.chunks[0]].sum())
        return where.having - int((where.counts(gone) > 0).sum())

    def _best(self, wanted: Sequence[Scored], k: int, among: FilteredIds | None) -> tuple[Array, Array]:
        if among is not None and len(among.ids) <= _FEW:
            return scoring.among(self.numbers_of(among.ids), wanted, self._relative_lengths, k)
        return scoring.best(wanted, self._relative_lengths, k, self._admitted(among))

    def _admitted(self, among: FilteredIds | None) -> Array | None:
        """A mask of all chunks, None if every one may be found."""
        if among is None:
            return self.live if len(self.gone) else None
        marks = np.zeros(int(max(self.ids.max(initial=0), among.ids.max(initial=0))) + 1, bool)  # by id
        marks[among.ids] = True
        return np.asarray(marks[self.ids])


OpenKeywords = Callable[[], KeywordSnapshot]
"""Gives the keywords of one state of an index; the first call may have to make them."""
"""Of no chunks."""
