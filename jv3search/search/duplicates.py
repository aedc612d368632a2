"""Whether two passages say the same: equal but for layout, or nearly so."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import regex
from numpy.typing import NDArray

from jv3search.search.ranking import RANKING

_PROBE, _PROBES = 12, 8  # characters, and how many: few passages share one by chance
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits well mixed: of Fibonacci hashing (Knuth 6.4)
_SIGNS = regex.compile(r"[^\p{L}\p{M}\p{N}]++")
_NUMBER = regex.compile(r"\d{1,18}")


@dataclass(frozen=True)
class NormalizedText:
    """What is compared of a text: letters and digits in one form, and the numbers."""

    letters: str
    numbers: frozenset[int]

    @cached_property
    def shingles(self) -> frozenset[str]:
        """Every run of five letters or digits."""
        return frozenset(
            self.letters[at : at + RANKING.shingle]
            for at in range(max(1, len(self.letters) - RANKING.shingle + 1))
        )


def normalized(text: str) -> NormalizedText:
    """A text without layout, punctuation, case, hyphens at line ends, and variant forms of characters."""
    letters = _SIGNS.sub("", unicodedata.normalize("NFKC", text).casefold())
    return NormalizedText(letters, frozenset(map(int, _NUMBER.findall(text))))


def candidates(texts: Sequence[NormalizedText]) -> list[set[int]]:
    """For each text the places of all that may be its near duplicates, in either order; itself may be among them.

    A near copy that is not shorter has at least one of the probes of a text: longer runs from all over it, or of a
    short text one shingle more than a near copy may lack. The time grows with the length of all texts together.
    """
    found: list[set[int]] = [set() for _ in texts]
    long = [_long_probes(text.letters) for text in texts]
    short = [[] if probes else _short_probes(text.letters) for text, probes in zip(texts, long, strict=True)]
    for width, probes in ((_PROBE, long), (RANKING.shingle, short)):
        for place, other in _holders(texts, probes, width):
            found[place].add(other)
            found[other].add(place)
    return found


def _long_probes(letters: str) -> list[int]:
    """Where the probes of a text start; none if it is too short for them."""
    step = len(letters) // _PROBES
    return list(range(0, step * _PROBES, step)) if step >= _PROBE else []


def _short_probes(letters: str) -> list[int]:
    places = {letters[at : at + RANKING.shingle]: at for at in range(max(1, len(letters) - RANKING.shingle + 1))}
    needed = len(places) - math.ceil(RANKING.duplicate_overlap * len(places)) + 1
    return list(places.values())[:needed] if letters else []


def _holders(
    texts: Sequence[NormalizedText], probes: Sequence[Sequence[int]], width: int
) -> Iterator[tuple[int, int]]:
    """(a, b) for each text `a` with a probe of `b`; probes are `width` characters from a start in their text."""
    sizes = np.array([len(text.letters) + width for text in texts])
    owners = np.repeat(np.arange(len(texts)), [len(starts) for starts in probes])
    if not len(owners):
        return
    runs = _run_hashes("".join(text.letters + "\0" * width for text in texts), width)
    starts = (np.cumsum(sizes) - sizes)[owners] + np.array([at for of_text in probes for at in of_text])
    known, numbers = np.unique(runs[starts], return_inverse=True)
    nearest = np.minimum(np.searchsorted(known, runs), len(known) - 1)
    places = np.flatnonzero(known[nearest] == runs)
    holding = np.repeat(np.arange(len(texts)), sizes)[places]
    yield from _pairs(holding, nearest[places], numbers, owners)


def _pairs(
    holding: NDArray[np.intp], held: NDArray[np.intp], numbers: NDArray[np.intp], owners: NDArray[np.intp]
) -> Iterator[tuple[int, int]]:
    """Each (holder, owner) once: text `holding[i]` has the probe `held[i]`; `numbers` are those of `owners`."""
    by_number = owners[np.argsort(numbers, kind="stable")]
    counts = np.bincount(numbers)
    many = counts[held]
    starts = np.repeat((np.cumsum(counts) - counts)[held] - (np.cumsum(many) - many), many)
    of_each = by_number[starts + np.arange(len(starts))]
    yield from set(zip(np.repeat(holding, many).tolist(), of_each.tolist(), strict=True))


def _run_hashes(text: str, width: int) -> NDArray[np.uint64]:
    """A hash of the `width` characters from each character of a text on, but for the last ones."""
    codes = np.frombuffer(text.encode("utf-32-le"), "<u4").astype(np.uint64)
    count = len(codes) - width + 1
    hashes = np.zeros(count, np.uint64)
    for at in range(width):
        hashes = hashes * _MULTIPLIER + codes[at : at + count]
    return hashes


def near_duplicate(shown: NormalizedText, other: NormalizedText) -> bool:
    """Whether `other` adds nothing worth a place of its own beside `shown`.

    Passages that each have a number the other lacks never do: invoices and tables of one form.
    """
    if is_equal(shown, other):
        return True
    if not (shown.letters and other.letters) or len(shown.letters) < RANKING.duplicate_size * len(other.letters):
        return False
    if not (shown.numbers <= other.numbers or other.numbers <= shown.numbers):
        return False
    less, more = sorted((shown, other), key=lambda text: len(text.letters))
    return len(less.shingles & more.shingles) >= RANKING.duplicate_overlap * len(less.shingles)


def is_equal(shown: NormalizedText, other: NormalizedText) -> bool:
    """The same letters and digits in the same order; passages of signs alone have none to compare."""
    return bool(shown.letters) and shown.letters == other.letters
