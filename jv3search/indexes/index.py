"""An index is a folder: the catalog, the vectors made from it, and the lock of its writer."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from jv3search.errors import IndexMismatch
from jv3search.indexes import accelerator
from jv3search.indexes.catalog import Catalog, no_index, open_to_read, open_to_write
from jv3search.indexes.faults import as_storage_errors
from jv3search.indexes.lock import hold
from jv3search.indexes.reader import Reader
from jv3search.indexes.recipe import Recipe
from jv3search.indexes.writer import Writer, check_search

_DIMENSION = 256  # keeps 99 % of jina-embeddings-v3's retrieval quality at a quarter of its size


def open_writer(
    folder: Path,
    recipe: Recipe,
    *,
    dimension: int | None = None,
    kind: str | None = None,
    url: str | None = None,
    timeout: float = 0,
) -> Writer:
    """The index in `folder` to write to, made if it does not exist.

    `dimension` (default: full size, at most 256) and `kind` (default: "auto") are for a new index; for one that
    exists None leaves them as they are and anything else must be what it has. IndexMismatch if another recipe
    made it, IndexLocked if another process still writes to it after `timeout` seconds.
    """
    check_search(recipe, dimension, kind)
    with as_storage_errors(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
    wanting = None
    with ExitStack() as undo:
        lock = hold(folder, timeout)
        undo.callback(lock.release)
        catalog = open_to_write(folder, url)
        undo.callback(catalog.close)
        if catalog.holds_index():
            _require(catalog, folder, recipe, dimension, kind)
            wanting = catalog.bring_up_to_date()
        else:
            with catalog.write() as change:
                change.create(recipe, dimension or min(_DIMENSION, recipe.dimension), kind or "auto")
        catalog.settled()
        with catalog.read() as view:
            accelerator.clean(folder, view.info())
        undo.pop_all()
    writer = Writer(catalog, folder, lock, recipe)
    if wanting:
        writer.notices.append(f"{folder}: {wanting}; it was brought up to date, nothing was embedded again")
    return writer


def open_reader(folder: Path, *, url: str | None = None) -> Reader:
    """The index in `folder` to search; IndexNotFound if there is none."""
    catalog = open_to_read(folder, url)
    with ExitStack() as undo:
        undo.callback(catalog.close)
        if not catalog.holds_index():
            raise no_index(folder)
        reader = Reader(catalog, folder)
        undo.pop_all()
    return reader


def _require(catalog: Catalog, folder: Path, recipe: Recipe, dimension: int | None, kind: str | None) -> None:
    with catalog.read() as view:
        info = view.info()
    info.recipe.require(recipe, str(folder))
    for name, option, has, asked in (
        ("dimension", "dim", info.dimension, dimension),
        ("kind", "kind", info.kind, kind),
    ):
        if asked is not None and asked != has:
            raise IndexMismatch(
                f"{folder} is searched with {name} {has}, not {asked}: leave --{option} out, "
                f"or change it with `jv3search reindex --{option} {asked}`"
            )
