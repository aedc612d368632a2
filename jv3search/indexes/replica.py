"""Searching a replica of an index: another server that follows the index's own, a moment behind."""

from __future__ import annotations

from contextlib import ExitStack

from jv3search.errors import IndexMismatch, StorageError
from jv3search.indexes.catalog.catalog import open_to_read
from jv3search.indexes.catalog.index_info import stamp
from jv3search.indexes.index import open_reader
from jv3search.indexes.reader import IndexReader
from jv3search.location import IndexLocation


def open_replica(index: IndexLocation, replica: IndexLocation, vector_engine: str = "faiss") -> IndexReader:
    """The replica of an index to search; IndexMismatch if it is of another index.

    It is searched also while the index itself does not answer; then a notice says so.
    """
    with ExitStack() as undo:
        reader = undo.enter_context(open_reader(replica, vector_engine))
        try:
            own = _stamp(index)
        except StorageError as error:
            reader.notices.append(f"the replica is searched, the index itself cannot be asked: {error}")
        else:
            if own[0] != reader.stamp()[0]:
                raise IndexMismatch(
                    f"{replica} is not a replica of {index}: correct JV3SEARCH_READ_URL (the setting read_url) "
                    "or leave it out"
                )
        undo.pop_all()
    return reader


def behind(index: IndexLocation, generation: int) -> str:
    """How far a replica at `generation` is behind its index, in words."""
    try:
        changes = _stamp(index)[1] - generation
    except StorageError:
        return "the index itself does not answer"
    return f"behind by {changes:,} of the index's changes" if changes else "up to date"


def _stamp(index: IndexLocation) -> tuple[str, int]:
    catalog = open_to_read(index)
    try:
        with catalog.read() as transaction:
            return stamp(transaction)
    finally:
        catalog.close()
