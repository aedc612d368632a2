"""Vectors in PostgreSQL by its extension pgvector: the rows that are searched, beside the full-size ones.

The table that is searched has a name of its own, which `vector_table` tells. Another one is filled beside it and
takes its place in one statement. Its rows are unit rows at the dimension of the search, less the centre of their
language, so that one walk through the graph (HNSW) by inner products finds what stands out in each language.
"""

from __future__ import annotations

import io
import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.types import UserDefinedType

from jv3search.errors import ConfigError
from jv3search.indexes.catalog import schema
from jv3search.indexes.catalog.embeddings import Rows, blocks_after, rows_of
from jv3search.indexes.catalog.index_info import read_info
from jv3search.indexes.catalog.schema import chunk
from jv3search.indexes.catalog.transaction import ReadTransaction, has_table, table_names
from jv3search.indexes.vectors.languages import SAMPLE, LanguageSamples
from jv3search.indexes.vectors.port import Ids
from jv3search.types import Embedding, unit_rows

_MISSING = (
    "the database has no extension pgvector (0.8 or later). Install it on the server (Debian: apt install "
    "postgresql-17-pgvector; else https://github.com/pgvector/pgvector), then run CREATE EXTENSION vector in this "
    "database as its owner"
)
_LEAST = (0, 8)  # searches go on until enough rows pass a filter
_PRIOR = 16.0  # chunks that the average centre counts for in that of a language with few
_GRAPH = "m = 16, ef_construction = 128"
# At least, for making a graph: one that does not fit is put together on the disk, many times slower.
_MEMORY = (
    "SELECT set_config('maintenance_work_mem', '1GB', true) "
    "WHERE pg_size_bytes(current_setting('maintenance_work_mem')) < pg_size_bytes('1GB')"
)
_SIZE = text(
    "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind = 'r' AND n.nspname = current_schema() AND c.relname = ANY (:names)"
)
ROWS_TABLE = re.compile(r"\bvectors_\d+\b")  # what `fill` calls its tables
_PATIENCE = "SET LOCAL lock_timeout = '100ms'"  # for a search between two statements, not for a long one
_LOCKED = "55P03"  # by another transaction, all that time
_COPIED = struct.Struct("!hiqiqi")  # a row of COPY: four values, the lengths of the first three, the first two
_BEGIN, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"

metadata = MetaData()

vector_table = Table(
    "vector_table",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", String(32), nullable=False),
    Column("version", BigInteger, nullable=False),  # of the three below
    Column("graph", Boolean, nullable=False),
    Column("centres", LargeBinary, nullable=False),
    Column("samples", LargeBinary, nullable=False),
)

# How many chunks each language has: counted with each document, for to count them all takes long.
language_count = Table(
    "language_count",
    metadata,
    Column("language", Text, primary_key=True),
    Column("chunks", BigInteger, nullable=False),
)


class HalfVector(UserDefinedType[Embedding]):
    """pgvector's float16 values, written as text."""

    cache_ok = True

    def get_col_spec(self, **kw: Any) -> str:
        """The name of the type."""
        return "halfvec"

    def bind_processor(self, dialect: Any) -> Any:
        """As pgvector reads it."""
        return lambda row: None if row is None else "[" + ",".join(map(str, row.tolist())) + "]"


class VectorTable(NamedTuple):
    """The table that is searched: whether it has a graph, and the version of what was learned of its rows."""

    name: str
    version: int
    graph: bool


class Centres(NamedTuple):
    """What is taken off the rows of each language; `usual` off those of a language that came later."""

    names: tuple[str, ...]
    rows: Embedding
    usual: Embedding

    def of(self, languages: Iterable[str]) -> Embedding:
        """The centres (n, dimension) of some languages."""
        places = {name: place for place, name in enumerate(self.names)}
        table = np.vstack([self.rows, self.usual])
        centres: Embedding = table[[places.get(name, -1) for name in languages]]
        return centres


