"""A whole catalog put into another one, document by document: rows as they are stored, nothing is computed.

Until the last transaction the target has no row in `index_info`, so nobody can take it for an index; `copied_from`
says of what it is to be a copy.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row, Table, delete, func, insert, select

from jv3search.errors import StorageError
from jv3search.indexes.catalog import pgvector, schema
from jv3search.indexes.catalog.embeddings import check_block
from jv3search.indexes.catalog.errors import damaged
from jv3search.indexes.catalog.index_info import read_format
from jv3search.indexes.catalog.schema import (
    body,
    chunk,
    copied_from,
    document,
    document_embedding,
    embedding,
    index_info,
    ledger,
    translation,
    unlinked,
)
from jv3search.indexes.catalog.transaction import ReadTransaction, has_table
from jv3search.indexes.catalog.write_transaction import WriteTransaction

# What belongs to one document, in the order in which it is put in, and the column that says to which.
_OF_DOCUMENTS = {
    document: document.c.id,
    body: body.c.document,
    chunk: chunk.c.document,
    embedding: embedding.c.document,
    document_embedding: document_embedding.c.document,
}
# What is put in at the end. Tombstones stay behind: no cache of the copy is older than the copy.
_AT_THE_END = (unlinked, translation, ledger)
_APPROXIMATE = {False: "ivf", True: "hnsw"}  # by whether a server keeps the index
_AT_ONCE = 1_000  # rows in one insert

Stored = Mapping[str, Sequence[Row[Any]]]
"""All rows of some documents, by table."""


class State(NamedTuple):
    """Identity and generation of an index; of a copy that is not finished, of the index that it is made of."""

    identity: str
    generation: int


class StoredDocument(NamedTuple):
    """What tells a stored document from all others."""

    key: int
    uri: str
    digest: str
    chunks: int


class Whole(NamedTuple):
    """Of a whole index: its row in `index_info`; by table, how many rows there are, and a sum of some tables'."""

    info: dict[str, Any]
    sizes: dict[str, tuple[int, int]]


def copy_of(transaction: ReadTransaction) -> State | None:
    """Of which state of which index a catalog is a copy, finished or not; None if it is none."""
    if not has_table(transaction, copied_from):
        return None
    found = transaction.connection.execute(select(copied_from.c.identity, copied_from.c.generation)).one_or_none()
    return None if found is None else State(*found)


def is_finished(transaction: ReadTransaction) -> bool:
    """Whether there is a whole index in a catalog."""
    return has_table(transaction, index_info) and read_format(transaction) is not None


def begin(transaction: WriteTransaction, origin: State) -> None:
    """Make what tables are missing, and note of what the catalog is to be a copy."""
    schema.metadata.create_all(transaction.connection)
    copied_from.create(transaction.connection, checkfirst=True)
    transaction.connection.execute(delete(copied_from))
    transaction.connection.execute(insert(copied_from).values(id=1, **origin._asdict()))


def stored_documents(transaction: ReadTransaction) -> list[StoredDocument]:
    """Every document, by its id."""
    wanted = select(document.c.id, document.c.uri, document.c.digest, document.c.chunks).order_by(document.c.id)
    return [StoredDocument(*row) for row in transaction.connection.execute(wanted)]


def stored(transaction: ReadTransaction, keys: Sequence[int]) -> Stored:
    """All that belongs to some documents, row by row."""
    return {
        table.name: transaction.connection.execute(
            select(table).where(column.in_(keys)).order_by(column, *table.primary_key)
        ).all()
        for table, column in _OF_DOCUMENTS.items()
    }


def check(transaction: ReadTransaction, rows: Stored, dimension: int) -> None:
    """StorageError unless the rows of some documents are whole: their chunks, and a checksum of each block."""
    for block in rows[embedding.name]:
        check_block(transaction, block, dimension)
    expected = sum(row.chunks for row in rows[document.name])
    if not expected == len(rows[chunk.name]) == sum(row.chunks for row in rows[embedding.name]):
        raise damaged(transaction.where, "chunks of some documents are missing")


