"""From the catalog to something fast: vectors saved on disk, topped up, or built again when they do not serve."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from jv3search.indexes.vectors import files
from jv3search.indexes.vectors.files import VectorFile
from jv3search.indexes.vectors.port import VectorIndex, unit_rows
from jv3search.indexes.vectors.snapshot import Snapshot
from jv3search.indexes.view import Info, View
from jv3search.types import Embedding


def opened(folder: Path, view: View, notices: list[str]) -> tuple[Snapshot, bool]:
    """The vectors of the catalog's generation, and whether they had to be built."""
    info = view.info()
    for file in fitting(folder, info):
        base = _loaded(folder, file, notices)
        snapshot = None if base is None else _topped_up(_based_on(base, info, file.generation), view, info)
        if snapshot is not None and not snapshot.stale:
            return snapshot, False
    return built(view, info), True


def fitting(folder: Path, info: Info) -> list[VectorFile]:
    """The saved vectors that the catalog's could be made from, newest first."""
    return [
        file
        for file in files.saved(folder)
        if (file.identity, file.kind, file.dimension) == (info.identity[:8], info.kind, info.dimension)
        and info.complete_since <= file.generation <= info.generation
    ]


def refreshed(snapshot: Snapshot, view: View) -> Snapshot | None:
    """The snapshot with what has changed since; None if it does not serve any more."""
    info = view.info()
    same = (snapshot.identity, snapshot.kind, snapshot.dimension) == (
        info.identity,
        info.kind,
        info.dimension,
    )
    if not same or snapshot.generation < info.complete_since:
        return None
    return _topped_up(snapshot, view, info)


def built(view: View, info: Info) -> Snapshot:
    """All vectors of the catalog in a new index."""
    from jv3search.indexes.vectors import faiss  # on first use: it takes a while to import

    count = view.chunk_count()
    ids, rows = np.empty(count, np.int64), np.empty((count, info.dimension), np.float32)
    filled = 0
    for first, cut in _cut_blocks(view, info, since=-1):
        ids[filled : filled + len(cut)] = np.arange(first, first + len(cut))
        rows[filled : filled + len(cut)] = cut
        filled += len(cut)
    return _based_on(faiss.build(ids, rows, info.kind), info, info.generation)


def save(folder: Path, snapshot: Snapshot, notices: list[str]) -> None:
    """Keep a newly built base for the next time; without room or right to do so there is only a notice."""
    file = VectorFile(
        snapshot.identity[:8], snapshot.generation, snapshot.kind, snapshot.dimension, snapshot.base.top
    )
    try:
        files.save(folder, snapshot.base, file)
    except OSError as error:
        notices.append(f"{folder}: the search vectors could not be saved, they will be built again ({error})")


def clean(folder: Path, info: Info) -> None:
    """Delete what a killed process left, and vectors that are not of this catalog as it is."""
    files.discard_unfinished(folder)
    good = fitting(folder, info)
    for file in files.saved(folder):
        if file not in good:
            files.discard(folder, file)


def _loaded(folder: Path, file: VectorFile, notices: list[str]) -> VectorIndex | None:
    from jv3search.indexes.vectors import faiss

    try:
        if files.is_whole(folder, file):
            return faiss.load(folder / file.name, file.top)
    except FileNotFoundError:  # replaced by a newer one since the folder was listed
        return None
    except OSError as error:
        notices.append(f"{folder / file.name} cannot be read, it is built again from the catalog ({error})")
        return None
    notices.append(f"{folder / file.name} is damaged, it is built again from the catalog")
    return None


def _based_on(base: VectorIndex, info: Info, generation: int) -> Snapshot:
    return Snapshot(info.identity, generation, info.dimension, info.kind, base)


def _topped_up(snapshot: Snapshot, view: View, info: Info) -> Snapshot:
    if snapshot.generation == info.generation:
        return snapshot
    added = _cut_blocks(view, info, since=snapshot.generation)
    return snapshot.topped_up(info.generation, added, view.removed(snapshot.generation))


def _cut_blocks(view: View, info: Info, since: int) -> Iterator[tuple[int, Embedding]]:
    for block in view.blocks(info.recipe.dimension, since=since):
        yield block.first, unit_rows(block.rows, info.dimension)
