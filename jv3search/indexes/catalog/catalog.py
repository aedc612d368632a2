"""The database of an index: opened once, then read and changed one transaction at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from jv3search.errors import ConfigError, IndexMismatch, IndexNotFound
from jv3search.indexes.catalog import migrations, pgvector, schema
from jv3search.indexes.catalog.errors import as_storage_errors
from jv3search.indexes.catalog.index_info import read_format, require_format
from jv3search.indexes.catalog.server import ServerWriter, as_interrupted
from jv3search.indexes.catalog.sqlite import SQLiteReader, SQLiteWriter
from jv3search.indexes.catalog.transaction import ReadTransaction, has_table
from jv3search.indexes.catalog.write_transaction import WriteTransaction
from jv3search.indexes.lock import acquire
from jv3search.location import IndexLocation

_FILE = "catalog.sqlite"
_DRIVER = "postgresql+psycopg"
_POSTGRESQL = ("postgresql", "postgres")  # as URLs of other programs begin
_PATIENCE = "10"  # seconds for a server to answer; without, some systems wait for minutes
_SETTINGS = (
    "SET jit = off",  # compiling a plan takes longer than a search
    "SET plan_cache_mode = force_custom_plan",  # the best plan depends on how much a filter admits
    "SELECT set_config('search_path', current_setting('search_path') || ', ' || quote_ident(nspname), false)"
    " FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
    " WHERE extname = 'vector' AND NOT nspname = ANY (current_schemas(true))",
)
_SCHEMA = "jv3search_schema"  # in what is noted of a connection
_LIKE = f"{_DRIVER}://user@host/name"


class Catalog:
    """An open catalog. `where` names it in messages; only one with a `writer` can be changed."""

    def __init__(
        self,
        engine: Engine,
        where: str,
        *,
        reader: SQLiteReader | None = None,
        writer: SQLiteWriter | ServerWriter | None = None,
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._writer = writer
        self._only_current = False
        self.where = where

    @property
    def on_server(self) -> bool:
        """Whether a server keeps it, and the searched vectors with it."""
        return self._engine.dialect.name == "postgresql"

    @contextmanager
    def read(self) -> Iterator[ReadTransaction]:
        """One state of the catalog, whatever is written meanwhile; ReadInterrupted if a server breaks it off."""
        with as_storage_errors(self.where), as_interrupted(self.where):
            if self._reader is not None:
                self._reader.follow()
            with self._engine.connect() as connection, connection.begin():
                transaction = ReadTransaction(connection, self.where)
                if self._only_current:
                    require_format(transaction)
                    _require_vectors(transaction)
                    self._only_current = False
                yield transaction

    def require_format(self) -> None:
        """From now on, reading is an IndexMismatch as long as the index has not the format of this version."""
        self._only_current = True

    @contextmanager
    def write(self) -> Iterator[WriteTransaction]:
        """All changes made inside are kept at its end, or none."""
        assert self._writer is not None, "opened to read"
        with as_storage_errors(self.where):
            with self._writer.begin() as connection:
                yield WriteTransaction(connection, self.where)
            self._writer.relieve()

    def has_index(self) -> bool:
        """Whether there is an index in it.

        IndexNotFound for a copy that is not finished, IndexMismatch for an index of a later version of jv3search.
        """
        with self.read() as transaction:
            if not has_table(transaction, schema.index_info):
                return False
            version = read_format(transaction)
            if version is None and has_table(transaction, schema.copied_from):
                raise IndexNotFound(
                    f"{self.where} is a copy that was not finished: run the same `jv3search copy` again, it goes "
                    "on where it stopped"
                )
        if version is not None and version > schema.VERSION:
            raise IndexMismatch(
                f"{self.where} has format {version}, this jv3search reads formats up to {schema.VERSION}: "
                "use the version that made it, or ingest the documents into another index"
            )
        return version is not None

    def migrate(self) -> str | None:
        """Bring an index of an older format up to date, in one transaction; says why it was needed."""
        with self.read() as transaction:
            reason = migrations.reason(transaction)
        if reason is not None:
            with self.write() as transaction:
                migrations.migrate(transaction)
        return reason

    def prepare(self) -> None:
        """What a server must have before an index is made there; ConfigError if it has not and cannot get it."""
        if self.on_server:
            with self.write() as transaction:
                pgvector.require_extension(transaction)
            self._engine.dispose()  # connections look for its types where they are now
            if isinstance(self._writer, ServerWriter):
                _settle(self._writer.driver_connection())

    def keep_log(self) -> None:
        """The index exists: from now on the log's files stay, for readers that may not write."""
        if self._writer is not None:
            with as_storage_errors(self.where):
                self._writer.keep_log()

    def close(self) -> None:
        """Give back every connection; a writer's log is moved into the catalog, its lock on a server is freed."""
        if self._writer is None:
            self._engine.dispose()
            return
        with as_storage_errors(self.where):
            self._writer.close()


