"""Late chunking in numpy: which tokens belong to which character span, and how a long text is windowed.

Late chunking embeds the whole text first and pools the token states of every chunk afterwards, so that
each chunk's embedding knows its context (Günther et al. 2024, arXiv 2409.04701). The decisions of Jina's
reference evaluation, which its API reproduces, are kept:

* the first chunk also pools <s> and the instruction's tokens, the last one also pools </s>;
* a text longer than the model's window is run in overlapping windows over its tokens: the first window is
  kept whole, each later one drops its first `overlap` states; only the first window has <s> and the
  instruction, only the last one </s>.

Some models read a chunk better among the chunks of its own section than in the whole document: `by_section`.

Where the reference drops chunks (past a length limit, or without tokens) this module refuses instead:
there is exactly one row a span, or an InputError.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from jv3search.errors import InputError
from jv3search.types import Span

TokenRange = tuple[int, int]
"""Half-open range of token positions in `TokenizedText.ids`."""

TokenIds = NDArray[np.int64]

_NOBODY = -1


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """A text's tokens, instruction and special tokens included.

    ids (T,) · offsets (T, 2): characters of the text (not of instruction + text) a token stands for;
    [first, last) are the positions of the text's own tokens, the rest are <s>, the instruction and </s>.
    """

    text: str
    ids: NDArray[np.int64]
    offsets: NDArray[np.int64]
    first: int
    last: int

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def starts(self) -> NDArray[np.int64]:
        """Character at which each of the text's own tokens starts, ascending."""
        return self.offsets[self.first : self.last, 0]


@dataclass(frozen=True, slots=True)
class Window:
    """Token positions [start, end) of one forward pass, whose first `skip` states are dropped."""

    start: int
    end: int
    skip: int

    def __len__(self) -> int:
        return self.end - self.start


def windows(tokens: int, size: int, overlap: int) -> Iterator[Window]:
    """Windows of at most `size` tokens that together keep every one of `tokens` states exactly once."""
    if not 0 <= overlap < size:
        raise ValueError(f"overlap {overlap} is not in 0..{size - 1}")
    start, skip = 0, 0
    while True:
        end = min(start + size, tokens)
        yield Window(start, end, skip)
        if end == tokens:
            return
        start, skip = end - overlap, overlap


def token_ranges(tokens: TokenizedText, spans: Sequence[Span]) -> list[TokenRange]:
    """The token positions each span pools, one non-empty range a span.

    A token that crosses a border goes to the side that holds more of its characters, on a tie to the left.
    Tokens between spans belong to nobody.

    Raises InputError for spans that are unsorted, overlap, reach past the text, or have no token.
    """
    _check(tokens.text, spans)
    ranges = _owned(tokens, spans)
    for span, owned in zip(spans, ranges, strict=True):
        if owned is None:
            raise InputError(
                f"the span [{span.start}, {span.end}) {span.of(tokens.text)[:40]!r} contains no token "
                "to pool: leave blank spans out, or join them with a neighbour"
            )
    return _with_specials(tokens, [owned for owned in ranges if owned is not None])


def chunk_ranges(tokens: TokenizedText, spans: Sequence[Span]) -> tuple[list[Span], list[TokenRange]]:
    """`spans` and the token positions that each pools; one that owns no token is joined to its left neighbour.

    The first ones are joined to the right; of a text without tokens nothing is left.
    Raises InputError for spans that are unsorted, overlap, or reach past the text.
    """
    _check(tokens.text, spans)
    joined, ranges = list(spans), _owned(tokens, spans)
    while None in ranges:  # once more, for what lay between two joined spans has an owner now
        joined = _joined(joined, ranges)
        ranges = _owned(tokens, joined)
    return joined, _with_specials(tokens, [owned for owned in ranges if owned is not None])


def by_section(
    tokens: TokenizedText, ranges: Sequence[TokenRange], opening: Sequence[int], most: int
) -> list[tuple[TokenIds, list[TokenRange]]]:
    """A document as one text a section: (ids, ranges of its chunks), each with instruction and special tokens.

    `ranges` (n) are those of the document's chunks, `opening` the numbers of the chunks that open a section,
    ascending. Chunks before the first of them are a section, too. A section of more than `most` tokens is parted
    between chunks.
    """
    cuts = _parted(sorted({0, *opening, len(ranges)}), ranges, most)
    starts = [tokens.first, *(ranges[chunk][0] for chunk in cuts[1:-1]), tokens.last]
    head, tail = tokens.ids[: tokens.first], tokens.ids[tokens.last :]
    parts = []
    for (first, last), (start, end) in zip(pairwise(cuts), pairwise(starts), strict=True):
        ids = np.concatenate([head, tokens.ids[start:end], tail])
        inside = [(a - start + len(head), b - start + len(head)) for a, b in ranges[first:last]]
        inside[0] = (0, inside[0][1])
        inside[-1] = (inside[-1][0], len(ids))
        parts.append((ids, inside))
    return parts


