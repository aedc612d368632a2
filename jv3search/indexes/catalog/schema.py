"""The catalog's tables. Chunk ids come from `index_info.next_chunk`: neighbours in a document, never reused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

from jv3search.indexes.catalog.errors import UndecodableValue

VERSION = 3

BLOCK = 64  # chunks a blob holds at most: 128 kB at 1024 dimensions, what rescoring one candidate reads

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BigKey = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER is SQLite's own row id


class Moment(TypeDecorator[datetime]):
    """A point in time as microseconds since 1970 UTC: the same number in every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        """A time without a zone is taken as UTC."""
        if value is None:
            return None
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return (aware - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        """Always with the zone UTC; UndecodableValue for what is no such number."""
        try:
            return None if value is None else _EPOCH + timedelta(microseconds=value)
        except (TypeError, ValueError, OverflowError) as error:
            raise UndecodableValue(f"{value!r} is no time: {error}") from error


class StoredJSON(TypeDecorator[Any]):
    """JSON whose damage is told apart from every other ValueError."""

    impl = JSON
    cache_ok = True

    def result_processor(self, dialect: Any, coltype: object) -> Callable[[Any], Any]:
        """UndecodableValue for what is no JSON."""
        decode = super().result_processor(dialect, coltype)

        def process(value: Any) -> Any:
            try:
                return value if decode is None else decode(value)
            except (TypeError, ValueError) as error:
                raise UndecodableValue(str(error)) from error

        return process


metadata = MetaData()

index_info = Table(
    "index_info",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("schema", Integer, nullable=False),
    Column("identity", String(32), nullable=False),  # random: a vector cache of another catalog is not ours
    Column("recipe", StoredJSON, key="manifest", nullable=False),  # its name in indexes of format 1
    Column("dimension", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("complete_since", BigInteger, nullable=False),  # tombstones of older generations are gone
    Column("next_chunk", BigInteger, nullable=False),
)

document = Table(
    "document",
    metadata,
    Column("id", _BigKey, primary_key=True),
    Column("uri", Text, nullable=False, unique=True),
    Column("digest", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("modified", Moment, nullable=False),
    Column("ingested_at", Moment, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("chunks", Integer, nullable=False),
)

# Apart from `document`, so that filtering documents does not read their texts.
body = Table(
    "body",
    metadata,
    Column("document", _BigKey, ForeignKey("document.id"), primary_key=True, autoincrement=False),
    Column("pages", StoredJSON, nullable=False),  # [[number, start, end, label], ...]
    Column("sections", StoredJSON, nullable=False),  # [[title, level, start, end], ...]
    Column("text", Text, nullable=False),
)

chunk = Table(
    "chunk",
    metadata,
    Column("id", _BigKey, primary_key=True, autoincrement=False),
    Column("document", _BigKey, ForeignKey("document.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("language", Text, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("page", Integer),
    Column("section", Text),
    UniqueConstraint("document", "position"),
    Index("chunk_language", "language"),
)

# The float16 rows of up to BLOCK neighbouring chunks: ids [first, first + chunks).
embedding = Table(
    "embedding",
    metadata,
    Column("document", _BigKey, ForeignKey("document.id"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("first", BigInteger, nullable=False),
    Column("chunks", Integer, nullable=False),
    Column("generation", BigInteger, nullable=False, index=True),
    Column("crc32", BigInteger, nullable=False),
    Column("rows", LargeBinary, nullable=False),
)

# Chunk ids [first, first + chunks) that left the index at `generation`.
tombstone = Table(
    "tombstone",
    metadata,
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("chunks", Integer, nullable=False),
    Column("generation", BigInteger, nullable=False, index=True),
)

# One float16 row of full size for a whole document, under a task of its own.
document_embedding = Table(
    "document_embedding",
    metadata,
    Column("document", _BigKey, ForeignKey("document.id"), primary_key=True, autoincrement=False),
    Column("task", String(32), primary_key=True),
    Column("vector", LargeBinary, nullable=False),
)

# Documents that translations were not looked for yet: written with the document, so that no kill loses it.
unlinked = Table(
    "unlinked",
    metadata,
    Column("document", _BigKey, ForeignKey("document.id"), primary_key=True, autoincrement=False),
)

# Two documents that are translations of each other, first < second, and which of their chunks say the same.
translation = Table(
    "translation",
    metadata,
    Column("first", _BigKey, ForeignKey("document.id"), primary_key=True, autoincrement=False),
    Column("second", _BigKey, ForeignKey("document.id"), primary_key=True, autoincrement=False, index=True),
    Column("score", Float, nullable=False),
    Column("pairs", StoredJSON, nullable=False),  # [[position in first, position in second, similarity], ...]
)

ledger = Table(
    "ledger",
    metadata,
    Column("uri", Text, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("checked_at", Moment, nullable=False),
    Column("reason", Text, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("chunks", Integer, nullable=False),
    Column("language", Text, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("size", BigInteger, nullable=False),
)

# Only a copy has it, from its first transaction on: which state of which index it is a copy of. An index without a
# row in `index_info` is not finished.
copied_from = Table(
    "copied_from",
    MetaData(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("identity", String(32), nullable=False),
    Column("generation", BigInteger, nullable=False),
)
