"""Faults of the disk and the database in the user's words: what happened, where, and what to do."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from jv3search.errors import InputError, StorageError

_DAMAGED = "the catalog is damaged; restore it from a backup, or delete it and ingest the documents again"

# What a database's message contains -> what to tell. The first that fits is taken.
_MEANINGS = (
    ("full", "the disk is full; free some space and try again, nothing stored before is lost"),
    ("no space left", "the disk is full; free some space and try again, nothing stored before is lost"),
    ("readonly", "it cannot be written to; check the permissions of the folder and its files"),
    (
        "unable to open",
        "the catalog cannot be opened; check that it exists and the permissions of the folder",
    ),
    ("malformed", _DAMAGED),
    ("not a database", _DAMAGED),
    ("could not decode", _DAMAGED),
    ("disk i/o error", "the disk reports an error; check the disk and the free space, then try again"),
    ("locked", "the database is busy; try again in a moment"),
    ("no such file", "it is gone; make an index with `ingest`, or name another folder with --index"),
    ("permission denied", "it cannot be used; check the permissions of the folder and its files"),
    ("could not serialize", "another machine is writing to this database; try again when it has finished"),
    ("connection", "the database does not answer; check that it runs and the URL"),
)


def damaged(where: str, detail: str) -> StorageError:
    """The error for a catalog whose contents contradict themselves."""
    return StorageError(f"{where}: {_DAMAGED} ({detail})")


@contextmanager
def sound(where: str) -> Iterator[None]:
    """What is made of stored values inside must keep its invariants; if not, the catalog is damaged."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise damaged(where, str(error)) from error


@contextmanager
def as_storage_errors(where: str) -> Iterator[None]:
    """Turn what the database or the disk raises inside into a StorageError about `where`; bugs pass through."""
    try:
        yield
    except ProgrammingError:
        raise
    except IntegrityError as error:  # every key is looked up before it is written
        raise damaged(where, str(error.orig)) from error
    except DBAPIError as error:
        raise StorageError(f"{where}: {_meaning(str(error.orig))}") from error
    except UnicodeEncodeError as error:
        raise InputError(f"{error.object!a} is not Unicode text: {error.reason}") from error
    except sqlite3.Error as error:  # while connecting, where SQLAlchemy does not wrap it
        raise StorageError(f"{where}: {_meaning(str(error))}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise damaged(where, str(error)) from error
    except OSError as error:
        raise StorageError(f"{where}: {_meaning(str(error))}") from error


def _meaning(message: str) -> str:
    for part, meaning in _MEANINGS:
        if part in message.lower():
            return f"{meaning} ({message})"
    return f"the catalog cannot be used: {message}"
