"""Opening an index: in a folder lie the catalog, the caches made from it, and the lock of its writer.

Of an index on a server the catalog is there, and the folder, with all the rest, on this machine.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path

from jv3search.errors import ConfigError, IndexMismatch
from jv3search.indexes import keyword_cache, milvus_vectors, server_vectors, vector_cache
from jv3search.indexes.catalog.catalog import Catalog, no_index, open_to_read, open_to_write
from jv3search.indexes.catalog.errors import as_storage_errors
from jv3search.indexes.catalog.index_info import read_info
from jv3search.indexes.manifest import Manifest
from jv3search.indexes.reader import IndexReader
from jv3search.indexes.writer import IndexWriter, check_search
from jv3search.location import IndexLocation

_DIMENSION = 256  # keeps 99 % of jina-embeddings-v3's retrieval quality at a quarter of its size


def open_writer(
    index: Path | IndexLocation,
    manifest: Manifest,
    *,
    dimension: int | None = None,
    kind: str | None = None,
    timeout: float = 0,
) -> IndexWriter:
    """The index to write to, made if it does not exist.

    `dimension` (default: full size, at most 256) and `kind` (default: "auto") are for a new index; for one that
    exists None leaves them as they are and anything else must be what it has. IndexMismatch if another manifest
    made it, IndexLocked if another process still writes to it after `timeout` seconds.
    """
    index = IndexLocation.of(index)
    check_search(manifest, dimension, kind, on_server=bool(index.url))
    folder = index.folder
    with as_storage_errors(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
    migrated = None
    with ExitStack() as undo:
        catalog = open_to_write(index, timeout)
        undo.callback(catalog.close)
        there = catalog.has_index()
        catalog.prepare()
        if there:
            _require(catalog, index, manifest, dimension, kind)
            migrated = catalog.migrate()
        else:
            with catalog.write() as transaction:
                transaction.create(manifest, dimension or min(_DIMENSION, manifest.dimension), kind or "auto")
        catalog.keep_log()
        _clean(catalog, folder)
        milvus = None
        if index.milvus is not None:
            milvus = milvus_vectors.connected(index.milvus)
            undo.callback(milvus.close)
            with catalog.read() as transaction:
                milvus_vectors.prepare(milvus, transaction)
        undo.pop_all()
    writer = IndexWriter(catalog, folder, manifest, milvus)
    if migrated:
        writer.notices.append(f"{index}: {migrated}; it was brought up to date; nothing was embedded again")
    return writer


def _clean(catalog: Catalog, folder: Path) -> None:
    """Delete what killed processes left, and what is of another state of the catalog."""
    with catalog.read() as transaction:
        info = read_info(transaction)
    vector_cache.clean(folder, info)
    keyword_cache.clean(folder, info)
    server_vectors.clean(catalog)


def open_reader(index: Path | IndexLocation, vector_engine: str = "faiss") -> IndexReader:
    """The index to search, its vectors by one of `VECTOR_ENGINES` (a database has its own).

    IndexNotFound if there is no index, ConfigError if it is not searched by that engine.
    """
    index = IndexLocation.of(index)
    if vector_engine != "faiss" and (index.url or index.milvus):
        what = "Milvus compares" if index.milvus else f"{index} is a database, which compares"
        raise ConfigError(
            f"vector_engine is {vector_engine}, but {what} the vectors itself: "
            "leave the setting out, or name an index in a folder without Milvus"
        )
    catalog = open_to_read(index)
    with ExitStack() as undo:
        undo.callback(catalog.close)
        if not catalog.has_index():
            raise no_index(index)
        if index.url:
            with suppress(OSError):  # a reader need not have the right to
                index.folder.mkdir(parents=True, exist_ok=True)
        reader = IndexReader(catalog, index.folder, index.milvus, vector_engine)
        undo.pop_all()
    return reader


def _require(
    catalog: Catalog, index: IndexLocation, manifest: Manifest, dimension: int | None, kind: str | None
) -> None:
    with catalog.read() as transaction:
        info = read_info(transaction)
    info.manifest.require(manifest, str(index))
    for name, option, current, given in (
        ("dimension", "dim", info.dimension, dimension),
        ("kind", "kind", info.kind, kind),
    ):
        if given is not None and given != current:
            raise IndexMismatch(
                f"{index} is searched with {name} {current}, not {given}: leave --{option} out, "
                f"or change it with `jv3search reindex --{option} {given}`"
            )
