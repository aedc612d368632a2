"""A document in parts that fit a page of a browser: its own pages, else sections, else pieces of some length."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from jv3search.types import Document, Span

_LENGTH = 6_000  # characters from which a part without pages of its own ends at the next section or paragraph


@dataclass(frozen=True, slots=True)
class Part:
    """What is shown at once; `page` is the number of the document's own page, or None if it has none."""

    span: Span
    page: int | None = None
    label: str = ""


def parts(document: Document) -> list[Part]:
    """The parts of a document in reading order: at least one, and none of them empty unless the text is."""
    if document.pages:
        return [Part(page.span, page.number, page.label) for page in document.pages]
    cuts = [0, *_cuts(document), len(document.text)]
    return [Part(Span(start, end)) for start, end in pairwise(cuts)]


def part_of(every: list[Part], place: int) -> int:
    """Which part (counted from 1) holds a character."""
    return max(1, bisect_right([part.span.start for part in every], place))


def _cuts(document: Document) -> Iterator[int]:
    """Where new parts begin: at a section or paragraph once the part has grown long."""
    text, start = document.text, 0
    sections = sorted({section.span.start for section in document.sections})
    while len(text) - start > _LENGTH:
        ahead = bisect_right(sections, start + _LENGTH // 2)
        section = sections[ahead] if ahead < len(sections) else len(text)
        paragraph = text.find("\n", start + _LENGTH) + 1 or len(text)
        start = min(section if section <= start + 2 * _LENGTH else len(text), paragraph, start + 2 * _LENGTH)
        if start >= len(text):
            return
        yield start
