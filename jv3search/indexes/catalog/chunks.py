"""Chunks: of a document, by their ids, as hits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np
from sqlalchemy import BigInteger, bindparam, func, select

from jv3search.indexes.catalog.errors import damaged, decoded
from jv3search.indexes.catalog.schema import body, chunk, document
from jv3search.indexes.catalog.transaction import ReadTransaction, id_batches
from jv3search.indexes.vectors.port import Ids
from jv3search.types import Chunk, Hit, Span

# Made once: putting a statement together takes longer than running it.
_HITS = (
    select(
        chunk,
        document.c.uri,
        document.c.title,
        document.c.format,
        document.c.language.label("main_language"),
    )
    .join(document, document.c.id == chunk.c.document)
    .where(chunk.c.id.in_(bindparam("ids", expanding=True)))
)
_TEXTS = select(body.c.document, body.c.text).where(body.c.document.in_(bindparam("documents", expanding=True)))
_KEY = bindparam("key", type_=BigInteger)
_TEXT = select(body.c.text).where(body.c.document == _KEY)
_SPANS = (
    select(chunk.c.id, chunk.c.document, chunk.c.start, chunk.c.end, chunk.c.language)
    .where(chunk.c.id >= bindparam("first", type_=BigInteger), chunk.c.id < bindparam("end_id", type_=BigInteger))
    .order_by(chunk.c.id)
)

_LANGUAGES = select(chunk.c.id, chunk.c.language).where(chunk.c.id >= bindparam("least", type_=BigInteger))

_BODIES = 16  # whole texts in one statement, each up to 20 MB


def hits(transaction: ReadTransaction, ids: Sequence[int]) -> dict[int, Hit]:
    """Some chunks with their texts, by id; rank and score are 0.

    The text of each document is read once, however many of its chunks there are.
    """
    statements = (transaction.connection.execute(_HITS, {"ids": batch}) for batch in id_batches(ids))
    by_document: dict[int, list[Any]] = defaultdict(list)
    for row in (row for rows in statements for row in rows):
        by_document[row.document].append(row)
    found = {
        row.id: decoded(transaction.where, partial(_hit_of, text=text), row)
        for key, text in _texts(transaction, list(by_document))
        for row in by_document[key]
    }
    if len(found) != len(ids):
        raise damaged(transaction.where, "texts of some chunks are missing")
    return found


def _texts(transaction: ReadTransaction, documents: Sequence[int]) -> Iterator[tuple[int, str]]:
    """(id, whole text) of some documents, a few in memory at a time."""
    for start in range(0, len(documents), _BODIES):
        batch = {"documents": documents[start : start + _BODIES]}
        yield from ((row.document, row.text) for row in transaction.connection.execute(_TEXTS, batch))


def chunks_of(transaction: ReadTransaction, uri: str) -> list[Chunk]:
    """The chunks of a document in reading order."""
    wanted = select(chunk).join(document).where(document.c.uri == uri).order_by(chunk.c.position)
    rows = transaction.connection.execute(wanted).all()
    return [decoded(transaction.where, chunk_of_row, row) for row in rows]


def chunk_ids_of(transaction: ReadTransaction, uri: str) -> Ids:
    """The ids of a document's chunks in reading order; empty if it is not in the index."""
    wanted = select(chunk.c.id).join(document).where(document.c.uri == uri).order_by(chunk.c.position)
    return np.fromiter(transaction.connection.scalars(wanted), np.int64)


def texts_between(transaction: ReadTransaction, first: int, end: int) -> Iterator[tuple[int, str, str]]:
    """Id, text and language of the chunks with ids from `first` up to below `end`, in their order."""
    rows = transaction.connection.execute(_SPANS, {"first": first, "end_id": end}).all()
    for document_id, of_one in groupby(rows, key=attrgetter("document")):
        text = transaction.connection.scalar(_TEXT, {"key": document_id}) or ""
        yield from ((row.id, text[row.start : row.end], row.language) for row in of_one)


def chunk_languages(transaction: ReadTransaction) -> dict[str, int]:
    """How many chunks each language has, most first."""
    rows = transaction.connection.execute(select(chunk.c.language, func.count()).group_by(chunk.c.language))
    return dict(sorted(((name, count) for name, count in rows), key=lambda pair: (-pair[1], pair[0])))


def chunk_languages_since(transaction: ReadTransaction, least: int) -> tuple[Ids, list[str]]:
    """(ids, languages) of the chunks with ids from `least` on."""
    rows = transaction.connection.execute(_LANGUAGES, {"least": least}).all()
    return np.fromiter((row[0] for row in rows), np.int64, len(rows)), [row[1] for row in rows]


def chunk_of_row(row: Any) -> Chunk:
    """A row of the table as the chunk it stands for."""
    return Chunk(Span(row.start, row.end), row.language, row.tokens, row.page, row.section)


def _hit_of(row: Any, text: str) -> Hit:
    return Hit(
        rank=0,
        score=0.0,
        chunk_id=row.id,
        uri=row.uri,
        title=row.title,
        format=row.format,
        page=row.page,
        section=row.section,
        span=Span(row.start, row.end),
        language=row.language,
        text=text[row.start : row.end],
        main_language=row.main_language,
    )