def open_to_write(index: IndexLocation, timeout: float) -> Catalog:
    """The catalog of an index, which need not exist yet; locked until it is closed.

    IndexLocked if another process, on a server of any machine, still writes to it after `timeout` seconds.
    """
    if index.url:
        with as_storage_errors(str(index)):
            served = ServerWriter(_server_engine(index), str(index), timeout)
        return Catalog(served.engine, str(index), writer=served)
    path = index.folder / _FILE
    lock = acquire(index.folder, timeout)
    try:
        with as_storage_errors(str(path)):
            writer = SQLiteWriter(path, lock)
    except BaseException:
        lock.release()
        raise
    return Catalog(writer.engine, str(path), writer=writer)


def open_to_read(index: IndexLocation) -> Catalog:
    """The catalog of an index; IndexNotFound if there is none."""
    if index.url:
        return Catalog(_server_engine(index), str(index))
    path = index.folder / _FILE
    with as_storage_errors(str(index)):
        if not path.is_file():
            raise no_index(index)
        reader = SQLiteReader(path)
    return Catalog(reader.engine, str(path), reader=reader)


def no_index(index: IndexLocation) -> IndexNotFound:
    """The error for a place where there is no index."""
    return IndexNotFound(
        f"there is no index in {index}: make one with `ingest`, or name another folder or URL with --index"
    )


def _server_engine(index: IndexLocation) -> Engine:
    try:
        url = make_url(index.url)
    except (ArgumentError, ValueError) as error:  # a port that is no number, say
        raise ConfigError(f"{index} is not a database URL like {_LIKE}") from error
    if url.get_backend_name() not in _POSTGRESQL:
        raise ConfigError(f"{index} is neither a folder nor a PostgreSQL database like {_LIKE}")
    try:
        # One state a transaction, as in SQLite; writers queue at the row of `index_info`.
        url = url.set(drivername=_DRIVER)
        if "connect_timeout" not in url.query:
            url = url.update_query_dict({"connect_timeout": _PATIENCE})
        engine = create_engine(
            url, isolation_level="REPEATABLE READ", pool_size=8, max_overflow=-1, pool_pre_ping=True
        )
    except (ImportError, NoSuchModuleError) as error:
        raise ConfigError(f"no driver for {index}: pip install 'jv3search[postgres]'") from error
    event.listen(engine, "connect", _connected)
    event.listen(engine, "engine_connect", _name_tables)
    return engine


def _connected(connection: Any, record: ConnectionPoolEntry) -> None:
    """Each connection has one schema of its own, the first of its search path that is there."""
    from psycopg.errors import InvalidSchemaName

    path, own = connection.execute("SELECT current_setting('search_path'), current_schema()").fetchone()
    connection.rollback()  # nothing may be open where settings change
    if own is None:
        connection.close()
        raise InvalidSchemaName(f"search_path is {path}")
    record.info[_SCHEMA] = own
    _settle(connection)


def _settle(connection: Any) -> None:
    """Settings of a connection: pgvector's types may be in a schema of their own."""
    before, connection.autocommit = connection.autocommit, True
    for statement in _SETTINGS:
        connection.execute(statement)
    connection.autocommit = before


def _name_tables(connection: Connection) -> None:
    """Tables are those of the own schema: where pgvector's types are, there may be another index."""
    connection.execution_options(schema_translate_map={None: connection.info[_SCHEMA]})


def _require_vectors(transaction: ReadTransaction) -> None:
    if transaction.on_server and pgvector.lacking(transaction):
        raise IndexMismatch(
            f"{transaction.where} has no vectors in the database yet: run `jv3search reindex` once with the same "
            "--index; it brings the index up to date and embeds nothing"
        )
