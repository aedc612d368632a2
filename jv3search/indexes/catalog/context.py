"""A chunk and its neighbours in its section."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from jv3search.errors import InputError
from jv3search.indexes.catalog.chunks import chunk_of_row
from jv3search.indexes.catalog.documents import read_document
from jv3search.indexes.catalog.errors import decoded
from jv3search.indexes.catalog.schema import chunk, document
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.rows import Context, Neighbour
from jv3search.types import Document, Section, Span, section_at

_NO_ID = 2**63


def read_context(transaction: ReadTransaction, chunk_id: int, neighbours: int | None) -> Context:
    """A chunk with at most so many neighbours on either side; None is all of its section.

    Raises InputError for a chunk that is not in the index, and for less than 0 neighbours.
    """
    if neighbours is not None and neighbours < 0:
        raise InputError(f"{neighbours} neighbours are not possible; ask for 0 or more")
    wanted = select(document.c.id, document.c.uri, chunk.c.position).join(chunk, chunk.c.document == document.c.id)
    known = 0 <= chunk_id < _NO_ID  # a database would stumble over a larger number
    place = transaction.connection.execute(wanted.where(chunk.c.id == chunk_id)).one_or_none() if known else None
    if place is None:
        raise InputError(
            f"there is no chunk {chunk_id} in the index now: a document that changed gets new chunks; "
            "search again for the current ids"
        )
    read = read_document(transaction, place.uri)
    rows = transaction.connection.execute(
        select(chunk).where(chunk.c.document == place.id).order_by(chunk.c.position)
    )
    parts = [(row.id, decoded(transaction.where, chunk_of_row, row)) for row in rows]
    chunks = [Neighbour(key, part, part.span.of(read.text)) for key, part in parts]
    section, span = _section(read, chunks[place.position].chunk.span)
    first, last = _inside(chunks, span)
    if neighbours is not None:
        first, last = max(first, place.position - neighbours), min(last, place.position + neighbours + 1)
    kept = tuple(chunks[first:last])
    return Context(chunk_id, place.uri, read.title, read.format, section.title if section else None, span, kept)


def _section(read: Document, span: Span) -> tuple[Section | None, Span]:
    """The section that holds most of a span, and all that it governs: up to the next heading of its level."""
    at = section_at(read.sections, [section.span.start for section in read.sections], span)
    if at is None:
        return None, Span(0, len(read.text))
    own = read.sections[at]
    above = (later.span.start for later in read.sections[at + 1 :] if later.level <= own.level)
    return own, Span(own.span.start, next(above, len(read.text)))


def _inside(chunks: Sequence[Neighbour], span: Span) -> tuple[int, int]:
    """Positions [first, last) of the chunks with some text in a span."""
    inside = [at for at, part in enumerate(chunks) if part.chunk.span.overlap(span) > 0]
    return inside[0], inside[-1] + 1
