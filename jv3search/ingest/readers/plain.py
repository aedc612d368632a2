"""Plain text: the file as it is; form feeds are page breaks."""

from __future__ import annotations

from jv3search.ingest.readers.encoding import decode
from jv3search.ingest.readers.limits import Raw
from jv3search.ingest.readers.text import TextBuilder
from jv3search.types import Document


def read(raw: Raw) -> Document:
    """A .txt file."""
    builder = TextBuilder(raw, "txt")
    pages = decode(raw).split("\f")
    for page in pages:
        if len(pages) > 1:
            builder.page()
        builder.add(page)
    return builder.document()