@lru_cache(maxsize=8)
def rows_table(name: str) -> Table:
    """The table of that name: a searched row for each chunk."""
    return Table(
        name,
        MetaData(),
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("document", BigInteger, nullable=False, index=True),
        Column("language", Text, nullable=False, index=True),
        Column("vector", HalfVector, nullable=False),
    )


def require_extension(transaction: ReadTransaction) -> None:
    """ConfigError unless pgvector can be used in this database; it is switched on if that is allowed."""
    wanted = text("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    version = transaction.connection.scalar(wanted)
    if version is None:
        try:
            transaction.connection.execute(text("CREATE EXTENSION vector"))
        except DBAPIError as error:  # not on this server, or not for this user
            said = " ".join(str(error.orig).split())
            raise ConfigError(f"{transaction.where}: {_MISSING} ({said})") from error
        version = transaction.connection.scalar(wanted)
    if tuple(map(int, re.findall(r"\d+", str(version))[:2])) < _LEAST:
        raise ConfigError(f"{transaction.where}: pgvector {version} is too old: run ALTER EXTENSION vector UPDATE")


def lacking(transaction: ReadTransaction) -> bool:
    """Whether an index was made before its vectors stood in the database."""
    return not has_table(transaction, vector_table)


def create(transaction: ReadTransaction) -> None:
    """The tables, and what makes those of the catalog fast on a server; what is stored already is put in."""
    metadata.create_all(transaction.connection)
    for statement in (
        'ALTER TABLE document ALTER COLUMN uri TYPE text COLLATE "C"',  # what is below a folder is then a range
        "ALTER TABLE embedding ALTER COLUMN rows SET STORAGE EXTERNAL",  # a part can be read alone
        "CREATE INDEX IF NOT EXISTS chunk_of_language ON chunk (language, id)",
        "CREATE INDEX IF NOT EXISTS embedding_first ON embedding (first)",
    ):
        transaction.connection.execute(text(statement))
    counts = select(chunk.c.language, func.count()).group_by(chunk.c.language)
    transaction.connection.execute(insert(language_count).from_select(["language", "chunks"], counts))
    fill(transaction, graph=False)


def current(transaction: ReadTransaction) -> VectorTable:
    """The table that is searched."""
    wanted = select(vector_table.c.name, vector_table.c.version, vector_table.c.graph)
    return VectorTable(*transaction.connection.execute(wanted).one())


def learned(transaction: ReadTransaction) -> tuple[Centres, LanguageSamples]:
    """The centres of the searched table, and the last samples of the languages."""
    return _learned_centres(transaction), _learned_samples(transaction)


def _learned_centres(transaction: ReadTransaction) -> Centres:
    values = _arrays(transaction.connection.execute(select(vector_table.c.centres)).scalar_one())
    return Centres(tuple(values["names"].tolist()), values["rows"], values["usual"])


def _learned_samples(transaction: ReadTransaction) -> LanguageSamples:
    """Some 4 MB at 1,024 dimensions."""
    stored = transaction.connection.execute(select(vector_table.c.samples)).scalar_one()
    return LanguageSamples.of_arrays(_arrays(stored))


def language_counts(transaction: ReadTransaction) -> dict[str, int]:
    """How many chunks each language has, by name."""
    wanted = select(language_count).where(language_count.c.chunks > 0).order_by(language_count.c.language)
    return {row.language: row.chunks for row in transaction.connection.execute(wanted)}


def samples(transaction: ReadTransaction, full: int, dimension: int) -> LanguageSamples:
    """Of up to 256 chunks of each language, evenly spread, as those of an index in a folder."""
    counts = language_counts(transaction)
    rows = {name: _sample(transaction, name, count, full) for name, count in sorted(counts.items())}
    return LanguageSamples.of(sum(counts.values()), rows, dimension)


def _sample(transaction: ReadTransaction, language: str, count: int, full: int) -> Embedding:
    rank = (func.row_number().over(order_by=chunk.c.id) - 1).label("rank")
    ranked = select(chunk.c.id, rank).where(chunk.c.language == language).subquery()
    ranks = np.linspace(0, count - 1, min(SAMPLE, count)).astype(np.int64).tolist()
    ids = transaction.connection.scalars(select(ranked.c.id).where(ranked.c.rank.in_(ranks)))
    return unit_rows(rows_of(transaction, np.fromiter(ids, np.int64), full)[1])


def add(
    transaction: ReadTransaction, first: int, document: int, languages: Sequence[str], rows: Embedding
) -> None:
    """Put a document's rows in: those of the chunks from `first` on, at full size."""
    table, centres = current(transaction), _learned_centres(transaction)
    ids = np.arange(first, first + len(rows))
    _copy(transaction, table.name, _encoded(ids, document, languages, rows, centres))
    _count(transaction, Counter(languages))


def drop(transaction: ReadTransaction, document: int) -> None:
    """Take a document's rows out."""
    left = select(chunk.c.language, func.count()).where(chunk.c.document == document).group_by(chunk.c.language)
    _count(transaction, {name: -count for name, count in transaction.connection.execute(left)})
    table = rows_table(current(transaction).name)
    transaction.connection.execute(delete(table).where(table.c.document == document))


def _count(transaction: ReadTransaction, changes: dict[str, int]) -> None:
    from sqlalchemy.dialects.postgresql import insert  # on first use: an index in a folder needs none of it

    if changes:
        given = insert(language_count).values([{"language": name, "chunks": n} for name, n in changes.items()])
        total = language_count.c.chunks + given.excluded.chunks
        transaction.connection.execute(
            given.on_conflict_do_update(index_elements=["language"], set_={"chunks": total})
        )


def fill(transaction: ReadTransaction, *, graph: bool, rows: bool = True) -> None:
    """Make a table of all rows at the index's dimension, with a graph or without, and search it from now on.

    The table before is left to those who search it at this moment; `clean` deletes it later.
    """
    info = read_info(transaction)
    full, dimension = info.manifest.dimension, info.dimension
    of_languages = samples(transaction, full, dimension) if rows else LanguageSamples.of(0, {}, dimension)
    centres = _centres(of_languages, dimension) if graph else _no_centres(dimension)
    version = transaction.connection.scalar(select(vector_table.c.version)) or 0
    name = f"vectors_{version + 1}"
    rows_table(name).create(transaction.connection)
    for part in _stored(transaction, full, centres) if rows else ():
        _copy(transaction, name, part)
    if graph:
        transaction.connection.execute(text(f"ALTER TABLE {name} ALTER COLUMN vector TYPE halfvec({dimension})"))
        transaction.connection.execute(text(_MEMORY))
        transaction.connection.execute(
            text(f"CREATE INDEX {name}_graph ON {name} USING hnsw (vector halfvec_ip_ops) WITH ({_GRAPH})")
        )
    _point_to(transaction, VectorTable(name, version + 1, graph), centres, of_languages)


def keep_samples(transaction: ReadTransaction) -> None:
    """Sample the languages again if they are not what they were."""
    known, counts, info = _learned_samples(transaction), language_counts(transaction), read_info(transaction)
    if not known.still_fit(sum(counts.values()), counts):
        new = samples(transaction, info.manifest.dimension, info.dimension)
        transaction.connection.execute(
            update(vector_table).values(samples=_bytes(new.as_arrays()), version=vector_table.c.version + 1)
        )


def clean(transaction: ReadTransaction) -> None:
    """Delete the tables that are searched no more; one that is being searched is left to the next writer."""
    kept = current(transaction).name
    transaction.connection.execute(text(_PATIENCE))
    for name in table_names(transaction):
        if ROWS_TABLE.fullmatch(name) and name != kept:
            _drop_unless_read(transaction, name)


def _drop_unless_read(transaction: ReadTransaction, name: str) -> None:
    try:
        with transaction.connection.begin_nested():
            rows_table(name).drop(transaction.connection)
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCKED:
            raise


def size(transaction: ReadTransaction) -> int:
    """Bytes on the server's disk of all tables of the index, with their indexes."""
    names = [*schema.metadata.tables, schema.copied_from.name, *metadata.tables]
    names += filter(ROWS_TABLE.fullmatch, table_names(transaction))
    return int(transaction.connection.scalar(_SIZE, {"names": names}) or 0)


def _point_to(
    transaction: ReadTransaction, table: VectorTable, centres: Centres, of_languages: LanguageSamples
) -> None:
    from sqlalchemy.dialects.postgresql import insert

    names = np.array(centres.names, np.str_)
    learned_of = {
        "centres": _bytes({"names": names, "rows": centres.rows, "usual": centres.usual}),
        "samples": _bytes(of_languages.as_arrays()),
    }
    values = {**table._asdict(), **learned_of}
    new = insert(vector_table).values(id=1, **values)
    transaction.connection.execute(new.on_conflict_do_update(index_elements=["id"], set_=values))


def _bytes(values: Mapping[str, NDArray[Any]]) -> bytes:
    written = io.BytesIO()
    np.savez(written, **values)  # type: ignore[arg-type]
    return written.getvalue()


def _arrays(stored: bytes) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(stored)) as values:
        return dict(values)


