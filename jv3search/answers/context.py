"""The passages that a language model reads: the best, widened within their sections up to a budget of tokens."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jv3search.errors import InputError
from jv3search.types import Hit, Span

if TYPE_CHECKING:
    from jv3search.indexes import Context
    from jv3search.knowledge_base import KnowledgeBase

TOKENS = 2_000
"""Of the embedding model, for all passages together: half of the 4,096 that Ollama gives a model unless told
otherwise, which also have to hold the rules and the answer."""


@dataclass
class _Window:
    """A hit among the chunks of its section: those in [first, last) are sent."""

    hit: Hit
    context: Context
    first: int
    last: int

    def beside(self) -> Iterator[int]:
        """The positions that it could grow by: what follows, then what stands before."""
        if self.last < len(self.context.chunks):
            yield self.last
        if self.first > 0:
            yield self.first - 1

    def take(self, at: int) -> None:
        self.first, self.last = min(self.first, at), max(self.last, at + 1)


def passages(kb: KnowledgeBase, hits: Sequence[Hit], tokens: int = TOKENS) -> list[Hit]:
    """The hits, best first, numbered from 1 by `rank`, each with as much of its section as the budget allows.

    A passage that does not fit as a whole is left out, but for the best. No chunk is in two passages.
    """
    left, windows, taken = tokens, list[_Window](), set[int]()
    for window in _windows(kb, hits):
        needed = window.context.chunks[window.first].chunk.tokens
        if needed <= left or not windows:
            windows.append(window)
            taken.add(window.hit.chunk_id)
            left -= needed
    _widen(windows, taken, left)
    return [_passage(window, number) for number, window in enumerate(windows, 1)]


def _windows(kb: KnowledgeBase, hits: Sequence[Hit]) -> Iterator[_Window]:
    """Each hit by itself; not those whose document left the index since they were found."""
    for hit in hits:
        try:
            context = kb.context(hit, None)
        except InputError:
            continue
        at = next(at for at, part in enumerate(context.chunks) if part.chunk_id == hit.chunk_id)
        yield _Window(hit, context, at, at + 1)


def _widen(windows: Sequence[_Window], taken: set[int], left: int) -> None:
    """One neighbour at a time, the best passage's first, as long as one fits."""
    growing = deque(windows)
    while growing:
        window = growing.popleft()
        if used := _grown(window, taken, left):
            left -= used
            growing.append(window)


def _grown(window: _Window, taken: set[int], left: int) -> int:
    """The tokens of the neighbour that a window took; 0 if none is free or fits."""
    for at in window.beside():
        part = window.context.chunks[at]
        if part.chunk_id not in taken and part.chunk.tokens <= left:
            taken.add(part.chunk_id)
            window.take(at)
            return part.chunk.tokens
    return 0


def _passage(window: _Window, number: int) -> Hit:
    """A window as a hit: its span, its text and the page where it starts.

    The text is of the same read as the chunks, for the document may be another one by now.
    """
    parts = window.context.chunks[window.first : window.last]
    start, text = parts[0].chunk.span.start, ""
    for part in parts:
        blanks = part.chunk.span.start - start - len(text)  # nothing else lies between chunks
        text += "\n" * blanks + part.text
    return replace(
        window.hit, rank=number, span=Span(start, start + len(text)), text=text, page=parts[0].chunk.page
    )
