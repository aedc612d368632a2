"""Plain text: the file as it is; form feeds are page breaks."""

from __future__ import annotations

import re

from jv3search.readers.encoding import decode
from jv3search.readers.sandbox.limits import Raw
from jv3search.readers.text import TextBuilder, clean
from jv3search.types import Document

_ALONE = re.compile(r"\s*(\S[^\n]{0,99})\n[ \t]*\n")
_SENTENCE_ENDS = (".", ":", ",", ";", "。", "।")


def read(raw: Raw) -> Document:
    """A .txt file."""
    builder = TextBuilder(raw, "txt")
    pages = decode(raw).split("\f")
    for page in pages:
        if len(pages) > 1:
            builder.page()
        builder.add(page)
    return builder.document(_first_line(pages[0]))


def _first_line(text: str) -> str:
    """A short first line that stands alone is the title."""
    title = _ALONE.match(clean(text))
    return title[1] if title and not title[1].endswith(_SENTENCE_ENDS) else ""
