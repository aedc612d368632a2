"""A whole evaluation: the queries, the index, and every combination of settings that is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from jv3search.config import load_settings
from jv3search.encoders.port import Encoder
from jv3search.errors import InputError
from jv3search.evaluation.beir import read_beir
from jv3search.evaluation.cached_encoder import CachedEncoder
from jv3search.evaluation.collection import Collection
from jv3search.evaluation.judged_files import read_tsv
from jv3search.evaluation.matrix import Matrix, Search, measure, searches
from jv3search.evaluation.measures import require_ir_measures
from jv3search.evaluation.silver import silver
from jv3search.evaluation.temporary_index import (
    Pooling,
    index_corpus,
    temporary_folder,
    with_dimension,
    with_pooling,
)
from jv3search.indexes import IndexReader, Manifest
from jv3search.knowledge_base import KnowledgeBase, encoder_of, with_model
from jv3search.knowledge_base import open as open_index
from jv3search.location import IndexLocation
from jv3search.search.relevance import nothing_relevant
from jv3search.search.retrieval import SearchOptions, plain_request, retrieve
from jv3search.types import Filter, Hit, Mode

Progress = Callable[[int, str], AbstractContextManager[Callable[[], None]]]
"""So many steps of something begin; the function it gives is called after each."""

_HITS = 10  # "nothing relevant" is said of so many


@dataclass(frozen=True, slots=True)
class Grid:
    """Every pooling with every dimension and every mode is one run; no dimension means the index's full size."""

    poolings: tuple[Pooling, ...]
    dimensions: tuple[int, ...]
    modes: tuple[Mode, ...]
    measures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often a search says "nothing relevant": to unanswerable queries, and wrongly to answerable ones."""

    unanswerable: int
    refused: int
    answerable: int
    refused_wrongly: int

    @property
    def precision(self) -> float | None:
        """The share of refusals that are right; None if nothing was refused."""
        said = self.refused + self.refused_wrongly
        return self.refused / said if said else None


@dataclass(frozen=True, slots=True)
class Run:
    """One combination of a grid, and how good its search is."""

    mode: Mode
    pooling: Pooling
    dimension: int
    matrix: Matrix
    refusals: Refusals | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured, with which model and how many queries."""

    dataset: str
    queries: int
    model: str
    runs: tuple[Run, ...]
    notices: tuple[str, ...] = ()


def evaluate(
    index: Path | IndexLocation | None,
    model: str | None,
    dataset: Path | None,
    grid: Grid,
    *,
    sample: int,
    progress: Progress,
    engine: str | None = None,
) -> Evaluation:
    """How well searches find what is known to be relevant.

    `dataset` is a folder in the BEIR layout, for which an index is made and deleted again, a TSV about the index,
    or None for that index's own headings, at most `sample` of them (0: all).
    """
    require_ir_measures()
    with ExitStack() as stack:
        if dataset is not None and dataset.is_dir():
            kb = KnowledgeBase(with_model(load_settings({"index": index, "model": model, "engine": engine})))
            encoder: Encoder = encoder_of(kb.settings)
            reader, collection = stack.enter_context(
                dataset_index(dataset, encoder, kb.manifest(), grid.poolings[0], progress)
            )
        else:
            kb = stack.enter_context(open_index(index, model=model, engine=engine))
            reader, encoder = kb.reader, kb.encoder
            collection = silver(reader, sample) if dataset is None else read_tsv(dataset, reader)
        found = tuple(_runs(grid, collection, reader, encoder, progress))
    return Evaluation(collection.name, len(collection.queries), reader.manifest.model, found, collection.notices)


@contextmanager
def dataset_index(
    folder: Path, encoder: Encoder, manifest: Manifest, pooling: Pooling, progress: Progress
) -> Iterator[tuple[IndexReader, Collection]]:
    """A data set's queries, and an index of its corpus that is deleted afterwards."""
    corpus, collection = read_beir(folder)
    with temporary_folder() as place:
        with progress(len(corpus), f"embedding ({pooling})") as step:
            reader = index_corpus(place, corpus, encoder, manifest, pooling, step)
        with reader:
            wordless = len(corpus) - len(reader.documents())
            if wordless:
                notice = f"documents without a word that the model knows, which cannot be found: {wordless}"
                collection = replace(collection, notices=(*collection.notices, notice))
            yield reader, collection


def _runs(
    grid: Grid, collection: Collection, base: IndexReader, encoder: Encoder, progress: Progress
) -> Iterator[Run]:
    """Measure a collection on `base` and on copies of it, which are deleted afterwards."""
    full = base.manifest.dimension
    for dimension in grid.dimensions:
        if not 1 <= dimension <= full:
            raise InputError(f"dimension {dimension} is not between 1 and {full}, the index's full size")
    cached = CachedEncoder(encoder)
    if set(grid.modes) != {"keyword"}:
        cached.remember(query.text for query in (*collection.queries, *collection.unanswerable))
    for pooling in grid.poolings:
        with _pooled(pooling, base, encoder, progress) as pooled:
            for dimension in grid.dimensions or (full,):
                with _cut(dimension, pooled, progress) as reader:
                    for mode in grid.modes:
                        search = _search(reader, cached.at(dimension), mode)
                        with progress(searches(collection), f"{mode} {pooling} {dimension}") as step:
                            matrix = measure(collection, search, grid.measures, step)
                        yield Run(mode, pooling, dimension, matrix, _refusals(collection, search, mode))


def _search(reader: IndexReader, encoder: CachedEncoder, mode: Mode) -> Search:
    """The search of the application, but nothing in a query is an operator, and hits are not grouped."""

    def search(query: str, k: int, where: Filter) -> Sequence[Hit]:
        return retrieve(reader, encoder, plain_request(query, where), SearchOptions(k, mode, group=False)).hits

    return search


@contextmanager
def _pooled(pooling: Pooling, base: IndexReader, encoder: Encoder, progress: Progress) -> Iterator[IndexReader]:
    if pooling == base.manifest.pooling:
        yield base
        return
    with temporary_folder() as folder:
        with progress(len(base.documents()), f"embedding ({pooling})") as step:
            reader = with_pooling(folder, base, encoder, pooling, step)
        with reader:
            yield reader


@contextmanager
def _cut(dimension: int, base: IndexReader, progress: Progress) -> Iterator[IndexReader]:
    if dimension == base.manifest.dimension:
        yield base
        return
    with temporary_folder() as folder:
        with progress(len(base.documents()), f"cutting to {dimension}") as step:
            reader = with_dimension(folder, base, dimension, step)
        with reader:
            yield reader


def _refusals(collection: Collection, search: Search, mode: Mode) -> Refusals | None:
    """Run every query on the whole index; None if the collection has no unanswerable one."""
    if not collection.unanswerable:
        return None
    refused, wrongly = (
        sum(nothing_relevant(search(query.text, _HITS, Filter()), mode) for query in queries)
        for queries in (collection.unanswerable, collection.queries)
    )
    return Refusals(len(collection.unanswerable), refused, len(collection.queries), wrongly)
