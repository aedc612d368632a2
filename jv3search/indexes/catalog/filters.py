"""Which chunks a filter admits."""

from __future__ import annotations

import numpy as np
from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from jv3search.errors import InputError
from jv3search.indexes.catalog.index_info import require_terms
from jv3search.indexes.catalog.schema import chunk, document, embedding
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.keywords.phrases import exact_phrase
from jv3search.indexes.vectors.port import Ids
from jv3search.types import Filter


def filtered_ids(transaction: ReadTransaction, where: Filter) -> Ids:
    """The ids of all chunks that `where` admits, ascending."""
    if where.languages or where.phrases or where.without:
        found = transaction.connection.scalars(admitted_chunks(transaction, where))
        return np.sort(np.fromiter(found, np.int64))
    ranges = select(embedding.c.first, embedding.c.chunks).where(_admitted_documents(where))
    return _expanded(transaction, ranges.join(document, document.c.id == embedding.c.document))


def admitted_chunks(transaction: ReadTransaction, where: Filter) -> Select[int]:
    """The statement that selects the ids of all chunks that `where` admits."""
    wanted = select(chunk.c.id)
    if where.languages:
        wanted = wanted.where(chunk.c.language.in_(sorted(where.languages)))
    if where.formats or where.under or where.since or where.until:
        wanted = wanted.join(document, document.c.id == chunk.c.document).where(_admitted_documents(where))
    required = [chunk.c.id.in_(_having(transaction, phrase)) for phrase in where.phrases]
    excluded = [chunk.c.id.not_in(_having(transaction, phrase)) for phrase in where.without]
    return wanted.where(*required, *excluded)


def _having(transaction: ReadTransaction, text: str) -> Select[int]:
    phrase = exact_phrase(text)
    if phrase is None:
        raise InputError(f"there is no searchable word in {text!r}: leave it out")
    require_terms(transaction)
    return transaction.keywords.having(phrase)


def _expanded(transaction: ReadTransaction, ranges: Select[int, int]) -> Ids:
    """All ids of some ranges (first, count), ascending."""
    pairs = np.array(transaction.connection.execute(ranges).fetchall(), np.int64).reshape(-1, 2)
    first, count = pairs[np.argsort(pairs[:, 0])].T
    starts = np.cumsum(count) - count  # where each range starts in the result
    ids: Ids = np.repeat(first - starts, count) + np.arange(count.sum(), dtype=np.int64)
    return ids


def _admitted_documents(where: Filter) -> ColumnElement[bool]:
    """What a filter demands of a document."""
    conditions: list[ColumnElement[bool]] = []
    if where.formats:
        conditions.append(document.c.format.in_(sorted(where.formats)))
    if where.under:
        conditions.append(or_(*(_is_under(folder) for folder in sorted(where.under))))
    if where.since is not None:
        conditions.append(document.c.modified >= where.since)
    if where.until is not None:
        conditions.append(document.c.modified < where.until)
    return and_(*conditions)


def _is_under(folder: str) -> ColumnElement[bool]:
    """The folder's own name, or anything below it; compared as text, for LIKE knows wildcards and ignores case."""
    separator = "/" if "/" in folder else "\\"
    inside = folder.rstrip(separator) + separator
    return or_(document.c.uri == folder, func.substr(document.c.uri, 1, len(inside)) == inside)
