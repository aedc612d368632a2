"""Chunks: spans of at most so many tokens, cut where the text itself is parted.

Pages are cut apart first, then sections that are big enough, then what is still too long: into pieces of
about equal size, each cut at the strongest break of the text near its ideal end. Every character is looked
at a bounded number of times, whatever the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import regex
from numpy.typing import NDArray

from jv3search.errors import ConfigError
from jv3search.text import graphemes
from jv3search.text.sentences import Break, breaks, trimmed
from jv3search.types import Document, Span

CHUNKING_VERSION = 1
"""Counts up whenever the same document would be cut differently; an index remembers it."""

_SMALL = 4  # a section below 1/4 of the target is too little context on its own: it joins what follows it

# Distance from the ideal end, in targets, that a break is worth: a sentence end is taken over a paragraph
# end when it is 0.2 targets nearer; a mere line end or a Thai space only where there is no sentence end.
_PENALTY = {Break.PARAGRAPH: 0.0, Break.LINE: 0.1, Break.SENTENCE: 0.2, Break.WRAP: 1.5, Break.PHRASE: 1.5}

_CLAUSE = regex.compile(r"""[、，；：،؛၊]++[\p{Pe}\p{Pf}"']*+\s*+|[,;:.!?…—–][\p{Pe}\p{Pf}"']*+\s++""")
_SPACE = regex.compile(r"[\s\u200b]++")  # U+200B parts words in Khmer and Thai
_HEADING = regex.compile(r"\s*+[^\n\v\f\r\x85\u2028\u2029]*+\s*+")  # a line and the blanks around it
_VISIBLE = regex.compile(r"[^\s\p{C}\p{Default_Ignorable_Code_Point}]")


def chunk_spans(document: Document, token_starts: NDArray[np.int64], target: int) -> list[Span]:
    """Sorted, disjoint spans that hold every visible character, each with 1 to `target` tokens.

    `token_starts` (T,) are the ascending characters where the encoder's tokens of the text start. Only a
    single grapheme of more tokens exceeds `target`. No chunk crosses the border of a page, slide or sheet,
    or the start of a section unless the text of the page before it, back to the last cut, is below a
    quarter of `target`. A heading stays with what follows it on its page. A page without tokens has no chunk.
    """
    if target < 1:
        raise ConfigError(f"chunks of {target} tokens are not possible; give a number of at least 1")
    cutter = _Cutter(document.text, token_starts, target)
    headings = _headings(document)
    starts = [heading.start for heading in headings]
    spans: list[Span] = []
    for start, end in pairwise(_page_cuts(document)):
        first, last = np.searchsorted(starts, (start, end))
        spans += cutter.page(start, end, headings[first:last])
    return spans


def _page_cuts(document: Document) -> list[int]:
    """Where pages begin and end, with both ends of the text; never inside a grapheme."""
    marks = {0, len(document.text)}
    for page in document.pages:
        marks |= {page.span.start, page.span.end}
    return _on_graphemes(document.text, sorted(marks))


def _headings(document: Document) -> list[Span]:
    """From each heading to the start of the text below it; a cut in (start, end] would part the two."""
    text = document.text
    starts = _on_graphemes(text, sorted({section.span.start for section in document.sections}))
    spans = []
    for start, following in pairwise([*starts, len(text)]):
        line = _HEADING.match(text, start, following)
        spans.append(Span(start, line.end() if line else start))
    return spans


def _on_graphemes(text: str, positions: Sequence[int]) -> list[int]:
    """Each position moved forward to a grapheme boundary, without repetitions."""
    moved: list[int] = []
    for position in positions:
        if not moved or position > moved[-1]:
            moved.append(graphemes.ceil(text, moved[-1] if moved else 0, position))
    return moved


@dataclass(frozen=True, slots=True)
class _Marks:
    """Breaks of a piece of text: positions (B,) ascending, penalties (B,)."""

    positions: NDArray[np.int64]
    penalties: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Window:
    """Where the next cut may be: [low, high] in characters; `first` and `ideal` count tokens."""

    low: int
    high: int
    first: int
    ideal: int


@dataclass(frozen=True, slots=True)
class _Cutter:
    """One text with its tokens, and how many of them a chunk may have."""

    text: str
    token_starts: NDArray[np.int64]
    target: int

    def page(self, start: int, end: int, headings: Sequence[Span]) -> list[Span]:
        """The chunks of one page: whole sections or pieces of them."""
        cuts = [start]
        for group, inside in self._groups(start, end, headings):
            cuts += self._cuts(group.start, group.end, inside)
        return self._spans(cuts)

    def tokens(self, start: int, end: int) -> int:
        """How many tokens start in [start, end)."""
        first, last = np.searchsorted(self.token_starts, (start, end))
        return int(last - first)

    def _groups(self, start: int, end: int, headings: Sequence[Span]) -> Iterator[tuple[Span, list[Span]]]:
        """Sections with their headings, small ones together with the next; so is a heading above a heading."""
        inside: list[Span] = []
        above = start - 1
        for heading in headings:
            if heading.start > above and self.tokens(start, heading.start) * _SMALL >= self.target:
                yield Span(start, heading.start), inside
                start, inside = heading.start, []
            inside.append(heading)
            above = heading.end
        yield Span(start, end), inside

    def _cuts(self, start: int, end: int, headings: Sequence[Span]) -> list[int]:
        """Ends of the pieces of [start, end), the last one being `end`."""
        cuts: list[int] = []
        marks: _Marks | None = None
        while self.tokens(start, end) > self.target:
            marks = marks or self._marks(start, end, headings)
            start = self._cut(start, end, marks)
            cuts.append(start)
        return [*cuts, end]

    def _marks(self, start: int, end: int, headings: Sequence[Span]) -> _Marks:
        strengths = dict(breaks(self.text, start, end))
        strengths |= {heading.start: Break.PARAGRAPH for heading in headings}
        positions = np.array(sorted(strengths), dtype=np.int64)
        penalties = np.array([_PENALTY[strengths[p]] for p in positions.tolist()])
        keep = np.ones(len(positions), dtype=bool)
        for heading in headings:
            first, last = np.searchsorted(positions, (heading.start, heading.end), side="right")
            keep[first:last] = False
        return _Marks(positions[keep], penalties[keep])

    def _cut(self, start: int, end: int, marks: _Marks) -> int:
        """The end of the next piece: after `start`, and at most `target` tokens from it where possible."""
        for position in self._candidates(start, end, marks):
            boundary = graphemes.floor(self.text, start, position)
            if boundary > start:
                return boundary
        return graphemes.ceil(self.text, start, start + 1)  # one grapheme of more tokens than a chunk has

    def _candidates(self, start: int, end: int, marks: _Marks) -> Iterator[int]:
        window = self._window(start, end)
        first, last = np.searchsorted(marks.positions, (window.low, window.high + 1))
        yield from self._nearest(window, marks.positions[first:last], marks.penalties[first:last])
        for pattern in (_CLAUSE, _SPACE):
            ends = [match.end() for match in pattern.finditer(self.text, window.low, window.high)]
            yield from self._nearest(window, np.array(ends, dtype=np.int64), np.zeros(len(ends)))
        yield int(self.token_starts[window.first + window.ideal])
        yield window.high

    def _window(self, start: int, end: int) -> _Window:
        """Room for equal pieces: the rest of the text in as few as it takes, none below half its share."""
        first, last = (int(i) for i in np.searchsorted(self.token_starts, (start, end)))
        rest = last - first
        ideal = -(-rest // -(-rest // self.target))
        least = max(1, ideal // 2)
        most = min(self.target, rest - least)
        low = int(self.token_starts[first + least - 1]) + 1
        return _Window(max(low, start + 1), int(self.token_starts[first + most]), first, ideal)

    def _nearest(
        self, window: _Window, positions: NDArray[np.int64], penalties: NDArray[np.float64]
    ) -> Iterator[int]:
        """The position that is cheapest by its penalty and its distance from the ideal, if there is any."""
        if len(positions):
            sizes = np.searchsorted(self.token_starts, positions) - window.first
            costs = penalties + np.abs(sizes - window.ideal) / self.target
            yield int(positions[np.argmin(costs)])

    def _spans(self, cuts: Sequence[int]) -> list[Span]:
        """The pieces between cuts without blanks; one without tokens is joined to what has some beside it."""
        spans: list[Span] = []
        pending: int | None = None  # where pieces without tokens at the page's very start begin
        blank = 0  # where the last piece begins that has tokens but nothing visible, such as a zero-width joiner
        for start, end in pairwise(cuts):
            span = self._trimmed(start, end)
            if span is None and self.tokens(start, end):
                blank = start
                if pending is not None:
                    spans.append(Span(pending, end))
                    pending = None
            elif span is None:
                continue
            elif self.tokens(span.start, span.end):
                spans.append(Span(span.start if pending is None else pending, span.end))
                pending = None
            elif spans:
                spans[-1:] = self._joined(spans[-1], blank, span.end)
            elif pending is None:
                pending = span.start
        return spans

    def _joined(self, before: Span, blank: int, end: int) -> list[Span]:
        """What has no tokens, joined to the chunk before it, or to blanks between them with too many tokens."""
        whole = Span(before.start, end)
        if self.tokens(before.end, end) and self.tokens(whole.start, end) > self.target:
            return [before, Span(blank, end)]
        return [whole]

    def _trimmed(self, start: int, end: int) -> Span | None:
        """[start, end) without blanks at its ends but whole graphemes; None if nothing in it is visible."""
        if not _VISIBLE.search(self.text, start, end):
            return None
        span = trimmed(self.text, start, end)
        first = graphemes.floor(self.text, start, span.start)
        return Span(first, graphemes.ceil(self.text, first, span.end))
