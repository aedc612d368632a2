"""Plain text: the file as it is; form feeds are page breaks, a short line that stands alone is a heading."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, pairwise

import regex

from jv3search.readers.encoding import decode
from jv3search.readers.sandbox.limits import Raw
from jv3search.readers.text import TextBuilder, clean, stem
from jv3search.types import Document

# At most 80 characters, a letter among them, that begin like a title and do not end like a sentence or a list.
_HEADING = regex.compile(r"(?=.*\p{L})[\p{L}\p{N}§\p{Ps}\p{Pi}\"'¿].{0,79}(?<![.:,;!…。、！：；，।۔،؛:։།။។–—-])")
_NUMBER = regex.compile(r"\d+(?:\.\d+)*+(?=[.\s])")  # 4.2. Title


def read(raw: Raw) -> Document:
    """A .txt file."""
    builder = TextBuilder(raw, "txt")
    pages = decode(raw).split("\f")
    for page in pages:
        if len(pages) > 1:
            builder.page()
        text = clean(page).strip("\n").rstrip()
        block = builder.add(text)
        if block is not None:
            for start, line, level in headings(text):
                builder.mark(line, level, block.start + start)
    return builder.document(_first_line(pages[0]) or stem(raw.name))


def headings(text: str) -> Iterator[tuple[int, str, int]]:
    """(start, heading, level) of each short line between blank ones below which other text stands.

    Of such lines in a row the last is one: a list of short lines has no headings. The level is that of its
    number, 2 for "4.2. Title", 1 without.
    """
    lines = text.split("\n")
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
    filled = [number for number, line in enumerate(lines) if line.strip()]
    alone = _alone(lines, filled)
    for number, following in pairwise(filled):
        line = lines[number].strip()
        if number in alone and following not in alone:
            level = _NUMBER.match(line)
            yield starts[number] + lines[number].index(line), line, level[0].count(".") + 1 if level else 1


def _first_line(text: str) -> str:
    """A short first line that stands alone is the title."""
    first, *rest = clean(text).strip().split("\n", 2)
    alone = len(rest) == 2 and not rest[0].strip()
    return first.strip() if alone and _HEADING.fullmatch(first.strip()) else ""


def _alone(lines: list[str], filled: list[int]) -> set[int]:
    """The numbers of the lines that look like headings, with a blank line or nothing above and below."""
    beside = [-2, *filled, len(lines) + 1]
    return {
        number
        for before, number, after in zip(beside, filled, beside[2:], strict=False)
        if before + 1 < number < after - 1 and _HEADING.fullmatch(lines[number].strip())
    }
