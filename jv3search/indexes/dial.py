"""The Matryoshka dial, tried in memory: stored vectors searched at another dimension, nothing changed."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from jv3search.errors import InputError
from jv3search.indexes import accelerator
from jv3search.indexes.catalog import Catalog
from jv3search.indexes.ranking import ranked
from jv3search.indexes.vectors.port import Ids, Scores, VectorIndex, unit_rows
from jv3search.types import Embedding


class Dial:
    """An index as it would be at one dimension; `kind` is "flat" (exact), "ivf" or "auto", None as it is."""

    def __init__(self, catalog: Catalog, dimension: int, kind: str | None = None) -> None:
        self._catalog = catalog
        self.dimension = dimension
        with catalog.read() as view:
            info = view.info()
            full = info.recipe.dimension
            if not 1 <= dimension <= full:
                raise InputError(f"dimension {dimension} is not between 1 and {full}, the index's full size")
            self._snapshot = accelerator.built(view, info._replace(dimension=dimension, kind=kind or info.kind))

    @property
    def approximate(self) -> bool:
        """Whether a coarse search may overlook a row."""
        return self._snapshot.base.approximate

    def size(self) -> int:
        """Bytes of the vector index on disk."""
        return _size(self._snapshot.base)

    def coarse(self, query: Embedding, k: int) -> tuple[Ids, Scores]:
        """The k nearest chunks by the first values of each vector alone, best first."""
        return self._snapshot.search(unit_rows(query, self.dimension), k)

    def rescored(self, query: Embedding, k: int) -> tuple[Ids, Scores]:
        """The k best of at least 200 such candidates by their full vectors in the catalog, as a search does it."""
        with self._catalog.read() as view:
            return ranked(view, self._snapshot, query, k, None)


def _size(index: VectorIndex) -> int:
    with TemporaryDirectory(prefix="jv3search-bench-") as folder:
        path = Path(folder) / "vectors"
        index.save(path)
        return path.stat().st_size
