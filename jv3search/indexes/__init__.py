"""At rest: the catalog (SQLAlchemy) is the truth, the vector index (FAISS) an accelerator built from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jv3search.indexes.recipe import Recipe
from jv3search.indexes.rows import FAILURES, Context, DocumentRow, LedgerRow, Status

if TYPE_CHECKING:
    from jv3search.indexes.index import open_reader, open_writer
    from jv3search.indexes.reader import Reader
    from jv3search.indexes.writer import Writer

__all__ = [
    "FAILURES",
    "Context",
    "DocumentRow",
    "LedgerRow",
    "Reader",
    "Recipe",
    "Status",
    "Writer",
    "open_reader",
    "open_writer",
]

_ON_FIRST_USE = {"open_reader": "index", "open_writer": "index", "Reader": "reader", "Writer": "writer"}


def __getattr__(name: str) -> Any:
    """What needs SQLAlchemy is imported when it is first asked for."""
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_ON_FIRST_USE[name]}"), name)
