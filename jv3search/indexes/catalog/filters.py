"""Which chunks a filter admits."""

from __future__ import annotations

from functools import reduce

import numpy as np
from sqlalchemy import ColumnElement, Select, and_, or_, select, true

from jv3search.errors import InputError
from jv3search.indexes.catalog.schema import chunk, document, embedding
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.keywords.phrases import Phrase, exact_phrase
from jv3search.indexes.keywords.snapshot import OpenKeywords
from jv3search.indexes.vectors.port import Ids
from jv3search.types import Filter


def filtered_ids(transaction: ReadTransaction, where: Filter, keywords: OpenKeywords) -> Ids:
    """The ids of all chunks that `where` admits, ascending; InputError for a phrase without words."""
    required, excluded = having_phrases(where, keywords)
    ids = _in_documents(transaction, where)
    if required is not None:
        ids = np.intersect1d(ids, required, assume_unique=True)
    return np.setdiff1d(ids, excluded, assume_unique=True)


def having_phrases(where: Filter, keywords: OpenKeywords) -> tuple[Ids | None, Ids]:
    """The chunks with all phrases that a filter requires (None: it requires none), those with one it excludes."""
    required = [keywords().having(_phrase(text)) for text in where.phrases]
    excluded = [keywords().having(_phrase(text)) for text in where.without]
    every = reduce(np.intersect1d, required) if required else None
    return every, np.unique(np.concatenate([np.empty(0, np.int64), *excluded]))


def _in_documents(transaction: ReadTransaction, where: Filter) -> Ids:
    """What a filter admits, phrases apart."""
    if where.languages:
        wanted = select(chunk.c.id).where(chunk.c.language.in_(sorted(where.languages)))
        if where.formats or where.under or where.since or where.until:
            wanted = wanted.join(document, document.c.id == chunk.c.document).where(admitted_documents(where))
        return np.sort(np.fromiter(transaction.connection.scalars(wanted), np.int64))
    ranges = select(embedding.c.first, embedding.c.chunks).where(admitted_documents(where))
    return _expanded(transaction, ranges.join(document, document.c.id == embedding.c.document))


def _phrase(text: str) -> Phrase:
    phrase = exact_phrase(text)
    if phrase is None:
        raise InputError(f"there is no searchable word in {text!r}: leave it out")
    return phrase


def _expanded(transaction: ReadTransaction, ranges: Select[int, int]) -> Ids:
    """All ids of some ranges (first, count), ascending."""
    pairs = np.array(transaction.connection.execute(ranges).fetchall(), np.int64).reshape(-1, 2)
    first, count = pairs[np.argsort(pairs[:, 0])].T
    starts = np.cumsum(count) - count  # where each range starts in the result
    ids: Ids = np.repeat(first - starts, count) + np.arange(count.sum(), dtype=np.int64)
    return ids


def admitted_documents(where: Filter) -> ColumnElement[bool]:
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
    return and_(true(), *conditions)


def _is_under(folder: str) -> ColumnElement[bool]:
    """The folder's own name, or anything below it: a range, for both databases order names by their bytes."""
    separator = "/" if "/" in folder else "\\"
    before = folder.rstrip(separator)
    behind = before + chr(ord(separator) + 1)
    return or_(document.c.uri == folder, and_(document.c.uri >= before + separator, document.c.uri < behind))
