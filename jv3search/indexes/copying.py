"""An index moved to another place, between folders and database servers, without embedding anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from jv3search.errors import IndexMismatch
from jv3search.indexes import server_vectors
from jv3search.indexes.catalog import copying
from jv3search.indexes.catalog.catalog import Catalog, no_index, open_to_read, open_to_write
from jv3search.indexes.catalog.copying import State, StoredDocument, Whole
from jv3search.indexes.catalog.errors import as_storage_errors
from jv3search.indexes.catalog.index_info import read_info, require_format, stamp
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.location import IndexLocation

_CHUNKS = 2_048  # in one transaction, if not one document has more: 4 MB of rows at 1024 dimensions

Progress = Callable[[int, str], AbstractContextManager[Callable[[], None]]]


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What a copy holds, and how many of its documents this run put in; the others were there and are the same."""

    documents: int
    chunks: int
    copied: int
    generation: int


def copy_index(source: Path | IndexLocation, target: Path | IndexLocation, progress: Progress) -> CopyReport:
    """Copy an index as it is now to an empty place, or go on with a copy that was cut off.

    The target is locked meanwhile, and no index before all is there; every document is read back and compared. If
    the copy is finished already, its documents are compared once more. `progress` is given the number of documents
    and opens what is told of each.

    IndexNotFound if there is no source, IndexMismatch if the target is another index or the copy of another state,
    IndexLocked if somebody writes to it, StorageError if what was put in does not come back.
    """
    source, target = IndexLocation.of(source), IndexLocation.of(target)
    with ExitStack() as stack:
        origin = open_to_read(source)
        stack.callback(origin.close)
        if not origin.has_index():
            raise no_index(source)
        with origin.read() as reading:
            require_format(reading)
            with as_storage_errors(str(target.folder)):
                target.folder.mkdir(parents=True, exist_ok=True)
            catalog = open_to_write(target, timeout=0)
            stack.callback(catalog.close)
            if _begun(reading, catalog):
                return _compared(reading, catalog, progress)
            report = _copied(reading, catalog, progress)
            wanted = copying.whole(reading)
        _finish(catalog, wanted)  # which may take hours: the source is let go of
        return report


def _begun(reading: ReadTransaction, target: Catalog) -> bool:
    """Whether the target is a finished copy; IndexMismatch if it is not one of the source as it is now."""
    origin = State(*stamp(reading))
    with target.read() as transaction:
        found, finished = copying.copy_of(transaction), copying.is_finished(transaction)
        own = State(*stamp(transaction)) if finished else None
    if not finished and found is not None and found.identity != origin.identity:
        raise IndexMismatch(
            f"{target.where} is an unfinished copy of another index: name another place, or empty this one"
        )
    if own is None:
        target.prepare()
        with target.write() as writing:
            copying.begin(writing, origin)
        return False
    if found != origin or own.generation != origin.generation:
        raise IndexMismatch(_occupied(target.where, found, own, origin))
    return True


def _occupied(where: str, found: State | None, own: State, origin: State) -> str:
    if own.identity == origin.identity:
        return f"{where} is the index that is to be copied: name another place"
    if found is None or found.identity != origin.identity:
        return f"{where} is another index already: name another place, or empty this one"
    return (
        f"{where} was copied from this index at change {found.generation}; the index is at {origin.generation} "
        f"now, the copy at {own.generation}: name another place, or empty this one"
    )


def _copied(reading: ReadTransaction, target: Catalog, progress: Progress) -> CopyReport:
    wanted, dimension = copying.stored_documents(reading), read_info(reading).manifest.dimension
    _drop_others(target, wanted)
    copied = 0
    with progress(len(wanted), "copying") as step:
        for batch in _batches(wanted):
            keys = [one.key for one in batch]
            rows = copying.stored(reading, keys)
            copying.check(reading, rows, dimension)
            with target.write() as writing:
                if copying.stored(writing, keys) != rows:
                    copying.put(writing, keys, rows)
                    copied += len(batch)
            for _ in batch:
                step()
    _copy_rest(reading, target)
    return _report(reading, wanted, copied)


def _copy_rest(reading: ReadTransaction, target: Catalog) -> None:
    """In short transactions, so that a fault of the source is not taken for one of the target."""
    with target.write() as writing:
        copying.drop_rest(writing)
    for table, rows in copying.rest(reading):
        with target.write() as writing:
            copying.put_rest(writing, table, rows)


def _finish(target: Catalog, wanted: Whole) -> None:
    with target.write() as writing:
        copying.finish(writing, wanted)
    target.keep_log()
    if target.on_server:
        server_vectors.save(target)


def _compared(reading: ReadTransaction, target: Catalog, progress: Progress) -> CopyReport:
    wanted = copying.stored_documents(reading)
    with target.read() as transaction, progress(len(wanted), "comparing") as step:
        for batch in _batches(wanted):
            keys = [one.key for one in batch]
            copying.require_equal(transaction, copying.stored(transaction, keys), copying.stored(reading, keys))
            for _ in batch:
                step()
    return _report(reading, wanted, 0)


def _drop_others(target: Catalog, wanted: Sequence[StoredDocument]) -> None:
    """Take out what an earlier run put in and the source has no more."""
    with target.read() as transaction:
        there = set(copying.stored_documents(transaction))
    for batch in _batches(sorted(there.difference(wanted))):
        with target.write() as writing:
            copying.drop(writing, [one.key for one in batch])


def _batches(documents: Sequence[StoredDocument]) -> Iterator[list[StoredDocument]]:
    """Documents in their order, so many together as have _CHUNKS chunks."""
    batch: list[StoredDocument] = []
    size = 0
    for one in documents:
        if batch and size + one.chunks >= _CHUNKS:
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += one.chunks + 1  # a document without chunks has a row too
    if batch:
        yield batch


def _report(reading: ReadTransaction, wanted: Sequence[StoredDocument], copied: int) -> CopyReport:
    return CopyReport(len(wanted), sum(one.chunks for one in wanted), copied, read_info(reading).generation)
