"""The best chunks by BM25: rare phrases first, and frequent ones only where they can still decide (MaxScore).

Turtle and Flood, Query evaluation: strategies and optimizations, 1995. Nothing is approximate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from jv3search.indexes.keywords.bm25 import K1, B
from jv3search.indexes.keywords.segment import Array, Postings

_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Occurrences:
    """Where something is in each of some segments, whose chunks are numbered on from `starts`."""

    postings: Sequence[Postings]
    starts: Sequence[int]

    def __len__(self) -> int:
        return sum(len(postings.places) + len(postings.forms) for postings in self.postings)

    @property
    def having(self) -> int | None:
        """The number of chunks that have it, None if it has to be counted."""
        each = [postings.having for postings in self.postings]
        return None if None in each else sum(having or 0 for having in each)

    @cached_property
    def chunks(self) -> tuple[Array, Array]:
        """(numbers of the chunks that have it, ascending; how often)."""
        each = [postings.chunks() for postings in self.postings]
        empty = np.empty(0, np.int64)
        numbers = [found.astype(np.int64) + start for (found, _), start in zip(each, self.starts, strict=False)]
        return np.concatenate([empty, *numbers]), np.concatenate([empty, *(counts for _, counts in each)])

    def counts(self, numbers: Array) -> Array:
        """How often each of some chunks has it."""
        order = np.argsort(numbers)
        ascending = numbers[order]
        found = np.zeros(len(numbers), np.int64)
        bounds = pairwise(np.searchsorted(ascending, self.starts).tolist())
        for postings, start, (low, high) in zip(self.postings, self.starts, bounds, strict=False):
            if low < high and (len(postings.places) or len(postings.forms)):
                found[order[low:high]] = postings.counts(ascending[low:high] - start)
        return found


class Scored(NamedTuple):
    """Something that is looked for, and what it weighs."""

    occurrences: Occurrences
    weight: float

    @property
    def bound(self) -> float:
        """More than it can add to the score of a chunk."""
        return self.weight * (K1 + 1)


class Scores:
    """Scores of chunks by their numbers; `lengths` are relative to the average."""

    def __init__(self, lengths: Array) -> None:
        self._lengths = lengths
        self._scores = np.zeros(len(lengths))
        self._seen: list[Array] = []

    def add(self, numbers: Array, counts: Array, weight: float) -> None:
        """What one phrase adds to some chunks."""
        norms = K1 * (1 - B + B * self._lengths[numbers])
        before = self._scores[numbers]
        self._seen.append(numbers[before == 0])
        self._scores[numbers] = before + weight * counts * (K1 + 1) / (counts + norms)

    @property
    def seen(self) -> Array:
        """The numbers of the chunks with a score, in any order."""
        return np.concatenate([np.empty(0, np.int64), *self._seen])

    def of(self, numbers: Array) -> Array:
        """The scores of some chunks."""
        return np.asarray(self._scores[numbers])


def best(wanted: Sequence[Scored], lengths: Array, k: int, admitted: Array | None) -> tuple[Array, Array]:
    """(numbers, scores) of the k best chunks that a mask admits, best first, equal ones by number."""
    found = Scores(lengths)
    left = sorted(wanted, key=lambda one: -one.bound)
    while left and not _settled(found, k, sum(one.bound for one in left)):
        rarest = left.pop(0)
        numbers, counts = rarest.occurrences.chunks
        if admitted is not None:
            kept = admitted[numbers]
            numbers, counts = numbers[kept], counts[kept]
        found.add(numbers, counts, rarest.weight)
    return _first(found, _complete(found, left, k), k)


def among(numbers: Array, wanted: Sequence[Scored], lengths: Array, k: int) -> tuple[Array, Array]:
    """As `best`, of some chunks that are looked at one by one."""
    found = Scores(lengths)
    for one in wanted:
        counts = one.occurrences.counts(numbers)
        found.add(numbers[counts > 0], counts[counts > 0], one.weight)
    return _first(found, found.seen, k)


def _settled(found: Scores, k: int, rest: float) -> bool:
    """Whether no chunk without a score yet can be among the k best."""
    scores = found.of(found.seen)
    return len(scores) >= k and _least(scores, k) > rest


def _complete(found: Scores, left: Sequence[Scored], k: int) -> Array:
    """Add what is left to the chunks that can be among the k best; their numbers."""
    numbers = found.seen
    for at, one in enumerate(left):
        rest = sum(other.bound for other in left[at:])
        scores = found.of(numbers)
        numbers = numbers[scores + rest >= _least(scores, k)]
        found.add(numbers, one.occurrences.counts(numbers), one.weight)
    return numbers


def _least(scores: Array, k: int) -> float:
    """The k-th best score, a little less for rounding; 0 if there are not so many."""
    if len(scores) < k:
        return 0.0
    return float(np.partition(scores, len(scores) - k)[len(scores) - k]) * (1 - _ROUNDING)


def _first(found: Scores, numbers: Array, k: int) -> tuple[Array, Array]:
    scores = found.of(numbers)
    numbers = numbers[scores >= _least(scores, k)]
    scores = found.of(numbers)
    ordered = np.lexsort((numbers, -scores))[:k]
    return numbers[ordered], scores[ordered]
