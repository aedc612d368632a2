"""The files behind the documents: only those in the index are ever opened, and only as they were read in."""

from __future__ import annotations

import hashlib
from pathlib import Path

from jv3search.errors import FileChanged, InputError
from jv3search.indexes.rows import DocumentRow
from jv3search.readers import PageImage, PageWanted, SandboxedReader, fetch

WIDTH = 1200  # pixels of a drawn page; sharp in a column of 600 on a fine screen
SECONDS = 15.0  # for a page: a reader waits; an ingest may take longer


def original(row: DocumentRow) -> bytes:
    """A document's file; ReadError if it is gone, FileChanged if it is not what was read in any more."""
    data = fetch(Path(row.uri))
    if hashlib.sha256(data).hexdigest() != row.digest:
        raise FileChanged(f"{row.uri} has changed since it was read in: ingest it again")
    return data


def draw(
    reader: SandboxedReader, row: DocumentRow, data: bytes, page: int, passages: tuple[str, ...] = ()
) -> PageImage:
    """A page of a PDF, whose original is `data`, with the places of some passages.

    InputError for another format; ReadError says why the page cannot be drawn.
    """
    if row.format != "pdf":
        raise InputError(f"{row.uri} is not a PDF, so no pages can be drawn")
    return reader.draw(data, Path(row.uri).name, PageWanted(page, WIDTH, passages))
