"""At rest: the catalog (SQLAlchemy) is the truth, the vector index (FAISS) a cache of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jv3search.indexes.manifest import Manifest
from jv3search.indexes.rows import FAILURES, Context, DocumentRow, LedgerRow, Status

if TYPE_CHECKING:
    from jv3search.indexes.copying import CopyReport, copy_index
    from jv3search.indexes.index import open_reader, open_writer
    from jv3search.indexes.reader import IndexReader
    from jv3search.indexes.replica import behind, open_replica
    from jv3search.indexes.writer import IndexWriter

__all__ = [
    "FAILURES",
    "Context",
    "CopyReport",
    "DocumentRow",
    "IndexReader",
    "IndexWriter",
    "LedgerRow",
    "Manifest",
    "Status",
    "behind",
    "copy_index",
    "open_reader",
    "open_replica",
    "open_writer",
]

_ON_FIRST_USE = {
    "CopyReport": "copying",
    "behind": "replica",
    "copy_index": "copying",
    "open_reader": "index",
    "open_replica": "replica",
    "open_writer": "index",
    "IndexReader": "reader",
    "IndexWriter": "writer",
}


def __getattr__(name: str) -> Any:
    """What needs SQLAlchemy is imported when it is first asked for."""
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_ON_FIRST_USE[name]}"), name)
