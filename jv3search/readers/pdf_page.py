"""A page of a PDF drawn by pdfium, and passages of its text found on it again.

The text of a document is not what stands on the page: lines were joined, hyphens taken out, forms of letters made
plain. So both are compared by their letters and digits alone.
"""

from __future__ import annotations

import ctypes
import io
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import closing
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from jv3search.errors import ReadError
from jv3search.readers.pdf_lines import character_codes, loose_box
from jv3search.readers.picture import Box, PageImage, PageWanted
from jv3search.readers.sandbox.limits import Raw

_MOST_PIXELS = 6_000_000
_ENOUGH = 0.6  # share of a passage's letters that must be found for it to be marked at all
_LEAST_RUN = 4  # letters; shorter agreements are chance
_SAME_LINE = 0.5  # of a box's height that must overlap

Letter = tuple[str, int]
"""A letter of a page and the index of the character it belongs to."""

Rect = tuple[float, float, float, float]
"""left, bottom, right, top in points; y grows upwards."""


def render(raw: Raw, wanted: PageWanted) -> PageImage:
    """The page as PNG; ReadError if there is no such page."""
    with closing(pypdfium2.PdfDocument(raw.data)) as pdf:
        if not 1 <= wanted.number <= len(pdf):
            raise ReadError(f"{raw.name} has {len(pdf)} pages; there is no page {wanted.number}")
        with closing(pdf[wanted.number - 1]) as page, closing(page.get_textpage()) as textpage:
            width, height = page.get_size()
            scale = min(wanted.width / width, (_MOST_PIXELS / (width * height)) ** 0.5)
            image = page.render(scale=scale, may_draw_forms=False).to_pil()
            png = io.BytesIO()
            image.save(png, "PNG")
            places = nested(list(_letters(textpage)), wanted.passages)
            boxes = tuple(_boxes(page, textpage, characters) for characters in places)
    return PageImage(png.getvalue(), image.width, image.height, boxes)


def nested(letters: Sequence[Letter], passages: Sequence[str]) -> list[list[int]]:
    """Where each passage stands: within the one before it, if that was found."""
    places = []
    for passage in passages:
        places.append(found(letters, passage))
        inside = set(places[-1])
        letters = [letter for letter in letters if letter[1] in inside] if inside else letters
    return places


def found(letters: Sequence[Letter], passage: str) -> list[int]:
    """Which of a page's characters a passage is made of; none if too little of it stands there."""
    text, wanted = "".join(letter for letter, _ in letters), plain(passage)
    if not wanted:
        return []
    at = text.find(wanted)
    if at >= 0:
        return [index for _, index in letters[at : at + len(wanted)]]
    return max((_agreeing(letters, text, order) for order in (wanted, wanted[::-1])), key=len)


def plain(text: str) -> str:
    """Letters and digits alone, in their plain forms."""
    return "".join(
        letter
        for character in text
        for letter in unicodedata.normalize("NFKC", character).casefold()
        if unicodedata.category(letter)[0] in "LN"
    )


def _agreeing(letters: Sequence[Letter], text: str, wanted: str) -> list[int]:
    matcher = SequenceMatcher(None, text, wanted, autojunk=False)
    runs = [run for run in matcher.get_matching_blocks() if run.size >= _LEAST_RUN]
    if sum(run.size for run in runs) < _ENOUGH * len(wanted):
        return []
    return [index for run in runs for _, index in letters[run.a : run.a + run.size]]


def _letters(textpage: Any) -> Iterator[Letter]:
    """Every letter of the page, in pdfium's order."""
    codes = character_codes(textpage)
    for index, code in enumerate(codes):
        if 0xD800 <= code < 0xDC00 and index + 1 < len(codes):
            pair = code.to_bytes(2, "little") + codes[index + 1].to_bytes(2, "little")
            character = pair.decode("utf-16-le", "ignore")
        else:
            character = "" if 0xDC00 <= code < 0xE000 else chr(code)
        for letter in plain(character):
            yield letter, index


def _boxes(page: Any, textpage: Any, characters: Sequence[int]) -> tuple[Box, ...]:
    """One box a line, wherever characters follow each other on it."""
    runs: list[Rect] = []
    for before, index in pairwise([-1, *characters]):
        rect = loose_box(textpage, index)
        if runs and index - before <= 3 and _on_one_line(runs[-1], rect):  # a space or a comma between them
            runs[-1] = _hull(runs[-1], rect)
        else:
            runs.append(rect)
    return tuple(_on_page(page, run) for run in runs if run[2] > run[0] and run[3] > run[1])


def _on_one_line(one: Rect, other: Rect) -> bool:
    overlap = min(one[3], other[3]) - max(one[1], other[1])
    return overlap > _SAME_LINE * min(one[3] - one[1], other[3] - other[1])


def _hull(one: Rect, other: Rect) -> Rect:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def _on_page(page: Any, rect: Rect) -> Box:
    """Points to shares of the drawn page, which pdfium may have cropped and turned."""
    corners = [_share(page, x, y) for x, y in ((rect[0], rect[1]), (rect[2], rect[3]))]
    (left, right), (top, bottom) = (sorted(values) for values in zip(*corners, strict=True))
    return Box(left, top, right, bottom)


def _share(page: Any, x: float, y: float) -> tuple[float, float]:
    size = 1 << 16  # a finer grid than any screen's
    across, down = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDF_PageToDevice(page.raw, 0, 0, size, size, 0, x, y, across, down)
    return min(max(across.value / size, 0.0), 1.0), min(max(down.value / size, 0.0), 1.0)
