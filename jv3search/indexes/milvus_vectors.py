"""The vectors of an index in Milvus: a cache of the catalog, put there by whoever writes, searched by all.

A collection has the rows of all chunks up to some id, which never change, for an id is not used twice. New ones
are added; those that left the catalog stay until they are many, and are left out of what is found. Who searches
reads the languages of all chunks from the catalog, so only what is there is ever found, and compares the rows that
are not in Milvus yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from jv3search.errors import ConfigError, IndexMismatch, ReadInterrupted
from jv3search.indexes.cached_vectors import CachedVectors
from jv3search.indexes.catalog.chunks import chunk_languages, chunk_languages_since
from jv3search.indexes.catalog.embeddings import (
    blocks_after,
    chunk_count,
    language_samples,
    rows_of,
)
from jv3search.indexes.catalog.index_info import IndexInfo, read_info
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.vectors.languages import ChunkLanguages
from jv3search.indexes.vectors.port import Ids, Scores
from jv3search.indexes.vectors.snapshot import VectorSnapshot
from jv3search.location import MilvusLocation
from jv3search.types import Embedding, Filter, unit_rows

if TYPE_CHECKING:
    from jv3search.indexes.vectors.milvus import Collection, Milvus

# As with FAISS: so few are compared one by one, with the catalog's rows, for a search in Milvus finds few of them.
EXACT_UNTIL = 10_000

_AT_ONCE = 10_000  # rows of the catalog compared at a time
_LEFT_SHARE = 0.10  # of the rows in Milvus: if more have left the catalog, all are put there anew
_LEFT_LEAST = 256  # rows that are never worth it
_NONE = np.empty(0, np.int64)
_EVERYTHING = Filter()


def connected(location: MilvusLocation) -> Milvus:
    """The server; ConfigError without its client, StorageError if it does not answer."""
    try:
        from jv3search.indexes.vectors.milvus import Milvus
    except ImportError as error:
        raise ConfigError(f"no client for Milvus at {location}: pip install 'jv3search[milvus]'") from error
    return Milvus(location)


def opened(server: Milvus, transaction: ReadTransaction) -> VectorSnapshot:
    """The vectors of the state that a transaction sees; IndexMismatch if they were not put into Milvus.

    ReadInterrupted if there are those of a later state: a writer has just put them there.
    """
    info = read_info(transaction)
    ours = _searched(server, info)
    fitting = _not_later(ours, info)
    if ours and not fitting:
        raise ReadInterrupted(
            f"{transaction.where}: Milvus at {server.location} has a later state of this index: search again; if "
            "the catalog came from a backup, run `jv3search reindex`"
        )
    if not fitting:
        raise IndexMismatch(
            f"{transaction.where}: Milvus at {server.location} has not the vectors of this index as it is "
            "searched: run `jv3search reindex` once with the same settings, or wait until the `ingest` that runs "
            "now has ended; nothing is embedded again"
        )
    server.check(fitting[0])
    return _based_on(server, fitting[0], transaction, info)


def newer(server: Milvus, transaction: ReadTransaction, snapshot: VectorSnapshot) -> bool:
    """Whether there is more of the index in Milvus by now than the rows that a snapshot is based on."""
    info = read_info(transaction)
    return any(one.top > snapshot.base.top for one in _not_later(_searched(server, info), info))


def save(server: Milvus, transaction: ReadTransaction) -> None:
    """Put into Milvus what it has not: the new rows, or all where that will not do."""
    info = read_info(transaction)
    there = _not_later(_searched(server, info), info)[:1]
    if any(one.generation == info.generation for one in there):
        return
    if there and _serves(there[0], transaction, info):
        _add(server, transaction, info, there[0])
        return
    build(server, transaction, info)
    for empty in (one for one in there if not one.rows):  # nobody asks Milvus for it
        server.drop(empty)


def build(server: Milvus, transaction: ReadTransaction, info: IndexInfo) -> None:
    """Put all rows into a new collection, to be searched as `info` says."""
    from jv3search.indexes.vectors.milvus import wants_graph

    names = sorted(chunk_languages(transaction))
    graph = wants_graph(info.kind, chunk_count(transaction))
    _add(server, transaction, info, server.create(info.identity, info.dimension, info.kind, graph, names))


def prepare(server: Milvus, transaction: ReadTransaction) -> None:
    """Drop what is searched no more, and make a place for what a new index is to have.

    Dropped is also what is of a later state than the catalog, which then came from a backup.
    """
    info = read_info(transaction)
    fitting = _not_later(_searched(server, info), info)
    server.drop_all_but(fitting[0] if fitting else None, info.identity)
    if not (fitting or chunk_count(transaction)):
        build(server, transaction, info)


def described(server: Milvus, transaction: ReadTransaction) -> str:
    """In words, how far what is in Milvus is behind the catalog."""
    info = read_info(transaction)
    fitting = _not_later(_searched(server, info), info)
    if not fitting:
        return "not in Milvus as it is searched: run `jv3search reindex`"
    behind = info.generation - fitting[0].generation
    return f"in Milvus as of {behind} changes ago; updated at the next search" if behind else "up to date"


def _searched(server: Milvus, info: IndexInfo) -> list[Collection]:
    """What is in Milvus at the dimension and in the way that the index is searched, latest first."""
    wanted = (info.dimension, info.kind)
    return [one for one in server.collections(info.identity) if (one.dimension, one.kind) == wanted]


def _not_later(collections: Sequence[Collection], info: IndexInfo) -> list[Collection]:
    return [one for one in collections if one.generation <= info.generation]


def _serves(collection: Collection, transaction: ReadTransaction, info: IndexInfo) -> bool:
    """Whether new rows can be added, rather than all put there anew."""
    from jv3search.indexes.vectors.milvus import wants_graph

    total, (_, names) = chunk_count(transaction), chunk_languages_since(transaction, collection.top + 1)
    left = collection.rows - (total - len(names))
    return (
        collection.rows > 0
        and left <= max(_LEFT_SHARE * collection.rows, _LEFT_LEAST)
        and len({*collection.languages, *names}) <= collection.columns
        and collection.graph == wants_graph(info.kind, total)
    )


def _add(server: Milvus, transaction: ReadTransaction, info: IndexInfo, to: Collection) -> None:
    """Add the rows that came since, and say so."""
    languages = ChunkLanguages(to.languages).changed(*chunk_languages_since(transaction, to.top + 1), _NONE)
    added = 0
    for ids, rows in _rows_after(transaction, info, to.top):
        server.add(to, ids, rows, languages.codes_of(ids))
        added += len(ids)
    server.finish(to, info.generation, info.next_chunk - 1, added, languages.names)


def _rows_after(transaction: ReadTransaction, info: IndexInfo, chunk_id: int) -> Iterator[tuple[Ids, Embedding]]:
    """The ids above one and their unit rows at the dimension that is searched, some thousand at a time."""
    while batch := blocks_after(transaction, info.manifest.dimension, chunk_id):
        ids = [np.arange(block.first, block.first + len(block.rows), dtype=np.int64) for block in batch]
        yield np.concatenate(ids), np.concatenate([unit_rows(block.rows, info.dimension) for block in batch])
        chunk_id = int(ids[-1][-1])


def _based_on(
    server: Milvus, collection: Collection, transaction: ReadTransaction, info: IndexInfo
) -> VectorSnapshot:
    from jv3search.indexes.vectors.milvus import MilvusIndex

    languages = ChunkLanguages(collection.languages).changed(*chunk_languages_since(transaction, 0), _NONE)
    samples = language_samples(transaction, languages, info.manifest.dimension, info.dimension)
    base = MilvusIndex(server, collection, languages, samples)
    found = VectorSnapshot(info.identity, info.generation, info.dimension, info.kind, base, languages)
    fresh = list(_rows_after(transaction, info, collection.top))
    if not fresh:
        return found
    ids, rows = (np.concatenate(parts) for parts in zip(*fresh, strict=True))
    return replace(found, ids=ids, rows=rows)


@dataclass(frozen=True)
class MilvusVectors(CachedVectors):
    """As the port says; among few, the catalog's rows are compared, and so they are where Milvus gives too few."""

    def nearest(
        self, query: Embedding, k: int, where: Filter = _EVERYTHING, offsets: Scores | None = None
    ) -> tuple[Ids, Scores]:
        """As the port says."""
        offsets = self._of_languages(where, offsets)
        count = self._count(where, offsets)
        if count > EXACT_UNTIL or count == len(self):
            found = super().nearest(query, k, where, offsets)
            if len(found[0]) >= min(k, count):
                return found
        return self._compared(query, k, self._survivors(where, offsets), offsets)

    def _count(self, where: Filter, offsets: Scores | None) -> int:
        """How many chunks may be found."""
        if self._filters_documents(where):
            return len(self._survivors(where, offsets))
        if offsets is None:
            return len(self)
        return int(self.languages.counts[np.isfinite(offsets)].sum())

    def _survivors(self, where: Filter, offsets: Scores | None) -> Ids:
        """All chunks that may be found."""
        if self._filters_documents(where):
            return self.cache.filtered_ids(self.transaction, where, self.keywords, self.languages).ids
        taken = np.zeros(len(self.languages.names)) if offsets is None else offsets
        wanted = zip(self.languages.names, np.isfinite(taken).tolist(), strict=True)
        return self.languages.ids_of([name for name, is_wanted in wanted if is_wanted])

    def _compared(self, query: Embedding, k: int, ids: Ids, offsets: Scores | None) -> tuple[Ids, Scores]:
        """The k best of some chunks by the catalog's rows."""
        found, scores = np.empty(0, np.int64), np.empty(0, np.float32)
        for start in range(0, len(ids), _AT_ONCE):
            more, rows = rows_of(self.transaction, ids[start : start + _AT_ONCE], self.full)
            near: Scores = np.einsum("ij,j->i", unit_rows(rows, self.snapshot.dimension), query)
            if offsets is not None:
                near = (near - offsets[self.languages.codes_of(more)]).astype(np.float32)
            found, scores = np.concatenate([found, more]), np.concatenate([scores, near])
            best = np.lexsort((found, -scores))[:k]
            found, scores = found[best], scores[best]
        return found, scores
