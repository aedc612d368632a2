"""Whether two passages say the same: equal but for layout, or nearly so."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import regex

_SHINGLE = 5  # characters, letters and digits only: works in scripts without spaces
_OVERLAP = 0.9  # of the smaller passage's shingles
# The same text as HTML and as plain text, cut differently, overlaps by anything from 0 to 1; different passages of
# one manual by at most 0.7 (Debian Reference), pages made from one template by 0.89 (GIMP's tool options).
_SIZE = 0.5  # a passage that holds all of a shown one and as much again is news
_NUMBER = regex.compile(r"\d{1,18}")


@dataclass(frozen=True, slots=True)
class Passage:
    """What is compared of a text: letters and digits in one form, their shingles, and the numbers."""

    letters: str
    shingles: frozenset[str]
    numbers: frozenset[int]


def passage(text: str) -> Passage:
    """A text without layout, punctuation, case, hyphens at line ends, and variant forms of characters."""
    letters = "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))
    starts = range(max(1, len(letters) - _SHINGLE + 1))
    return Passage(
        letters,
        frozenset(letters[start : start + _SHINGLE] for start in starts),
        frozenset(map(int, _NUMBER.findall(text))),
    )


def says_the_same(shown: Passage, other: Passage) -> bool:
    """Whether `other` adds nothing worth a place of its own beside `shown`.

    Passages that each have a number the other lacks never do: invoices and tables of one form.
    """
    if is_equal(shown, other):
        return True
    if not (shown.letters and other.letters):
        return False
    if not (shown.numbers <= other.numbers or other.numbers <= shown.numbers):
        return False
    if len(shown.shingles) < _SIZE * len(other.shingles):
        return False
    common = len(shown.shingles & other.shingles)
    return common >= _OVERLAP * min(len(shown.shingles), len(other.shingles))


def is_equal(shown: Passage, other: Passage) -> bool:
    """The same letters and digits in the same order; passages of signs alone have none to compare."""
    return bool(shown.letters) and shown.letters == other.letters
