"""Grapheme boundaries near a position, without segmenting the text around it (Unicode UAX #29).

`regex` finds clusters with \\X, but only forwards from a known boundary, and a run of flags costs it
quadratic time (200,000 of them: 110 s). Nearly every position can be judged by its two neighbours; only
where that fails are the few clusters before it walked.
"""

from __future__ import annotations

import regex

# Characters that may join what is before them. Consonants after a virama and pictographs after a
# zero-width joiner are caught from the other side.
_LEFTWARD = r"\p{GCB=Extend}\p{GCB=ZWJ}\p{GCB=SpacingMark}\p{GCB=Regional_Indicator}\p{GCB=V}\p{GCB=T}\n"
# Characters that may hold on to what comes after them.
_RIGHTWARD = r"\p{GCB=Extend}\p{GCB=ZWJ}\p{GCB=Prepend}\p{GCB=L}\r"
_CERTAIN = regex.compile(rf"(?r)(?<![{_RIGHTWARD}])[^{_LEFTWARD}]")
_CLUSTER = regex.compile(
    r"\p{GCB=Regional_Indicator}{2}[\p{GCB=Extend}\p{GCB=ZWJ}\p{GCB=SpacingMark}]*+|\X"  # flags in linear time
)


def floor(text: str, known: int, position: int) -> int:
    """The last grapheme boundary at or before `position`; `known` is one at or before it."""
    if position >= len(text):
        return len(text)
    found = _CERTAIN.search(text, known, position + 1)
    boundary = found.start() if found else known
    if boundary == position:
        return position
    start = boundary
    for cluster in _CLUSTER.finditer(text[start : position + 1]):  # at most as far as `known` is away
        if start + cluster.end() > position:
            break
        boundary = start + cluster.end()
    return boundary


def ceil(text: str, known: int, position: int) -> int:
    """The first grapheme boundary at or after `position`; `known` is one at or before it."""
    boundary = floor(text, known, position)
    if boundary == position:
        return position
    found = _CLUSTER.match(text, boundary)
    return found.end() if found else len(text)


def shortened(text: str, most: int) -> str:
    """A text of `most` characters at most: its beginning and its end, whole graphemes, with … between them."""
    if len(text) <= most:
        return text
    head = floor(text, 0, most * 2 // 3)
    tail = ceil(text, head, len(text) - (most - head - 1))
    return f"{text[:head]}…{text[tail:]}"
