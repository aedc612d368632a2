"""All that is special about a database server: one writer on any machine, by a lock that its session holds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from jv3search.errors import IndexLocked, ReadInterrupted, StorageError
from jv3search.indexes.catalog.pgvector import ROWS_TABLE

_GRACE = 1.0  # seconds in which a server notices that the process that held the lock was killed
_CONFLICT = ("40001", "40P01")  # of a reader: with the recovery of a replica
_NO_TABLE = "42P01"
_POLL = 0.05  # seconds between two tries

# An advisory lock is the database's own; indexes in schemas of one database have different numbers.
_KEY = "hashtextextended('jv3search writes to ' || current_schema(), 0)"
_TRY = text(f"SELECT pg_try_advisory_lock({_KEY})")
_FREE = text(f"SELECT pg_advisory_unlock({_KEY})")
_HOLDER = text(
    "SELECT a.pid, host(a.client_addr) AS host, to_char(a.backend_start, 'YYYY-MM-DD HH24:MI TZ') AS since "
    "FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid, "
    f"LATERAL (SELECT {_KEY} AS key) AS k WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND l.classid::bigint = (k.key >> 32) & 4294967295 AND l.objid::bigint = k.key & 4294967295"
)
# Waiting for the encoder, in a transaction or outside, and making a graph for hours are no reasons to break off;
# not every version of PostgreSQL knows all of these.
_LIMITS = (
    "idle_session_timeout",
    "idle_in_transaction_session_timeout",
    "statement_timeout",
    "transaction_timeout",
)
_UNLIMITED = text("SELECT set_config(name, '0', false) FROM pg_settings WHERE name = ANY (:names)")
# The server gives up a machine that went silent after a minute.
_SESSION = text(
    "SELECT set_config('application_name', 'jv3search writer', false), "
    "set_config('tcp_keepalives_idle', '30', false), set_config('tcp_keepalives_interval', '10', false), "
    "set_config('tcp_keepalives_count', '3', false)"
)


@contextmanager
def as_interrupted(where: str) -> Iterator[None]:
    """ReadInterrupted where the server breaks off a transaction that only reads, or its connection breaks.

    A writer may have deleted a table just before it was to be searched.
    """
    try:
        yield
    except DBAPIError as error:
        reason = _interruption(error)
        if reason is None:
            raise
        raise ReadInterrupted(f"{where}: {reason}") from error


def _interruption(error: DBAPIError) -> str | None:
    """What broke a reader off; None for all else.

    A replica does it when the index removed rows that are still being read; no reader on the index's own server
    meets that code: https://www.postgresql.org/docs/current/hot-standby.html#HOT-STANDBY-CONFLICT
    """
    said, state = _line(error), getattr(error.orig, "sqlstate", None)
    if state in _CONFLICT:
        return (
            f"the replica broke off the search to take in newer changes ({said}): search again; if it happens "
            "often, set hot_standby_feedback = on there, or a longer max_standby_streaming_delay"
        )
    if state == _NO_TABLE and ROWS_TABLE.search(said):
        return (
            f"the vectors were put into another table in the middle of the search ({said}): search again; if that "
            "does not help, run `jv3search reindex`"
        )
    if error.connection_invalidated:
        return f"the database does not answer; check the URL and that it runs ({said})"
    return None


def _line(error: DBAPIError) -> str:
    """What the driver says, without the details that follow."""
    return str(error.orig).partition("\n")[0]


class ServerWriter:
    """The one session that writes, and holds the lock: when it breaks, both are gone together.

    So no other machine can have the lock while a transaction of this one may still be committed.
    """

    def __init__(self, engine: Engine, where: str, timeout: float) -> None:
        self.engine = engine
        self._where = where
        self._one = threading.Lock()  # a session has one transaction at a time
        self._session = engine.connect()
        try:
            self._acquire(time.monotonic() + max(timeout, _GRACE))
        except BaseException:
            self._session.close()
            self.engine.dispose()
            raise

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction of the session; StorageError if the lock was lost, for then another may be writing."""
        with self._one:
            if self._session.invalidated:
                raise self._lost("it was not taken again")
            try:
                with self._session.begin():
                    yield self._session
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise self._lost(_line(error)) from error
                raise

    def driver_connection(self) -> Any:
        """The driver's connection of the session, for settings of its own."""
        return self._session.connection.driver_connection

    def relieve(self) -> None:
        """A server looks after its own log."""

    def keep_log(self) -> None:
        """As `relieve`."""

    def close(self) -> None:
        """Free the lock at once, instead of when the server sees that the session ended."""
        if not self._session.invalidated:
            with suppress(SQLAlchemyError), self._session.begin():
                self._session.execute(_FREE)
            self._session.invalidate()  # its pool may be another by now: it would be left open there
        self._session.close()
        self.engine.dispose()

    def _acquire(self, end: float) -> None:
        with self._session.begin():
            self._session.execute(_SESSION)
            self._session.execute(_UNLIMITED, {"names": list(_LIMITS)})
        while not self._try():
            if time.monotonic() >= end:
                raise IndexLocked(self._taken())
            time.sleep(_POLL)

    def _try(self) -> bool:
        with self._session.begin():
            return bool(self._session.scalar(_TRY))

    def _taken(self) -> str:
        with self._session.begin():
            holder = self._session.execute(_HOLDER).first()
        who = "" if holder is None else f" (on {holder.host or 'its own machine'}, since {holder.since})"
        end = "" if holder is None else f"; if it hangs, end it with SELECT pg_terminate_backend({holder.pid})"
        return (
            f"{self._where} is being written to by another process{who}: wait until it has finished and try again"
            f"{end}"
        )

    def _lost(self, reason: str) -> StorageError:
        return StorageError(
            f"{self._where}: the connection that held the lock for writing broke ({reason}); the change in hand "
            "is not confirmed, all before it is stored: check that the database runs, and run the same command "
            "again"
        )
