"""Late chunking in whole chapters and in their sections, and naive chunking, on both reserved books.

All through the public encoder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jv3search.encoders.models import load
from jv3search.encoders.port import Encoder
from jv3search.types import Span
from training.reference import HITS, INDEXES, Section, chapter, files, handbook_files

CHUNK = 400  # characters, about; chunks end with a sentence
SENTENCE = re.compile(r"(?<=[.!?。！？])\s*")
POINTING = {
    "en": r"(This|These|It|They|That|Those|He|She|Such|Here)\b",
    "de": r"(Dies\w*|Es|Sie|Er|Das|Diese\w*|Hier\w*|Damit)\b",
    "fr": r"(Ce\w*|Cela|Il|Ils|Elle|Elles|Ceci|Ici)\b",
    "es": r"(Est[eoa]s?|Es[eo]|Ell[oa]s?|Aquí)\b",
    "ja": r"(これ|この|それ|その|ここ|こう)",
}


BOOKS: dict[str, Callable[[str], list[Path]]] = {  # language -> pages
    "Debian Reference": lambda lang: [page for page in files(lang) if page.name.startswith("ch")],
    "Debian Handbook": lambda lang: [page for page in handbook_files(lang) if not page.name.startswith(INDEXES)],
}


@dataclass
class Chapter:
    """A chapter's running text, the spans of its chunks, and for each chunk the number of its section's title."""

    text: str = ""
    spans: list[Span] = field(default_factory=list)
    titles: list[int] = field(default_factory=list)

    def add(self, section: Section, number: int, headings: bool) -> None:
        """Append a section, its heading only as context."""
        if headings:
            self.text += section.title + "\n"
        for piece in pieces(section.text):
            self.spans.append(Span(len(self.text), len(self.text) + len(piece)))
            self.titles.append(number)
            self.text += piece + "\n"


def pieces(text: str) -> list[str]:
    """The text in whole sentences, about CHUNK characters each."""
    found = [""]
    for sentence in SENTENCE.split(text):
        if found[-1] and len(found[-1]) + len(sentence) > CHUNK:
            found.append("")
        found[-1] = f"{found[-1]} {sentence}".strip()
    return [piece for piece in found if piece.strip()]


def chapters_of(pages: Iterable[Path], headings: bool) -> tuple[list[Chapter], list[str]]:
    """(chapters, titles of all sections) of a book's pages, a chapter each."""
    chapters: list[Chapter] = []
    titles: list[str] = []
    for path in pages:
        made = Chapter()
        for section in chapter(path.read_text("utf-8")).values():
            if section.text and section.title:
                made.add(section, len(titles), headings)
                titles.append(section.title)
        if made.spans:
            chapters.append(made)
    return chapters, titles


Numbers = NDArray[np.float32]


def ranks(queries: Numbers, chunks: Numbers, titles: NDArray[np.int64]) -> NDArray[np.int64]:
    """For every chunk, how many chunks of other sections its own section's title likes better."""
    scores = queries @ chunks.T
    own = scores[titles, np.arange(len(chunks))]
    others = titles[None, :] != np.arange(len(queries))[:, None]
    return np.array([(others[t] & (scores[t] > s)).sum() for t, s in zip(titles, own, strict=True)])


def section_by_section(encoder: Encoder, chapter: Chapter) -> Numbers:
    """Late chunking of every section by itself, its heading in front."""
    cuts = [n for n, title in enumerate(chapter.titles) if not n or title != chapter.titles[n - 1]]
    rows = []
    for first, last in pairwise([*cuts, len(chapter.titles)]):
        start, end = chapter.spans[first - 1].end if first else 0, chapter.spans[last - 1].end
        spans = [Span(span.start - start, span.end - start) for span in chapter.spans[first:last]]
        rows.append(encoder.encode_document(chapter.text[start:end], spans))
    return np.concatenate(rows)


def compare(folder: Path, book: str, lang: str, headings: bool = True) -> dict[str, float]:
    """Share of chunks among the first ten for their section's title: late (two contexts) and naive."""
    encoder = load(folder)
    chapters, names = chapters_of(BOOKS[book](lang), headings)
    titles = np.array([t for c in chapters for t in c.titles])
    texts = [c.text[s.start : s.end] for c in chapters for s in c.spans]
    queries = encoder.encode(names, "retrieval.query")
    late = np.concatenate([encoder.encode_document(c.text, c.spans) for c in chapters])
    in_section = np.concatenate([section_by_section(encoder, c) for c in chapters])
    naive = encoder.encode(texts, "retrieval.passage")
    pointing = np.array([bool(re.match(POINTING[lang], text)) for text in texts])
    deep = np.concatenate([[s.start > len(c.text) / 2 for s in c.spans] for c in chapters])
    result = {"chunks": len(texts), "pointing": int(pointing.sum())}
    for name, rows in (("in chapter", late), ("in section", in_section), ("naive", naive)):
        hit = ranks(queries, rows, titles) < HITS
        result |= {
            name: hit.mean(),
            f"{name}, pointing": hit[pointing].mean(),
            f"{name}, second half": hit[deep].mean(),
        }
    return {key: round(float(value), 4) for key, value in result.items()}
