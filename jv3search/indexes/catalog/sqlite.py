"""All that is special about SQLite: write-ahead log, durability, and reading where nothing may be written."""

from __future__ import annotations

import os
import sqlite3
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock
from sqlalchemy import Connection, Engine, QueuePool, create_engine, event

_BUSY = 10.0  # seconds a statement waits for another connection's lock
_LOG_LIMIT = 64 << 20  # bytes of write-ahead log after which a long ingest moves it into the catalog


class SQLiteWriter:
    """The writing side of one file. Only the holder of the index's lock has one, so only it checkpoints."""

    def __init__(self, path: Path, lock: FileLock) -> None:
        self._path = path
        self._lock = lock
        self.engine = _engine(lambda: _writing(path), "BEGIN IMMEDIATE")
        self._last: sqlite3.Connection | None = None

    def begin(self) -> AbstractContextManager[Connection]:
        """A transaction: kept at its end, or nothing of it."""
        return self.engine.begin()

    def keep_log(self) -> None:
        """Have the log's files outlive this writer, empty: a reader without write rights cannot make them."""
        self._last = _reading(self._path)
        self._last.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def relieve(self) -> None:
        """Move a log that has grown large into the catalog, without waiting for readers."""
        log = self._path.with_name(self._path.name + "-wal")
        if log.exists() and log.stat().st_size > _LOG_LIMIT:
            self._checkpoint("PASSIVE")

    def close(self) -> None:
        """Move the log into the catalog and let go of the file; readers that are still at it keep their log."""
        try:
            self._checkpoint("TRUNCATE")
        finally:
            self.engine.dispose()
            if self._last is not None:
                self._last.close()  # read-only, so SQLite leaves the log's files in place
            self._lock.release()

    def _checkpoint(self, mode: str) -> None:
        connection = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA busy_timeout = 200")
            cursor.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
            cursor.execute(f"PRAGMA busy_timeout = {int(_BUSY * 1000)}")
            cursor.close()
        finally:
            connection.close()


class SQLiteReader:
    """Connections that can only read; each transaction sees one state of the catalog."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.engine = _engine(lambda: _reading(path), "BEGIN")
        self._file = self._file_number()

    def follow(self) -> None:
        """If the file was deleted and made anew, read the new one: open connections would go on with the old."""
        number = self._file_number()
        if number != self._file:
            self.engine.dispose()
            self._file = number

    def _file_number(self) -> tuple[int, int]:
        found = self._path.stat()
        return found.st_dev, found.st_ino


def _engine(connect: object, begin: str) -> Engine:
    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=8, max_overflow=-1)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:  # the driver itself would begin only at the first change
        connection.exec_driver_sql(begin)

    return engine


def _writing(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a commit is on the disk when it returns
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _reading(path: Path) -> sqlite3.Connection:
    uri = f"file:{quote(str(path))}?mode=ro{_immutable(path)}"
    return sqlite3.connect(uri, uri=True, timeout=_BUSY, isolation_level=None, check_same_thread=False)


def _immutable(path: Path) -> str:
    """A catalog that was copied to where nothing can be written has no log, and SQLite cannot make one there."""
    log = path.with_name(path.name + "-wal")
    return "" if log.exists() or os.access(path.parent, os.W_OK) else "&immutable=1"
