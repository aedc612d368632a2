"""Left-to-right pieces in right-to-left lines: pdfium turns "README.md" into "md.README" there.

It takes each word for a run of its own and puts the runs in right-to-left order. Where the glyphs stand
tells: the first character of a left-to-right piece is to the left of its last.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_PIECE = re.compile(r"[A-Za-z0-9]+(?:[-._/@:?=&#%+~]+[A-Za-z0-9]+)+")
_BETWEEN = re.compile(r"([-._/@:?=&#%+~]+)")


def pieces_restored(text: str, left_of: Callable[[int], float]) -> str:
    """The line with its left-to-right pieces forwards; `left_of` gives the x of the character at an index."""
    if not _RIGHT_TO_LEFT.search(text):
        return text

    def forwards(piece: re.Match[str]) -> str:
        if left_of(piece.start()) <= left_of(piece.end() - 1):
            return piece[0]
        return "".join(part[::-1] if _BETWEEN.match(part) else part for part in reversed(_BETWEEN.split(piece[0])))

    return _PIECE.sub(forwards, text)