def _parted(cuts: Sequence[int], ranges: Sequence[TokenRange], most: int) -> list[int]:
    """The cuts with further ones, so that the chunks between two have `most` tokens together, or are one chunk."""
    parted, given = [0], set(cuts)
    for chunk in range(1, len(ranges)):
        if chunk in given or ranges[chunk][1] - ranges[parted[-1]][0] > most:
            parted.append(chunk)
    return [*parted, len(ranges)]


def _joined(spans: Sequence[Span], ranges: Sequence[TokenRange | None]) -> list[Span]:
    joined: list[Span] = []
    pending: int | None = None  # where a run of tokenless spans at the very beginning starts
    for span, owned in zip(spans, ranges, strict=True):
        if owned is not None:
            joined.append(Span(span.start if pending is None else pending, span.end))
            pending = None
        elif joined:
            joined[-1] = Span(joined[-1].start, span.end)
        elif pending is None:
            pending = span.start
    return joined


def overlapping(ranges: Sequence[TokenRange], window: Window) -> Iterator[tuple[int, int, int]]:
    """(chunk, a, b) for each range with tokens in the window's kept part; a and b count from its start."""
    kept = window.start + window.skip
    begin = bisect_right(ranges, kept, key=lambda tokens: tokens[1])  # ranges ascend: skip those that end before
    for chunk in range(begin, len(ranges)):
        first, last = ranges[chunk]
        if first >= window.end:
            return
        yield chunk, max(first, kept) - window.start, min(last, window.end) - window.start


def _check(text: str, spans: Sequence[Span]) -> None:
    before = 0
    for span in spans:
        if span.start < before or span.end > len(text):
            raise InputError(
                f"spans must be sorted, apart and inside the text of {len(text)} characters; "
                f"[{span.start}, {span.end}) is not"
            )
        before = span.end


def _owned(tokens: TokenizedText, spans: Sequence[Span]) -> list[TokenRange | None]:
    """Range of the tokens each span owns; owners ascend with the tokens, so a range has no hole."""
    owners = _owners(tokens.offsets[tokens.first : tokens.last], spans)
    ranges: list[TokenRange | None] = [None] * len(spans)
    chunks, firsts, counts = np.unique(owners, return_index=True, return_counts=True)
    for chunk, first, count in zip(chunks.tolist(), firsts.tolist(), counts.tolist(), strict=True):
        if chunk != _NOBODY:
            ranges[chunk] = (tokens.first + first, tokens.first + first + count)
    return ranges


def _owners(offsets: NDArray[np.int64], spans: Sequence[Span]) -> NDArray[np.int64]:
    """offsets (T, 2) · spans C -> (T,) span index of each token, or _NOBODY."""
    if not len(offsets) or not spans:
        return np.full(len(offsets), _NOBODY)
    starts = np.array([span.start for span in spans])
    ends = np.array([span.end for span in spans])
    a, b = offsets[:, 0], offsets[:, 1]
    left = np.searchsorted(ends, a, side="right")  # the first span that ends after the token starts
    right = np.minimum(left + 1, len(spans) - 1)
    left = np.minimum(left, len(spans) - 1)
    in_left = np.minimum(b, ends[left]) - np.maximum(a, starts[left])
    in_right = np.minimum(b, ends[right]) - np.maximum(a, starts[right])
    owners = np.where((right > left) & (in_right > in_left), right, left)
    owners = np.where(np.maximum(in_left, in_right) > 0, owners, _NOBODY)
    return _follow_left(owners, empty=(a == b))


def _follow_left(owners: NDArray[np.int64], empty: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Tokens that stand for no character (a lone meta-space) belong to whom the token before them does."""
    for i in np.flatnonzero(empty):
        owners[i] = owners[i - 1] if i else _NOBODY
    return owners


def _with_specials(tokens: TokenizedText, ranges: list[TokenRange]) -> list[TokenRange]:
    """The chunk of the text's first token also pools <s> and the instruction, that of the last also </s>."""
    if ranges and ranges[0][0] == tokens.first:
        ranges[0] = (0, ranges[0][1])
    if ranges and ranges[-1][1] == tokens.last:
        ranges[-1] = (ranges[-1][0], len(tokens))
    return ranges
