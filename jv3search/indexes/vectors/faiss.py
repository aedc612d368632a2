"""FAISS: lists of rows of one language each, searched all or the most promising. The only file that knows it."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast
from zipfile import BadZipFile

import faiss as _faiss
import numpy as np
from numpy.typing import NDArray

from jv3search.indexes.vectors.languages import ChunkLanguages, Codes, LanguageSamples, Moments
from jv3search.indexes.vectors.port import IdBitmap, Ids, Scores
from jv3search.types import Embedding

faiss: Any = _faiss  # its types do not know the keywords that its Python side adds

FLAT_UNTIL = 50_000  # chunks; exact search of so many takes a few ms, above it lists are faster

# Lists overlook most of a narrow filter (recall 0.33 at 0.1 %), so those are searched in all lists.
_EXACT_UNTIL = 10_000
_EXACT_SHARE = 0.05

_LISTS = 8.0  # times the root of the number of rows, for all languages together
_WHOLE = 500  # rows of a language that are always searched: one list
_RECALL = 0.995  # of the 10 nearest of the sampled queries, as long as that costs less than
_ROWS = 50_000  # rows to look at, some 3 ms; above,
_LARGE_RECALL = 0.98
_CANDIDATES = 26  # of which the ten nearest are chosen by their stored rows, as a search for ten does
_SAMPLE = 256  # queries that the number of lists to look into is measured with
_PROBES = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 640, 768, 896, 1024, 1280, 1536, 2048)
_POINTS_PER_LIST = 20  # rows a list's centre is learned from; with FAISS' own 256 no fewer lists would do
_ROUNDS = 6  # of learning the centres; the number of lists to look into makes up for the rest
_RANGE_ROWS = 100_000  # from which the range of the values is learned that eight bits stand for
_AT_ONCE = 50_000  # rows that are compared with the sample at a time

_KMEANS_ROWS = 2_000  # that means are learned from, so that 20,000 rows take no second
_KMEANS_ROUNDS = 50  # it converges in ten to thirty
_KMEANS_STARTS = 10
_KMEANS_STARTED = 10_000  # rows of all starts together: with few rows most starts end badly, and cost nothing


@dataclass(frozen=True, slots=True, eq=False)
class _Lists:
    """The language and the number of rows of each list."""

    languages: Codes
    sizes: NDArray[np.int64]


class FaissIndex:
    """A FAISS index that nobody changes: adding to one while another thread searches it ends the process.

    Each list has rows of one language, so an offset of a language is one of its lists: one search finds the best
    of all languages, and the lists of languages that are not wanted are not opened.
    """

    def __init__(self, index: Any, lists: _Lists, languages: ChunkLanguages, samples: LanguageSamples) -> None:
        self._index = index
        self._lists = lists
        self.languages = languages
        self.samples = samples
        centres = faiss.downcast_index(index.quantizer).get_xb()
        self._centres = faiss.rev_swig_ptr(centres, index.nlist * index.d).reshape(index.nlist, index.d)
        alone = np.bincount(lists.languages, minlength=len(languages.names) + 1) == 1
        self._always = alone[lists.languages]  # a language of one list has few rows

    @property
    def approximate(self) -> bool:
        """Whether a search may overlook a row."""
        return not self._always.all()

    @property
    def top(self) -> int:
        """The highest id in it, 0 if it is empty."""
        return max(len(self.languages.codes) - 1, 0)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def nearest(
        self, query: Embedding, k: int, among: IdBitmap | None = None, offsets: Scores | None = None
    ) -> tuple[Ids, Scores]:
        """As the port says."""
        if not len(self):
            return np.empty(0, np.int64), np.empty(0, np.float32)
        # einsum, not @: BLAS would share it among threads that wait for each other on a busy machine
        near: Scores = np.einsum("ij,j->i", self._centres, query)
        if offsets is not None:
            near = (near - offsets[self._lists.languages]).astype(np.float32)
        wanted = np.flatnonzero(near > -np.inf)
        rows = int(self._lists.sizes[wanted].sum())
        allowed = rows if among is None else min(among.count, rows)
        first = self._probed(wanted, near, rows, allowed)
        ids, scores = self._search(query, min(k, allowed), first, near, among)
        if len(ids) < min(k, allowed) and len(first) < len(wanted):
            ids, scores = self._search(query, min(k, allowed), wanted, near, among)
        return ids, scores

    def rows(self) -> Iterator[tuple[Ids, Embedding]]:
        """All ids and their rows, list by list."""
        lists = self._index.invlists
        for number, size in enumerate(self._lists.sizes.tolist()):
            if size:
                codes = faiss.rev_swig_ptr(lists.get_codes(number), size * lists.code_size)
                apart = self._index.sq.decode(codes.reshape(size, -1))
                ids = faiss.rev_swig_ptr(lists.get_ids(number), size)
                yield ids, apart + self._centres[number]

    def size(self) -> int:
        """Bytes of its file, whether or not it is saved."""
        with TemporaryDirectory(prefix="jv3search-") as folder:
            path = Path(folder) / "vectors"
            self.save(path)
            return path.stat().st_size

    def save(self, path: Path) -> None:
        """Write it to a file; OSError if that fails."""
        try:
            faiss.write_index(self._index, str(path))
        except RuntimeError as error:
            raise OSError(str(error)) from error
        _append(path, self._lists, self.languages, self.samples)

    def _search(
        self, query: Embedding, k: int, lists: Ids, near: Scores, among: IdBitmap | None
    ) -> tuple[Ids, Scores]:
        ids, scores = np.full(max(k, 1), -1, np.int64), np.empty(max(k, 1), np.float32)
        opened, starts = np.ascontiguousarray(lists), np.ascontiguousarray(near[lists])
        query = np.ascontiguousarray(query, np.float32)
        selector = None if among is None else faiss.IDSelectorBitmap(among.bits)
        parameters = faiss.SearchParametersIVF(sel=selector, nprobe=len(lists))
        arrays = [faiss.swig_ptr(array) for array in (opened, starts, scores, ids)]
        if k and len(lists):
            with _one_thread():
                self._index.search_preassigned_c(1, faiss.swig_ptr(query), k, *arrays, False, parameters)
        found = ids >= 0  # a short answer is padded with id -1
        return ids[found], scores[found]

    def _probed(self, wanted: Ids, near: Scores, rows: int, allowed: int) -> Ids:
        """Of the wanted lists those to look into when only `allowed` of their rows count."""
        share = allowed / max(rows, 1)
        if share < 1 and (allowed <= _EXACT_UNTIL or share <= _EXACT_SHARE):
            return wanted
        always = self._always[wanted]
        probes = int(always.sum()) + math.ceil(int(self._index.nprobe) / math.sqrt(max(share, 1e-9)))
        if probes >= len(wanted):
            return wanted
        order = np.where(always, np.inf, near[wanted])
        return wanted[np.argpartition(-order, probes)[:probes]]


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


def build(ids: Ids, rows: Embedding, kind: str, languages: ChunkLanguages, samples: LanguageSamples) -> FaissIndex:
    """An index of unit rows (n, dimension); `kind` is "flat", "ivf" or "auto"."""
    flat = kind == "flat" or (kind == "auto" and len(ids) <= FLAT_UNTIL)
    codes = languages.codes_of(ids)
    centres, of_language, assigned = _centres(rows, codes, flat)
    quantizer = faiss.IndexFlatIP(rows.shape[1])
    quantizer.add(centres)
    index = faiss.IndexIVFScalarQuantizer(
        quantizer,
        rows.shape[1],
        len(centres),
        faiss.ScalarQuantizer.QT_fp16 if flat else faiss.ScalarQuantizer.QT_8bit,
        faiss.METRIC_INNER_PRODUCT,
        True,  # of a row what it differs from its centre is kept, which eight bits hold more precisely
    )
    _fill(index, ids, rows, centres, assigned)
    sizes = np.bincount(assigned, minlength=len(centres))
    built = FaissIndex(index, _Lists(of_language, sizes), languages, samples)
    if built.approximate:
        index.nprobe = _enough_probes(built, ids, rows, codes)
    return built


def _centres(rows: Embedding, codes: Codes, flat: bool) -> tuple[Embedding, Codes, Ids]:
    """The centres of the lists, their languages, and the list of each row."""
    density = 0.0 if flat else _LISTS / math.sqrt(max(len(rows), 1))
    centres, languages = [np.zeros((0, rows.shape[1]), np.float32)], [np.empty(0, np.uint16)]
    assigned, count = np.empty(len(rows), np.int64), 0
    for code in np.unique(codes):
        own = np.flatnonzero(codes == code)
        lists = 1 if len(own) <= _WHOLE else max(1, round(density * len(own)))
        learned, nearest = _clustered(rows[own], lists)
        assigned[own] = count + nearest
        centres.append(learned)
        languages.append(np.full(len(learned), code, np.uint16))
        count += len(learned)
    if not count:
        return np.zeros((1, rows.shape[1]), np.float32), np.zeros(1, np.uint16), assigned
    return np.concatenate(centres), np.concatenate(languages), assigned


def _clustered(rows: Embedding, count: int) -> tuple[Embedding, Ids]:
    """`count` centres of rows, and the nearest to each row; of one list the mean."""
    if count == 1:
        return rows.mean(axis=0, keepdims=True), np.zeros(len(rows), np.int64)
    learner = faiss.Kmeans(
        rows.shape[1],
        count,
        niter=_ROUNDS,
        spherical=True,
        seed=1,
        min_points_per_centroid=1,  # or FAISS writes a warning to the terminal
        max_points_per_centroid=_POINTS_PER_LIST,
    )
    learner.train(rows)
    _, nearest = learner.index.search(rows, 1)
    return learner.centroids, nearest[:, 0]


def _fill(index: Any, ids: Ids, rows: Embedding, centres: Embedding, assigned: Ids) -> None:
    if not len(ids):
        index.sq.train(np.zeros((1, index.d), np.float32))  # or the file could not be read again
    else:
        some = np.random.default_rng(0).permutation(len(ids))[:_RANGE_ROWS]
        apart = rows[some] - centres[assigned[some]]
        index.sq.train(apart)
        index.is_trained = True
        arrays = [np.ascontiguousarray(array) for array in (rows, ids, assigned)]
        index.add_core(len(ids), *map(faiss.swig_ptr, arrays))
    index.is_trained = True


def _enough_probes(built: FaissIndex, ids: Ids, rows: Embedding, codes: Codes) -> int:
    """The lists in which enough of what is nearest to sampled queries is found, less its language's mean."""
    rng = np.random.default_rng(0)
    one, other = rng.choice(len(rows), (2, _SAMPLE))
    queries = rows[one] + rows[other]  # a question lies further off than passages lie from each other
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    means = _means(built)
    truth = ids[_nearest(queries, rows, codes, means)]
    every = int(built._index.nlist)
    for probes in _PROBES:
        built._index.nprobe = probes
        found = [
            len(np.intersect1d(built.nearest(query, _CANDIDATES, None, means @ query)[0], right)) / 10
            for query, right in zip(queries, truth, strict=True)
        ]
        looked_at = probes * len(rows) / every
        if np.mean(found) >= (_RECALL if looked_at < _ROWS else _LARGE_RECALL):
            return min(probes, every)
    return every


