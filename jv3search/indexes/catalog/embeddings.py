"""The stored vectors: full-size float16 rows, a blob for up to BLOCK neighbouring chunks."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Integer, LargeBinary, and_, bindparam, func, select

from jv3search.indexes.catalog.errors import damaged
from jv3search.indexes.catalog.schema import BLOCK, chunk, document, embedding, tombstone
from jv3search.indexes.catalog.transaction import ReadTransaction, id_batches
from jv3search.indexes.vectors.languages import ChunkLanguages, LanguageSamples
from jv3search.indexes.vectors.port import Ids
from jv3search.types import Embedding, unit_rows

Rows = NDArray[np.float16]

# Made once: putting a statement together takes longer than running it.
_IDS = chunk.c.id.in_(bindparam("ids", expanding=True))
_SIZE = bindparam("size", type_=Integer)  # bytes of a row
_ROWS = (
    select(
        chunk.c.id,
        func.substr(embedding.c.rows, (chunk.c.position % BLOCK) * _SIZE + 1, _SIZE, type_=LargeBinary),
    )
    .join(
        embedding,
        and_(embedding.c.document == chunk.c.document, embedding.c.number == chunk.c.position // BLOCK),
    )
    .where(_IDS)
)


_BLOCKS = 512  # that are read at a time where they are put elsewhere


class Block(NamedTuple):
    """The full-size rows (n, dimension) of the chunks [first, first + n), all of one document."""

    first: int
    rows: Rows
    document: int


def chunk_count(transaction: ReadTransaction) -> int:
    """The number of chunks."""
    return int(transaction.connection.scalar(select(func.coalesce(func.sum(embedding.c.chunks), 0))) or 0)


def blocks(transaction: ReadTransaction, dimension: int, *, since: int = -1) -> Iterator[Block]:
    """All rows that came after generation `since`, in the order of their chunks' ids."""
    wanted = select(embedding).where(embedding.c.generation > since).order_by(embedding.c.first)
    for row in transaction.connection.execute(wanted, execution_options={"yield_per": 256}):
        yield _block(transaction, row, dimension)


def blocks_after(transaction: ReadTransaction, dimension: int, chunk_id: int) -> list[Block]:
    """The next rows of blocks with chunk ids above one, some megabytes, in their order; none at the end."""
    wanted = select(embedding).where(embedding.c.first > chunk_id).order_by(embedding.c.first).limit(_BLOCKS)
    return [_block(transaction, row, dimension) for row in transaction.connection.execute(wanted)]


def _block(transaction: ReadTransaction, row: Any, dimension: int) -> Block:
    check_block(transaction, row, dimension)
    return Block(row.first, np.frombuffer(row.rows, "<f2").reshape(row.chunks, dimension), row.document)


def check_block(transaction: ReadTransaction, row: Any, dimension: int) -> None:
    """StorageError unless a row of the table has the size and the checksum that it was written with."""
    if len(row.rows) != row.chunks * dimension * 2 or zlib.crc32(row.rows) != row.crc32:
        raise damaged(transaction.where, f"the vectors of {_uri(transaction, row.document)}")


def document_sums(transaction: ReadTransaction, dimension: int) -> dict[int, Embedding]:
    """The sum (dimension,) of the rows of every document, by its id."""
    sums: dict[int, Embedding] = defaultdict(lambda: np.zeros(dimension, np.float32))
    for block in blocks(transaction, dimension):
        sums[block.document] += block.rows.sum(axis=0, dtype=np.float32)
    return sums


def removed_ranges(transaction: ReadTransaction, since: int) -> list[tuple[int, int]]:
    """The ranges (first, count) of chunk ids that left after generation `since`."""
    wanted = select(tombstone.c.first, tombstone.c.chunks).where(tombstone.c.generation > since)
    return [(first, count) for first, count in transaction.connection.execute(wanted)]


def rows_of(transaction: ReadTransaction, ids: Ids, dimension: int) -> tuple[Ids, Rows]:
    """The full-size rows of some chunks, in the order of their ids."""
    size = 2 * dimension
    found: dict[int, bytes] = {}
    for batch in id_batches(ids):
        cuts = transaction.connection.execute(_ROWS, {"ids": batch, "size": size})
        found.update((key, row) for key, row in cuts)
    order = sorted(found)
    joined = b"".join(found[key] for key in order)
    if len(order) != len(ids) or len(joined) != len(order) * size:
        raise damaged(transaction.where, "vectors of some chunks are missing")
    return np.array(order, np.int64), np.frombuffer(joined, "<f2").reshape(len(order), dimension)


def language_samples(
    transaction: ReadTransaction, languages: ChunkLanguages, full: int, dimension: int
) -> LanguageSamples:
    """What is known of each language of an index that is searched at `dimension`."""
    sampled = languages.sample()
    rows = {name: unit_rows(rows_of(transaction, ids, full)[1]) for name, ids in sampled.items()}
    return LanguageSamples.of(int(languages.counts.sum()), rows, dimension)


def _uri(transaction: ReadTransaction, document_id: int) -> str:
    return str(transaction.connection.scalar(select(document.c.uri).where(document.c.id == document_id)))
