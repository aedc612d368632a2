"""The vector index as a cache of the catalog: read from disk, topped up with what changed, or built again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from jv3search.errors import ConfigError
from jv3search.indexes import checked_file
from jv3search.indexes.catalog.chunks import chunk_languages_since
from jv3search.indexes.catalog.embeddings import blocks, chunk_count, language_samples, removed_ranges
from jv3search.indexes.catalog.errors import damaged
from jv3search.indexes.catalog.index_info import IndexInfo, read_info
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.vectors import files
from jv3search.indexes.vectors.files import VectorFile
from jv3search.indexes.vectors.languages import ChunkLanguages
from jv3search.indexes.vectors.port import VectorIndex
from jv3search.indexes.vectors.snapshot import VectorSnapshot
from jv3search.types import Embedding, unit_rows


def opened(folder: Path, transaction: ReadTransaction, notices: list[str]) -> tuple[VectorSnapshot, bool]:
    """The vectors of the catalog's generation, and whether they had to be built."""
    info = read_info(transaction)
    for file in fitting(folder, info):
        base = _loaded(folder, file, notices)
        snapshot = None if base is None else _topped_up(_based_on(base, info, file.generation), transaction, info)
        if snapshot is not None and not snapshot.stale:
            return snapshot, False
    return built(transaction, info), True


def fitting(folder: Path, info: IndexInfo) -> list[VectorFile]:
    """The saved vectors that the catalog's could be made from, newest first."""
    return [
        file
        for file in files.saved(folder)
        if (file.identity, file.kind, file.dimension) == (info.identity[:8], info.kind, info.dimension)
        and info.complete_since <= file.generation <= info.generation
    ]


def refreshed(snapshot: VectorSnapshot, transaction: ReadTransaction) -> VectorSnapshot | None:
    """The snapshot with what has changed since; None if it does not serve any more."""
    info = read_info(transaction)
    same = (snapshot.identity, snapshot.kind, snapshot.dimension) == (
        info.identity,
        info.kind,
        info.dimension,
    )
    if not same or snapshot.generation < info.complete_since:
        return None
    return _topped_up(snapshot, transaction, info)


def on_engine(snapshot: VectorSnapshot, engine: str) -> VectorSnapshot:
    """The same vectors, compared by one of `VECTOR_ENGINES`; ConfigError if it is not here."""
    if engine == "faiss":
        return snapshot
    try:
        from jv3search.indexes.vectors import torch
    except ImportError as error:
        raise ConfigError(
            f"vector_engine is {engine}, which needs PyTorch ({error}): install it with "
            "'pip install jv3search[torch]', or set vector_engine to faiss"
        ) from None
    return replace(snapshot, base=torch.loaded(snapshot.base, snapshot.dimension, engine))


def built(transaction: ReadTransaction, info: IndexInfo) -> VectorSnapshot:
    """All vectors of the catalog in a new index."""
    from jv3search.indexes.vectors import faiss  # on first use: it takes a while to import

    chunks, names = chunk_languages_since(transaction, 0)
    languages = ChunkLanguages().changed(chunks, names, np.empty(0, np.int64))
    count = len(chunks)
    if count != chunk_count(transaction):
        raise damaged(transaction.where, "chunks and their vectors differ in number")
    ids, rows = np.empty(count, np.int64), np.empty((count, info.dimension), np.float32)
    filled = 0
    for first, cut in _cut_blocks(transaction, info, since=-1):
        ids[filled : filled + len(cut)] = np.arange(first, first + len(cut))
        rows[filled : filled + len(cut)] = cut
        filled += len(cut)
    samples = language_samples(transaction, languages, info.manifest.dimension, info.dimension)
    return _based_on(faiss.build(ids, rows, info.kind, languages, samples), info, info.generation)


def save(folder: Path, snapshot: VectorSnapshot, notices: list[str]) -> None:
    """Save a newly built base for the next time; without room or right to do so there is only a notice."""
    from jv3search.indexes.vectors import faiss

    assert isinstance(snapshot.base, faiss.FaissIndex), "built here"
    file = VectorFile(
        snapshot.identity[:8], snapshot.generation, snapshot.kind, snapshot.dimension, snapshot.base.top
    )
    try:
        files.save(folder, snapshot.base.save, file)
    except OSError as error:
        notices.append(f"{folder}: the search vectors could not be saved; they will be rebuilt ({error})")


def clean(folder: Path, info: IndexInfo) -> None:
    """Delete what a killed process left, and vectors that are not of this catalog as it is."""
    checked_file.discard_unfinished(folder)
    good = fitting(folder, info)
    for file in files.saved(folder):
        if file not in good:
            files.discard(folder, file)


def _loaded(folder: Path, file: VectorFile, notices: list[str]) -> VectorIndex | None:
    from jv3search.indexes.vectors import faiss

    remedy = "it is rebuilt from the catalog"
    return checked_file.loaded(folder / file.name, file.checksum, faiss.load, notices, remedy)


def _based_on(base: VectorIndex, info: IndexInfo, generation: int) -> VectorSnapshot:
    return VectorSnapshot(info.identity, generation, info.dimension, info.kind, base, base.languages)


def _topped_up(snapshot: VectorSnapshot, transaction: ReadTransaction, info: IndexInfo) -> VectorSnapshot:
    if snapshot.generation == info.generation:
        return snapshot
    added = list(_cut_blocks(transaction, info, since=snapshot.generation))
    least = min((first for first, _ in added), default=None)  # ids grow with generations
    languages = (np.empty(0, np.int64), []) if least is None else chunk_languages_since(transaction, least)
    removed = removed_ranges(transaction, snapshot.generation)
    return snapshot.topped_up(info.generation, added, languages, removed)


def _cut_blocks(transaction: ReadTransaction, info: IndexInfo, since: int) -> Iterator[tuple[int, Embedding]]:
    for block in blocks(transaction, info.manifest.dimension, since=since):
        yield block.first, unit_rows(block.rows, info.dimension)