def put(transaction: WriteTransaction, keys: Sequence[int], rows: Stored) -> None:
    """Put some documents in, in place of what is there under their ids, and read them back.

    StorageError if they are not what was put in, to the last bit.
    """
    drop(transaction, keys)
    for table in _OF_DOCUMENTS:
        _insert(transaction, table, rows[table.name])
    require_equal(transaction, stored(transaction, keys), rows)


def drop(transaction: WriteTransaction, keys: Sequence[int]) -> None:
    """Take out all that belongs to some documents."""
    linked = [translation.c.first, translation.c.second, unlinked.c.document]
    for column in (*linked, *reversed(_OF_DOCUMENTS.values())):
        transaction.connection.execute(delete(column.table).where(column.in_(keys)))


def require_equal(transaction: ReadTransaction, found: Stored, wanted: Stored) -> None:
    """StorageError unless rows are the same, to the last bit."""
    for name, rows in wanted.items():
        if found[name] != rows:
            uris = ", ".join(row.uri for row in wanted[document.name])
            raise StorageError(
                f"{transaction.where} does not hold what was copied to it (table {name}, among {uris}): check the "
                "disk, and copy to an empty folder or database"
            )


def rest(source: ReadTransaction) -> Iterator[tuple[Table, Sequence[Row[Any]]]]:
    """What belongs to no single document, some rows of a table at a time."""
    for table in _AT_THE_END:
        rows = source.connection.execute(select(table), execution_options={"yield_per": _AT_ONCE})
        for batch in rows.partitions():
            yield table, batch


def drop_rest(target: WriteTransaction) -> None:
    """Take out what belongs to no single document."""
    for table in _AT_THE_END:
        target.connection.execute(delete(table))


def put_rest(target: WriteTransaction, table: Table, rows: Sequence[Row[Any]]) -> None:
    """Put in what belongs to no single document."""
    _insert(target, table, rows)


def whole(source: ReadTransaction) -> Whole:
    """What a finished copy must be like."""
    info = source.connection.execute(select(index_info)).one()
    return Whole(dict(zip(index_info.c.keys(), info, strict=True)), _sizes(source))


def finish(target: WriteTransaction, wanted: Whole) -> None:
    """Compare the sizes of all tables, and make it an index."""
    _require_all(target, wanted)
    changed = {"identity": uuid.uuid4().hex, "complete_since": wanted.info["generation"]}
    if wanted.info["kind"] in _APPROXIMATE.values():
        changed["kind"] = _APPROXIMATE[target.on_server]
    target.connection.execute(insert(index_info).values(wanted.info | changed))
    if target.on_server:
        pgvector.create(target)
        last = select(func.setval(func.pg_get_serial_sequence(document.name, "id"), func.max(document.c.id)))
        target.connection.execute(last)


def _require_all(target: ReadTransaction, wanted: Whole) -> None:
    for name, found in _sizes(target).items():
        if found != wanted.sizes[name]:
            raise StorageError(
                f"{target.where} does not hold what was copied to it (table {name}: {found[0]:,} rows of "
                f"{wanted.sizes[name][0]:,}): check the disk, and copy to an empty folder or database"
            )


def _sizes(transaction: ReadTransaction) -> dict[str, tuple[int, int]]:
    return {table.name: _count(transaction, table) for table in _OF_DOCUMENTS} | {
        table.name: _content(transaction, table) for table in _AT_THE_END
    }


def _insert(transaction: WriteTransaction, table: Table, rows: Sequence[Row[Any]]) -> None:
    for start in range(0, len(rows), _AT_ONCE):
        batch = [dict(row._mapping) for row in rows[start : start + _AT_ONCE]]
        transaction.connection.execute(insert(table), batch)


def _count(transaction: ReadTransaction, table: Table) -> tuple[int, int]:
    return transaction.connection.scalar(select(func.count()).select_from(table)) or 0, 0


def _content(transaction: ReadTransaction, table: Table) -> tuple[int, int]:
    """(rows, sum of their digests): the same in whatever order a database gives them."""
    rows, total = 0, 0
    for row in transaction.connection.execute(select(table), execution_options={"yield_per": _AT_ONCE}):
        rows, total = rows + 1, total + int(hashlib.sha256(repr(tuple(row)).encode()).hexdigest(), 16)
    return rows, total % 2**256
