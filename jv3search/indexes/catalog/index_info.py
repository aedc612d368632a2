"""What the index is, how far it has come, and whether this version of jv3search can read it."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select

from jv3search.errors import IndexMismatch
from jv3search.indexes.catalog import schema
from jv3search.indexes.catalog.errors import decoded
from jv3search.indexes.catalog.schema import index_info
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.manifest import Manifest

_STAMP = select(index_info.c.identity, index_info.c.generation)  # read before every search


class IndexInfo(NamedTuple):
    """`identity` tells this catalog from all others, `generation` counts changes; ids are below `next_chunk`."""

    identity: str
    manifest: Manifest
    dimension: int
    kind: str
    generation: int
    complete_since: int
    next_chunk: int


def stamp(transaction: ReadTransaction) -> tuple[str, int]:
    """Identity and generation: equal stamps, equal contents."""
    identity, generation = transaction.connection.execute(_STAMP).one()
    return identity, generation


def read_info(transaction: ReadTransaction) -> IndexInfo:
    """What the index is."""
    row = transaction.connection.execute(select(index_info)).one()
    manifest = decoded(transaction.where, lambda stored: Manifest(**stored), row.manifest)
    return IndexInfo(
        row.identity, manifest, row.dimension, row.kind, row.generation, row.complete_since, row.next_chunk
    )


def read_format(transaction: ReadTransaction) -> int | None:
    """The version of its format; None for an index that was never finished."""
    return transaction.connection.scalar(select(index_info.c.schema))


def require_format(transaction: ReadTransaction) -> None:
    """IndexMismatch unless the index has the format of this version."""
    version = read_format(transaction)
    if version != schema.VERSION:
        raise IndexMismatch(
            f"{transaction.where} has format {version}, this jv3search reads format {schema.VERSION}: run "
            "`jv3search reindex` once with the same --index; it brings the index up to date and embeds nothing"
        )
