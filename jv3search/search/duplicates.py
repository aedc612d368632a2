"""Whether two passages say the same: equal but for layout, or nearly so."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cached_property

import regex

_SHINGLE = 5  # characters, letters and digits only: works in scripts without spaces
_OVERLAP = 0.9  # of the smaller passage's shingles
# The same text as HTML and as plain text, cut differently, overlaps by anything from 0 to 1; different passages of
# one manual by at most 0.7 (Debian Reference), pages made from one template by 0.89 (GIMP's tool options).
_SIZE = 0.5  # a passage that holds all of a shown one and as much again is news
_PROBE, _PROBES = 12, 8  # characters, and how many: 2 us, where shingles take 100
_SIGNS = regex.compile(r"[^\p{L}\p{M}\p{N}]++")
_NUMBER = regex.compile(r"\d{1,18}")


@dataclass(frozen=True)
class Passage:
    """What is compared of a text: letters and digits in one form, and the numbers."""

    letters: str
    numbers: frozenset[int]

    @cached_property
    def shingles(self) -> frozenset[str]:
        """Every run of five letters or digits; most passages are told apart before these are needed."""
        return frozenset(
            self.letters[at : at + _SHINGLE] for at in range(max(1, len(self.letters) - _SHINGLE + 1))
        )

    @cached_property
    def probes(self) -> tuple[str, ...]:
        """A few longer runs from all over the text: a near copy has at least one of them."""
        step = max(1, len(self.letters) // _PROBES)
        return tuple(self.letters[at : at + _PROBE] for at in range(0, step * _PROBES, step))


def passage(text: str) -> Passage:
    """A text without layout, punctuation, case, hyphens at line ends, and variant forms of characters."""
    letters = _SIGNS.sub("", unicodedata.normalize("NFKC", text).casefold())
    return Passage(letters, frozenset(map(int, _NUMBER.findall(text))))


def says_the_same(shown: Passage, other: Passage) -> bool:
    """Whether `other` adds nothing worth a place of its own beside `shown`.

    Passages that each have a number the other lacks never do: invoices and tables of one form.
    """
    if is_equal(shown, other):
        return True
    if not (shown.letters and other.letters) or len(shown.letters) < _SIZE * len(other.letters):
        return False
    if not (shown.numbers <= other.numbers or other.numbers <= shown.numbers):
        return False
    less, more = sorted((shown, other), key=lambda text: len(text.letters))
    if not any(probe in more.letters for probe in less.probes):
        return False
    return len(less.shingles & more.shingles) >= _OVERLAP * len(less.shingles)


def is_equal(shown: Passage, other: Passage) -> bool:
    """The same letters and digits in the same order; passages of signs alone have none to compare."""
    return bool(shown.letters) and shown.letters == other.letters
