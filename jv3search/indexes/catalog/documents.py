"""Documents: what each is, and each as its reader made it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import false, func, or_, select

from jv3search.errors import InputError
from jv3search.indexes.catalog.errors import damaged, decoded
from jv3search.indexes.catalog.schema import body, document, document_embedding
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.rows import DocumentRow
from jv3search.types import Document, Page, Section, Task


def digests(transaction: ReadTransaction) -> dict[str, str]:
    """The digest of every document, by uri."""
    rows = transaction.connection.execute(select(document.c.uri, document.c.digest))
    return {uri: digest for uri, digest in rows}


def uris_by_id(transaction: ReadTransaction) -> dict[int, str]:
    """The uri of every document, by its id."""
    rows = transaction.connection.execute(select(document.c.id, document.c.uri))
    return {key: uri for key, uri in rows}


def document_rows(transaction: ReadTransaction) -> list[DocumentRow]:
    """Every document, sorted by uri."""
    wanted = select(*(column for column in document.c if column.name != "id"))
    rows = transaction.connection.execute(wanted).all()
    read = [decoded(transaction.where, lambda row: DocumentRow(**row._mapping), row) for row in rows]
    return sorted(read, key=lambda row: row.uri)  # sorted here, for databases sort by their locale


def uris_with(transaction: ReadTransaction, parts: Sequence[str]) -> list[str]:
    """The uris in which one of some parts occurs, in any order; ASCII letters may differ in case."""
    occurs = [document.c.uri.contains(part, autoescape=True) for part in parts]
    return list(transaction.connection.scalars(select(document.c.uri).where(or_(false(), *occurs))))


def read_document(transaction: ReadTransaction, uri: str) -> Document:
    """The document as its reader made it, without the notices; InputError if it is not in the index."""
    wanted = select(body, document.c.title, document.c.format)
    row = transaction.connection.execute(wanted.join(document).where(document.c.uri == uri)).one_or_none()
    if row is None:
        raise InputError(f"{uri} is not in the index")
    return decoded(transaction.where, _document_of, row)


def document_formats(transaction: ReadTransaction) -> dict[str, int]:
    """How many documents each format has, most first."""
    rows = transaction.connection.execute(select(document.c.format, func.count()).group_by(document.c.format))
    return dict(sorted(((name, count) for name, count in rows), key=lambda pair: (-pair[1], pair[0])))


def document_vectors(
    transaction: ReadTransaction, task: Task, dimension: int
) -> tuple[list[tuple[int, str, str]], NDArray[np.float16]]:
    """(id, uri, language) of each document with a vector under `task`, by uri, and the (N, dimension) rows."""
    wanted = (
        select(document.c.id, document.c.uri, document.c.language, document_embedding.c.vector)
        .join(document_embedding, document_embedding.c.document == document.c.id)
        .where(document_embedding.c.task == task)
    )
    found = sorted(transaction.connection.execute(wanted), key=lambda row: row.uri)
    joined = b"".join(row.vector for row in found)
    if len(joined) != len(found) * dimension * 2:
        raise damaged(transaction.where, "vectors of documents")
    return [(row.id, row.uri, row.language) for row in found], np.frombuffer(joined, "<f2").reshape(-1, dimension)


def _document_of(row: Any) -> Document:
    pages = tuple(Page.from_row(page) for page in row.pages)
    sections = tuple(Section.from_row(section) for section in row.sections)
    return Document(row.text, row.title, row.format, pages, sections)
