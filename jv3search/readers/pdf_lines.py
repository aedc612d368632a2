"""The lines of a PDF page, and paragraphs out of them: PDF knows neither, only where glyphs stand."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import sub
from statistics import median, quantiles
from typing import Any

import pypdfium2.raw as pdfium

from jv3search.readers.pdf_direction import pieces_restored
from jv3search.readers.text import join_lines

_HYPHENS = (2, 0xFFFE)  # pdfium's signs for a hyphen that only the line's end put there; no \n follows it
_SOFT_HYPHEN = "\u00ad"
_ENDS = (".", "!", "?", ":", "。", "！", "？", "؟", "।", "…")

_LARGER = 1.2  # ratio of two lines' heights from which they are of different kinds
_APART = 1.35  # line distance, in usual distances, from which a new paragraph begins
_SHORT = 0.75  # of the usual width: a line that ends early ends for a reason


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text and where it stands, in points; y grows upwards."""

    text: str
    left: float
    right: float
    baseline: float
    height: float  # of the font, so that lines with and without descenders are alike

    @property
    def width(self) -> float:
        """From the first to the last glyph."""
        return self.right - self.left


def lines_of(textpage: Any) -> list[Line]:
    """The lines of a page in pdfium's order, which is reading order in every script it can shape."""
    codes = character_codes(textpage)
    lines, start = [], 0
    for index, code in enumerate([*codes, 10]):
        if code in (10, 13, *_HYPHENS):
            line = _line(textpage, codes, start, index)
            lines += [line] if line else []
            start = index + 1
    return lines


def character_codes(textpage: Any) -> list[int]:
    """The page's characters as UTF-16; one call for all, unless pdfium leaves some out of its text."""
    handle, count = textpage.raw, max(0, pdfium.FPDFText_CountChars(textpage))
    buffer = (ctypes.c_ushort * (count + 1))()
    if pdfium.FPDFText_GetText(handle, 0, count, buffer) == count + 1:  # the last is a NUL
        return list(buffer)[:count]
    return [pdfium.FPDFText_GetUnicode(handle, index) for index in range(count)]


def _line(textpage: Any, codes: list[int], start: int, end: int) -> Line | None:
    inked = [index for index in range(start, end) if codes[index] > 32]
    if not inked:
        return None
    text = "".join(map(chr, codes[start:end]))
    text = pieces_restored(text, lambda index: loose_box(textpage, start + index)[0])
    if end < len(codes) and codes[end] in _HYPHENS:
        text += _SOFT_HYPHEN
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    boxes = [loose_box(textpage, index) for index in (inked[0], inked[len(inked) // 2], inked[-1])]
    left, bottom, right, top = zip(*boxes, strict=True)
    height = median(map(sub, top, bottom))
    return Line(text, min(left), max(right), _baseline(textpage, inked[0]), height)


def loose_box(textpage: Any, index: int) -> tuple[float, float, float, float]:
    """Where a character stands: left, bottom, right, top, as high as its font."""
    rect = pdfium.FS_RECTF()
    pdfium.FPDFText_GetLooseCharBox(textpage, index, rect)
    return rect.left, rect.bottom, rect.right, rect.top


def _baseline(textpage: Any, index: int) -> float:
    x, y = ctypes.c_double(), ctypes.c_double()
    pdfium.FPDFText_GetCharOrigin(textpage, index, x, y)
    return y.value


def paragraphs(lines: Sequence[Line]) -> str:
    """The page's text: lines of one paragraph joined, paragraphs apart by an empty line."""
    if not lines:
        return ""
    pitch, width = _usual_pitch(lines), _usual_width(lines)
    blocks, running = [], [lines[0]]
    text = ""
    for line in lines[1:]:
        before = running[-1]
        if _begins_paragraph(before, line, pitch):
            blocks.append(text + _joined(running))
            text, running = "", [line]
        elif before.width < _SHORT * width and not before.text.endswith(_SOFT_HYPHEN):
            text, running = text + _joined(running) + "\n", [line]
        else:
            running.append(line)
    return "\n\n".join([*blocks, text + _joined(running)])


def paragraphs_of_text(text: str) -> str:
    """The same for text without boxes: empty lines part paragraphs, early ends part lines."""
    return "\n\n".join(_rejoined(block.split("\n")) for block in text.split("\n\n") if block.strip())


def _rejoined(lines: list[str]) -> str:
    usual = max(map(len, lines))
    joined, running = [], [lines[0]]
    for line in lines[1:]:
        if len(running[-1]) < _SHORT * usual and not running[-1].endswith(_SOFT_HYPHEN):
            joined.append(join_lines(running))
            running = []
        running.append(line)
    return "\n".join([*joined, join_lines(running)])


def _begins_paragraph(before: Line, line: Line, pitch: float) -> bool:
    heights = sorted((before.height, line.height))
    if heights[1] > _LARGER * heights[0]:
        return True
    if line.baseline > before.baseline + before.height:  # up again: the next column
        return before.text.rstrip().endswith(_ENDS)
    return before.baseline - line.baseline > _APART * pitch


def _usual_pitch(lines: Sequence[Line]) -> float:
    steps = [(above.baseline - line.baseline, line.height) for above, line in pairwise(lines)]
    downward = [step for step, height in steps if 0.5 * height < step < 3 * height]
    if not downward:
        return max(line.height for line in lines)
    return sorted(downward)[len(downward) // 4]  # most steps stay inside a paragraph, few are larger


def _usual_width(lines: Sequence[Line]) -> float:
    widths = [line.width for line in lines]
    return quantiles(widths, n=4)[2] if len(widths) > 1 else widths[0]


def _joined(lines: Sequence[Line]) -> str:
    return join_lines([line.text for line in lines])