def _no_centres(dimension: int) -> Centres:
    return Centres((), np.zeros((0, dimension), np.float32), np.zeros((1, dimension), np.float32))


def _centres(of_languages: LanguageSamples, dimension: int) -> Centres:
    """The means of the languages; those of few chunks lean on the average one, or a row would be its own mean."""
    if not of_languages.names:
        return _no_centres(dimension)
    means = of_languages.at(dimension).means
    shares = (of_languages.sizes / (of_languages.sizes + _PRIOR)).astype(np.float32)[:, None]
    usual = (shares * means).sum(axis=0, keepdims=True) / shares.sum()
    return Centres(of_languages.names, shares * means + (1 - shares) * usual, usual)


def _stored(transaction: ReadTransaction, full: int, centres: Centres) -> Iterator[bytes]:
    """All rows of the catalog, those of up to some thousand blocks at a time."""
    tongues = select(chunk.c.language).order_by(chunk.c.id)
    after = 0
    while batch := list(blocks_after(transaction, full, after)):
        after = batch[-1].first
        end = after + len(batch[-1].rows)
        between = tongues.where(chunk.c.id >= batch[0].first, chunk.c.id < end)
        languages = iter(list(transaction.connection.scalars(between)))
        yield b"".join(
            _encoded(
                np.arange(block.first, block.first + len(block.rows)),
                block.document,
                list(islice(languages, len(block.rows))),
                block.rows,
                centres,
            )
            for block in batch
        )


def _encoded(ids: Ids, document: int, languages: Sequence[str], rows: Embedding | Rows, centres: Centres) -> bytes:
    """Rows of COPY in its binary format."""
    dimension = centres.usual.shape[1]
    halves = (unit_rows(rows, dimension) - centres.of(languages)).astype(">f2")
    head = struct.pack("!iHH", 4 + 2 * halves.shape[1], halves.shape[1], 0)
    names = [name.encode() for name in languages]
    return b"".join(
        _COPIED.pack(4, 8, key, 8, document, len(name)) + name + head + row.tobytes()
        for key, name, row in zip(ids.tolist(), names, halves, strict=True)
    )


def _copy(transaction: ReadTransaction, name: str, rows: bytes) -> None:
    driver: Any = transaction.connection.connection.driver_connection
    statement = f"COPY {name} (id, document, language, vector) FROM STDIN (FORMAT BINARY)"
    with _driver_errors(), driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(_BEGIN + rows + _END)


@contextmanager
def _driver_errors() -> Iterator[None]:
    """What the driver raises where SQLAlchemy does not stand between, as if it did."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise OperationalError("COPY", None, error) from error
