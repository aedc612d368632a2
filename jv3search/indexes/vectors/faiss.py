"""FAISS: exact search, or inverted lists with float16 rows. The only file that knows the library."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faiss as _faiss
import numpy as np

from jv3search.indexes.vectors.port import IdBitmap, Ids, Scores
from jv3search.types import Embedding

faiss: Any = _faiss  # its types do not know the keywords that its Python side adds

FLAT_UNTIL = 50_000  # chunks; exact search of so many takes a few ms, above it lists are faster

# Lists overlook most of a narrow filter (recall 0.33 at 0.1 %), so those are searched in all lists.
_EXACT_UNTIL = 10_000
_EXACT_SHARE = 0.05

_RECALL = 0.995  # of the 10 nearest of the rows themselves, before the margin for queries, which lie further off
_SAMPLE = 256  # rows that the number of lists to look into is measured with
_PROBES = (4, 8, 16, 32, 64, 128, 256)
_POINTS_PER_LIST = 20  # rows a list's centre is learned from; with FAISS' own 256 no fewer lists would do
_ROUNDS = 6  # of learning the centres; the number of lists to look into makes up for the rest

_KMEANS_ROWS = 2_000  # that means are learned from, so that 20,000 rows take no second
_KMEANS_ROUNDS = 50  # it converges in ten to thirty
_KMEANS_STARTS = 10
_KMEANS_STARTED = 10_000  # rows of all starts together: with few rows most starts end badly, and cost nothing


class FaissIndex:
    """A FAISS index that nobody changes: adding to one while another thread searches it ends the process."""

    def __init__(self, index: Any, top: int) -> None:
        self._index = index
        self._lists = faiss.try_extract_index_ivf(index)
        self.top = top

    @property
    def approximate(self) -> bool:
        """Whether a search may overlook a row."""
        return self._lists is not None

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def nearest(self, query: Embedding, k: int, among: IdBitmap | None = None) -> tuple[Ids, Scores]:
        """The k nearest ids and their cosines, best first, fewer if there are fewer; exact for a small `among`."""
        allowed = len(self) if among is None else among.count
        k = min(k, allowed)
        if not k:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        selector = None if among is None else faiss.IDSelectorBitmap(among.bits)
        if self._lists is None:
            return self._search(query, k, faiss.SearchParameters(sel=selector))
        probes = self._probes(allowed)
        ids, scores = self._search(query, k, faiss.SearchParametersIVF(sel=selector, nprobe=probes))
        if len(ids) < k and probes < self._lists.nlist:
            every = faiss.SearchParametersIVF(sel=selector, nprobe=self._lists.nlist)
            ids, scores = self._search(query, k, every)
        return ids, scores

    def save(self, path: Path) -> None:
        """Write it to a file; OSError if that fails."""
        try:
            faiss.write_index(self._index, str(path))
        except RuntimeError as error:
            raise OSError(str(error)) from error

    def _search(self, query: Embedding, k: int, parameters: Any) -> tuple[Ids, Scores]:
        with _one_thread():
            scores, ids = self._index.search(query[None], k, params=parameters)
        found = ids[0] >= 0  # a short answer is padded with id -1
        return ids[0][found], scores[0][found]

    def _probes(self, allowed: int) -> int:
        """How many lists to look into when only `allowed` rows count."""
        lists = int(self._lists.nlist)
        share = allowed / max(len(self), 1)
        if share < 1 and (allowed <= _EXACT_UNTIL or share <= _EXACT_SHARE):
            return lists
        return min(lists, math.ceil(int(self._lists.nprobe) / min(share, 1)))


@contextmanager
def _one_thread() -> Iterator[None]:
    """For one query several would only wait for each other: 12 ms instead of 2 on a busy machine.

    The number is this thread's own, but PyTorch shares it, so it is put back.
    """
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def build(ids: Ids, rows: Embedding, kind: str) -> FaissIndex:
    """An index of unit rows (n, dimension); `kind` is "flat", "ivf" or "auto"."""
    top = int(ids.max(initial=0))
    if kind == "flat" or not len(ids) or (kind == "auto" and len(ids) <= FLAT_UNTIL):
        flat = faiss.IndexIDMap2(faiss.IndexFlatIP(rows.shape[1]))
        flat.add_with_ids(rows, ids)
        return FaissIndex(flat, top)
    return FaissIndex(_lists(ids, rows), top)


def load(path: Path, top: int) -> FaissIndex:
    """The index of a file whose checksum was found right; it stays on disk and is shared between processes."""
    try:
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_READ_ONLY)
    except (RuntimeError, MemoryError) as error:
        raise OSError(str(error)) from error
    return FaissIndex(index, top)


def _lists(ids: Ids, rows: Embedding) -> Any:
    count = max(1, min(len(ids), round(4 * math.sqrt(len(ids)))))
    index = faiss.index_factory(rows.shape[1], f"IVF{count},SQfp16", faiss.METRIC_INNER_PRODUCT)
    index.cp.max_points_per_centroid = _POINTS_PER_LIST
    index.cp.niter = _ROUNDS
    index.cp.min_points_per_centroid = 1  # or FAISS writes a warning to the terminal
    index.train(rows)
    index.add_with_ids(rows, ids)
    index.nprobe = _enough_probes(index, ids, rows)
    return index


def _enough_probes(index: Any, ids: Ids, rows: Embedding) -> int:
    """Twice the lists in which _RECALL of a sample's nearest rows are found: queries lie further off than rows."""
    sample = rows[np.random.default_rng(0).choice(len(rows), min(_SAMPLE, len(rows)), replace=False)]
    k = min(10, len(rows))
    _, nearest = faiss.knn(sample, rows, k, metric=faiss.METRIC_INNER_PRODUCT)
    truth = ids[nearest]
    for probes in _PROBES:
        index.nprobe = probes
        _, found = index.search(sample, k)
        if np.mean([len(np.intersect1d(a, b)) / k for a, b in zip(truth, found, strict=True)]) >= _RECALL:
            return min(2 * probes, int(index.nlist))
    return int(index.nlist)


def spherical_kmeans(rows: Embedding, count: int) -> Embedding:
    """`count` unit means of unit rows (n, dimension), at least so many: the same rows give the same means."""
    learner = faiss.Kmeans(
        rows.shape[1],
        count,
        niter=_KMEANS_ROUNDS,
        nredo=max(_KMEANS_STARTS, _KMEANS_STARTED // len(rows)),  # the best of them, by how near the rows lie
        spherical=True,
        seed=1,
        min_points_per_centroid=1,  # or FAISS writes a warning to the terminal
        max_points_per_centroid=max(_KMEANS_ROWS // count, 1),
    )
    with _one_thread():  # each round is short: threads would wait for each other
        learner.train(rows)
    means: Embedding = learner.centroids
    return means
