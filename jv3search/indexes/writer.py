"""Writing to an index: one process at a time, one commit a document."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from filelock import FileLock

from jv3search.errors import InputError, StorageError
from jv3search.indexes import accelerator, translations
from jv3search.indexes.catalog import Catalog
from jv3search.indexes.recipe import Recipe
from jv3search.indexes.rows import LedgerRow
from jv3search.types import EmbeddedDocument

KINDS = ("auto", "flat", "ivf")

_LINKED_AT_ONCE = 32  # documents in a transaction


class Writer:
    """An index to write to; it holds the index's lock until closed. `notices` are for the user to see."""

    def __init__(self, catalog: Catalog, folder: Path, lock: FileLock, recipe: Recipe) -> None:
        self._catalog = catalog
        self._folder = folder
        self._lock = lock
        self.recipe = recipe
        self.notices: list[str] = []

    def known(self) -> dict[str, LedgerRow]:
        """The ledger, by uri."""
        with self._catalog.read() as view:
            return {row.uri: row for row in view.ledger()}

    def documents(self) -> dict[str, str]:
        """The digest of every document in the index, by uri."""
        with self._catalog.read() as view:
            return view.digests()

    def replace(self, embedded: EmbeddedDocument, row: LedgerRow) -> None:
        """Put a document in, in place of its former self, with its ledger row: one commit."""
        self._check(embedded, row)
        with self._catalog.write() as change:
            change.replace(embedded, row)

    def move(self, old_uri: str, new_uri: str, row: LedgerRow) -> None:
        """A moved file keeps its chunks; InputError if `old_uri` is not in the index."""
        with self._catalog.write() as change:
            change.move(old_uri, new_uri, row)

    def record(self, *rows: LedgerRow) -> None:
        """Write ledger rows and nothing else: one commit for all of them."""
        with self._catalog.write() as change:
            change.note(rows)

    def remove(self, uri: str) -> bool:
        """Take a document and its ledger row out; False if the index knew neither."""
        with self._catalog.write() as change:
            return change.remove(uri)

    def link(self) -> None:
        """Look for translations of the documents that came since the last time; killed, the rest the next time."""
        with self._catalog.read() as view:
            keys = translations.pending(view)
            among = translations.corpus(view, self.recipe.dimension) if keys else None
        for start in range(0, len(keys), _LINKED_AT_ONCE):
            assert among is not None
            with self._catalog.write() as change:
                some = keys[start : start + _LINKED_AT_ONCE]
                translations.link(change, among, some, self.recipe.dimension)

    def reindex(self, *, dimension: int | None = None, kind: str | None = None) -> None:
        """Search at another dimension or in another way from now on: nothing is embedded again."""
        with self._catalog.write() as change:
            info = change.info()
            check_search(self.recipe, dimension, kind)
            change.settle(dimension or info.dimension, kind or info.kind)
        with self._catalog.read() as view:
            snapshot = accelerator.built(view, view.info())
        accelerator.save(self._folder, snapshot, self.notices)

    def close(self) -> None:
        """Save the search vectors if they are out of date, and free the lock; documents are safe before this."""
        try:
            self._save_vectors()
        finally:
            self._close_catalog()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, embedded: EmbeddedDocument, row: LedgerRow) -> None:
        uri, shape = embedded.source.uri, embedded.embeddings.shape
        if row.uri != uri:
            raise ValueError(f"a ledger row of {row.uri} for {uri}")
        if shape[1] != self.recipe.dimension:
            raise InputError(f"{uri} has embeddings of {shape[1]} values, the index of {self.recipe.dimension}")
        if not all(np.isfinite(rows).all() for rows in (embedded.embeddings, *embedded.vectors.values())):
            raise InputError(f"{uri} has embeddings that are not finite numbers")
        for task, vector in embedded.vectors.items():
            if vector.shape != (self.recipe.dimension,):
                raise InputError(
                    f"{uri}: {len(vector)} values under {task}, the index has {self.recipe.dimension}"
                )

    def _save_vectors(self) -> None:
        try:
            with self._catalog.read() as view:
                snapshot, new = accelerator.opened(self._folder, view, self.notices)
            if new and len(snapshot):
                accelerator.save(self._folder, snapshot, self.notices)
        except StorageError as error:
            self.notices.append(str(error))

    def _close_catalog(self) -> None:
        try:
            self._catalog.close()
        except StorageError as error:  # the log stays, with all that was committed
            self.notices.append(str(error))
        finally:
            self._lock.release()


def check_search(recipe: Recipe, dimension: int | None, kind: str | None) -> None:
    """InputError unless an index made by `recipe` can be searched so."""
    if dimension is not None and not 1 <= dimension <= recipe.dimension:
        raise InputError(f"dimension {dimension} is not between 1 and {recipe.dimension}, the model's full size")
    if kind is not None and kind not in KINDS:
        raise InputError(f"kind {kind!r} is none of {', '.join(KINDS)}")