def _means(built: FaissIndex) -> Embedding:
    """The mean of each language, by its code."""
    moments: Moments = built.samples.at(built._index.d)
    places = {name: place for place, name in enumerate(built.samples.names)}
    return moments.means[[places[name] for name in built.languages.names]]


def _nearest(queries: Embedding, rows: Embedding, codes: Codes, means: Embedding) -> Ids:
    """The places of the ten rows whose difference from their language's mean goes best with each query."""
    best = faiss.ResultHeap(len(queries), 10, keep_max=True)
    for start in range(0, len(rows), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        apart = rows[part] - means[codes[part]]
        scores, places = faiss.knn(queries, apart, min(10, len(apart)), metric=faiss.METRIC_INNER_PRODUCT)
        best.add_result(scores, places + start)
    best.finalize()
    found: Ids = best.I
    return found


def load(path: Path) -> FaissIndex:
    """The index of a file whose checksum was found right; its rows stay on disk, shared between processes."""
    try:
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_READ_ONLY)
    except (RuntimeError, MemoryError) as error:
        raise OSError(str(error)) from error
    try:
        return FaissIndex(index, *_appended(path))
    except (ValueError, KeyError, BadZipFile) as error:  # written before languages were part of the file
        raise OSError(f"the languages of the chunks are missing: {error}") from error


def _append(path: Path, lists: _Lists, languages: ChunkLanguages, samples: LanguageSamples) -> None:
    """Write behind the index what FAISS has no place for; the last eight bytes say how long it is."""
    written = io.BytesIO()
    np.savez(
        written,
        list_languages=lists.languages,
        list_sizes=lists.sizes,
        names=np.array(languages.names, np.str_),
        codes=languages.codes,
        **cast(dict[str, Any], samples.as_arrays()),
    )
    with path.open("ab") as stream:
        stream.write(written.getbuffer())
        stream.write(len(written.getbuffer()).to_bytes(8, "little"))


def _appended(path: Path) -> tuple[_Lists, ChunkLanguages, LanguageSamples]:
    with path.open("rb") as stream:
        stream.seek(-8, io.SEEK_END)
        length = int.from_bytes(stream.read(), "little")
        stream.seek(-8 - length, io.SEEK_END)
        with np.load(io.BytesIO(stream.read(length))) as stored:
            values = dict(stored)
    return (
        _Lists(values["list_languages"], values["list_sizes"]),
        ChunkLanguages(tuple(values["names"].tolist()), values["codes"]),
        LanguageSamples.of_arrays(values),
    )


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
