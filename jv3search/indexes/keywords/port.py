"""What a keyword index inside the catalog's database promises, whichever database that is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Select

from jv3search.indexes.keywords.phrases import Phrase
from jv3search.indexes.keywords.terms import Term

K1, B = 1.2, 0.75  # Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009; what FTS5 uses too
_MOST_PHRASES = 500  # a page of text takes 0.1 s, ten take 8 s; the rarest tell most


class Entry(NamedTuple):
    """The terms of a chunk."""

    chunk: int
    terms: Sequence[Term]


class Keywords(Protocol):
    """Changes are part of the connection's transaction; a chunk without terms has no entry."""

    def create(self) -> None:
        """Make it empty, in place of what was there."""
        ...

    def add(self, entries: Iterable[Entry]) -> None:
        """Put entries in; their chunks must not have one."""
        ...

    def remove(self, entries: Iterable[Entry]) -> None:
        """Take entries out; their terms must be those that were put in."""
        ...

    def frequencies(self, wanted: Sequence[Phrase]) -> list[int]:
        """How many chunks have each; a single term as it is or as a form of another, several as they are."""
        ...

    def match(self, wanted: Mapping[Phrase, int], k: int, admitted: Select[Any] | None) -> list[tuple[int, float]]:
        """The k best (chunk, BM25) with any of `wanted` among the chunks that `admitted` selects, best first.

        `wanted` maps phrases to their frequencies. Equal scores by chunk; fewer than k only if fewer exist.
        """
        ...

    def having(self, phrase: Phrase) -> Select[Any]:
        """The chunks with exactly these terms, one after the other."""
        ...

    def count(self) -> int:
        """The number of entries."""
        ...


def rarest_first(wanted: Mapping[Phrase, int]) -> list[tuple[int, Phrase]]:
    """(chunks that have it, phrase) of the phrases that occur, of many the rarest."""
    counted = sorted((count, number, phrase) for number, (phrase, count) in enumerate(wanted.items()) if count)
    return [(count, phrase) for count, _, phrase in counted[:_MOST_PHRASES]]


def rare(rarest: Sequence[tuple[int, Phrase]], matches: int) -> list[Phrase]:
    """As many of the rarest as have no more than so many matches together, at least one.

    Words that are in many chunks weigh little: where rarer ones match, they need only be scored there.
    """
    chosen: list[Phrase] = []
    for count, phrase in rarest:
        matches -= count
        if chosen and matches < 0:
            break
        chosen.append(phrase)
    return chosen


def weight(phrase: Phrase) -> int:
    """How often a phrase counts: several terms twice, so that a word found whole beats its parts found often."""
    return 1 if len(phrase.terms) == 1 else 2


def idf(entries: int, having: int) -> float:
    """What a phrase in `having` of `entries` chunks weighs; what is in over half of them hardly anything."""
    weight = math.log((entries - having + 0.5) / (having + 0.5))
    return weight if weight > 0 else 1e-6
