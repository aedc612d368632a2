"""Faults of the disk and the database in the user's words: what happened, where, and what to do."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from jv3search.errors import InputError, StorageError

_DAMAGED = "the catalog is damaged; restore it from a backup, or delete it and ingest the documents again"
_FULL = "the disk is full; free some space and try again; nothing stored is lost"
_READ_ONLY = "it cannot be written to; check the permissions of the folder and its files"
_FORBIDDEN = "it cannot be used; check the permissions of the folder and its files"
_UNOPENED = "the catalog cannot be opened; check that it exists and the permissions of the folder"
_GONE = "it is gone; make an index with `ingest`, or name another folder with --index"
_DISK = "the disk reports an error; check the disk and the free space, then try again"
_BUSY = "the database is busy; try again in a moment"
_SILENT = (
    "the database does not answer or does not let you in; check that it runs, the URL, the user, the password"
)
_NO_RIGHT = "this user has not the right; ask the owner of the database to GRANT it, or name another user"
_FOREIGN = "its tables are not those of jv3search; name another database, or another schema in it"
_NO_SCHEMA = (
    "its schema does not exist, or this user has not the right; ask the owner of the database to make it "
    "(CREATE SCHEMA) and to GRANT it, or name another"
)
_FIXED = "it cannot be written to: it is a replica, or set to read only; name the server that takes changes"

# SQLite's primary result codes: https://www.sqlite.org/rescode.html
_SQLITE: Mapping[int, str] = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: _UNOPENED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_IOERR: _DISK,
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
}
# PostgreSQL's codes, or their first two characters: https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRES: Mapping[str, str] = {
    "53100": _FULL,
    "53300": _BUSY,
    "25006": _FIXED,
    "42501": _NO_RIGHT,
    "3F000": _NO_SCHEMA,
    "42P01": _FOREIGN,
    "42703": _FOREIGN,
    "40001": "another machine is writing to this database; try again when it has finished",
    "55P03": _BUSY,
    "58": _DISK,
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
    "08": _SILENT,
    "57P": _SILENT,
}
_SYSTEM: Mapping[int | None, str] = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.ENOENT: _GONE,
    errno.EIO: _DISK,
}

T = TypeVar("T")


class UndecodableValue(ValueError):
    """A stored value is not what it must be; becomes a StorageError that names the catalog."""


def damaged(where: str, detail: str) -> StorageError:
    """The error for a catalog whose contents contradict themselves."""
    return StorageError(f"{where}: {_DAMAGED} ({detail})")


def decoded(where: str, decode: Callable[[Any], T], stored: Any) -> T:
    """`decode(stored)`; if a stored value breaks an invariant there, the catalog is damaged: a StorageError."""
    try:
        return decode(stored)
    except (ValueError, TypeError) as error:
        raise damaged(where, str(error)) from error


@contextmanager
def as_storage_errors(where: str) -> Iterator[None]:
    """Turn what the database or the disk raises inside into a StorageError about `where`; bugs pass through."""
    try:
        yield
    except IntegrityError as error:  # every key is looked up before it is written
        raise damaged(where, str(error.orig)) from error
    except DBAPIError as error:
        if _is_bug(error):
            raise
        unreachable = isinstance(error, OperationalError) and not isinstance(error.orig, sqlite3.Error)
        raise _storage_error(where, error.orig, _SILENT if unreachable else None) from error
    except sqlite3.Error as error:  # while connecting, where SQLAlchemy does not wrap it
        raise _storage_error(where, error) from error
    except UndecodableValue as error:
        raise damaged(where, str(error)) from error
    except UnicodeEncodeError as error:
        raise InputError(f"{error.object!a} is not Unicode text: {error.reason}") from error
    except OSError as error:
        raise _storage_error(where, error) from error


def _storage_error(where: str, error: BaseException | None, otherwise: str | None = None) -> StorageError:
    """The meaning is that of the error's code; of one without a code, `otherwise`."""
    meaning, said = _meaning(error) or otherwise, " ".join(str(error).split())
    return StorageError(
        f"{where}: {meaning} ({said})" if meaning else f"{where}: the catalog cannot be used: {said}"
    )


def _is_bug(error: DBAPIError) -> bool:
    """A statement that no database takes; not one that this user may not run, and not a connection's option."""
    wrong = isinstance(error, ProgrammingError) and error.statement is not None
    return wrong and (isinstance(error.orig, sqlite3.Error) or _meaning(error.orig) is None)


def _meaning(error: BaseException | None) -> str | None:
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        return _DAMAGED if code is None else _SQLITE.get(code & 0xFF)  # without one, a text is not UTF-8
    if isinstance(error, OSError):
        return _SYSTEM.get(error.errno)
    state = getattr(error, "sqlstate", None) or ""
    return next((meaning for code, meaning in _POSTGRES.items() if state.startswith(code)), None)
