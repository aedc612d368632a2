"""From passages that a product found to nDCG@10 by pair of languages.

A passage is a place in a page: the characters that it and a section share say whether it stands for the section,
as in `jv3search eval`. A product may give a passage's words only; then they are looked up in the page.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.documents import LANGUAGES, Target
from jv3search.types import Span

DEPTH = 10
PASSAGES = 30  # that are asked for, so that they belong to ten sections


@dataclass(frozen=True, slots=True)
class Passage:
    """A place in a page: `file` below the folder of the documents."""

    file: str
    span: Span


class Pages:
    """The texts of all pages, to find in them the words that products return."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._texts: dict[str, str] = {}

    def passage(self, file: str, words: str) -> Passage:
        """Where the words are in a page; blanks may differ. ValueError if they are not there."""
        text = self._text(file)
        start = text.find(words)
        if start >= 0:
            return Passage(file, Span(start, start + len(words)))
        found = re.search(r"\s*".join(map(re.escape, "".join(words.split()))), text)
        if not found:
            raise ValueError(f"{file} does not have the words {words[:80]!r}")
        return Passage(file, Span(*found.span()))

    def _text(self, file: str) -> str:
        if file not in self._texts:
            self._texts[file] = (self._folder / file).read_bytes().decode("utf-8")
        return self._texts[file]


def stands_for(passage: Passage, target: Target) -> bool:
    """Whether a passage holds at least half of a section, or lies in it with at least half of itself."""
    if passage.file != target.file:
        return False
    return 2 * passage.span.overlap(target.span) >= min(len(passage.span), len(target.span)) > 0


def gain(passages: Iterable[Passage], wanted: Target, others: Sequence[Target]) -> float:
    """nDCG@10 of one query with one relevant section: 1 / log2(1 + rank), 0 below the tenth place.

    `others` are the sections that take a place: one at its best passage. A passage of no section takes one too.
    """
    ranking: list[str] = []
    for passage in passages:
        if stands_for(passage, wanted):
            return 1 / math.log2(2 + len(ranking)) if len(ranking) < DEPTH else 0.0
        name = next((target.anchor for target in others if stands_for(passage, target)), str(passage))
        if name not in ranking:
            ranking.append(name)
    return 0.0


def matrix(gains: Mapping[tuple[str, str], Sequence[float]]) -> dict[str, object]:
    """Means of the gains by (language of the query, language of the documents), and their summary."""
    cells = {a: {b: sum(gains[a, b]) / len(gains[a, b]) for b in LANGUAGES} for a in LANGUAGES}
    same = [cells[a][a] for a in LANGUAGES]
    across = [cells[a][b] for a in LANGUAGES for b in LANGUAGES if a != b]
    return {
        "cells": {a: {b: round(value, 4) for b, value in row.items()} for a, row in cells.items()},
        "same_language": round(sum(same) / len(same), 4),
        "across_languages": round(sum(across) / len(across), 4),
    }
