"""Two books nobody trains on, their sections aligned by their anchors: one to report, one to choose by."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jv3search.types import Task
from training.settings import CHOICE_LANGUAGES, CHOICE_PACKAGE, DIMS, TEST_LANGUAGES, TREE

HEADING = re.compile(r'<h([1-6]) class="title"[^>]*><a(?: xmlns="")? id="([^"]+)"\s*/?>(?:</a>)?(.*?)</h\1>', re.S)
NUMBER = re.compile(r"^\W*(?:[^\W\d]*\s*)?(?:\d+|[A-Z])(?:\.\d+)*\.?\s+")
TAG = re.compile(r"<[^>]*>")
PASSAGE_LENGTH = 700
HITS = 10
INDEXES = ("index", "ix")  # how the pages begin that only list others
Vectors = NDArray[np.float32]
Encode = Callable[[list[str], Task], Vectors]


@dataclass
class Section:
    """A heading and the text below it, up to the next heading."""

    title: str
    text: str


Sections = dict[str, list[Section]]  # by language; the same number is the same section


def plain(markup: str) -> str:
    """Markup without tags, on one line."""
    return " ".join(html.unescape(TAG.sub(" ", markup)).split())


def chapter(page: str) -> dict[str, Section]:
    """Anchor -> section of one HTML page."""
    found = list(HEADING.finditer(page))
    ends = [match.start() for match in found[1:]] + [len(page)]
    sections = {}
    for match, end in zip(found, ends, strict=True):
        title = NUMBER.sub("", plain(match[3]).replace("\xa0", " "))
        sections[match[2]] = Section(title, plain(page[match.end() : end]))
    return sections


def files(lang: str, tree: Path = TREE) -> list[Path]:
    """The pages of the Debian Reference in a language."""
    return sorted((tree / f"debian-reference-{lang}").rglob(f"*.{lang}.html"))


def handbook_files(lang: str, tree: Path = TREE) -> list[Path]:
    """The pages of the Debian Administrator's Handbook in a language."""
    return sorted((tree / CHOICE_PACKAGE).rglob(f"{CHOICE_LANGUAGES[lang]}/*.html"))


def book(pages: list[Path]) -> dict[str, Section]:
    """All sections of a book in a language, by anchor."""
    found: dict[str, Section] = {}
    for path in pages:
        if not path.name.startswith(INDEXES):
            found.update(chapter(path.read_text("utf-8")))
    return found


def aligned(books: dict[str, dict[str, Section]]) -> Sections:
    """The sections that every language has with some text, in the English order."""
    anchors = [
        name for name in books["en"] if all(name in b and b[name].text and b[name].title for b in books.values())
    ]
    return {lang: [found[name] for name in anchors] for lang, found in books.items()}


def test_sections() -> Sections:
    """The Debian Reference: what is reported."""
    return aligned({lang: book(files(lang)) for lang in TEST_LANGUAGES})


def choice_sections() -> Sections:
    """The Debian Handbook without what is left in English: what choices between variants are made on."""
    books = {lang: book(handbook_files(lang)) for lang in CHOICE_LANGUAGES}
    english = {name: section.text for name, section in books["en"].items()}
    for lang in books.keys() - {"en"}:
        books[lang] = {name: section for name, section in books[lang].items() if section.text != english.get(name)}
    return aligned(books)


def found(queries: Vectors, passages: Vectors) -> NDArray[np.bool_]:
    """Whether each query's own passage is among the first ten."""
    scores = queries @ passages.T
    better: NDArray[np.int64] = (scores > scores.diagonal()[:, None]).sum(1)
    return better < HITS


def hits(queries: Vectors, passages: Vectors) -> float:
    """Share of queries whose own passage is among the first ten."""
    return float(found(queries, passages).mean())


def cut(vectors: Vectors, dim: int) -> Vectors:
    """Truncate, then normalise."""
    short = vectors[:, :dim]
    unit: Vectors = short / np.linalg.norm(short, axis=1, keepdims=True).clip(1e-9)
    return unit


def measure(encode: Encode, sections: Sections) -> dict[int, NDArray[np.float64]]:
    """Dimension -> matrix of hit@10; row: language of the query, column: of the passage."""
    queries = {lang: encode([s.title for s in rows], "retrieval.query") for lang, rows in sections.items()}
    passages = {
        lang: encode([s.text[:PASSAGE_LENGTH] for s in rows], "retrieval.passage")
        for lang, rows in sections.items()
    }
    return {
        dim: np.array([[hits(cut(queries[a], dim), cut(passages[b], dim)) for b in sections] for a in sections])
        for dim in DIMS
    }


def summary(matrix: NDArray[np.float64]) -> tuple[float, float]:
    """(mean of the same-language cells, mean of the cross-language ones)."""
    mono = float(matrix.diagonal().mean())
    cross = float((matrix.sum() - matrix.trace()) / (matrix.size - len(matrix)))
    return mono, cross
