"""What each Matryoshka dimension costs and gives, on a user's own index.

Recall is measured against exact search with the full vectors: it says how much a smaller dimension loses of what
the model would find, not how good that is (`jv3search eval` does). Searches are those of the dense leg.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jv3search.encoders.port import Encoder
from jv3search.errors import InputError
from jv3search.evaluation.evaluate import Progress
from jv3search.indexes import IndexReader
from jv3search.indexes.snapshot import IndexSnapshot
from jv3search.search.dense import nearest
from jv3search.text.sentences import sentences
from jv3search.types import Embedding, Filter, unit_rows

_TIES = 64  # further chunks that may share the last one's score: copies of a passage are equally right
_EQUAL = 5e-4  # z-scores; a float32 cosine is known to 1e-5, and z-scores are at most 50 times as far apart
_WARM_UP = 5  # searches before the clock runs
_LEAST, _MOST = 15, 300  # characters of a sentence that is taken for a query

Ids = NDArray[np.int64]
Found = tuple[Ids, NDArray[np.float32]]
Find = Callable[[Embedding, int], Found]


@dataclass(frozen=True, slots=True)
class SearchFigures:
    """A search: the share of the exact result that it finds, and milliseconds a query."""

    recall: float
    median: float
    p95: float


@dataclass(frozen=True, slots=True)
class Trial:
    """One dimension: the bytes of its vector index, a search of that alone, and one scored again at full size."""

    dimension: int
    bytes: int
    coarse: SearchFigures
    rescored: SearchFigures


@dataclass(frozen=True, slots=True)
class Bench:
    """All dimensions of one index."""

    model: str
    chunks: int
    full: int
    k: int
    queries: int
    sampled: bool
    trials: tuple[Trial, ...]

    def as_json(self) -> dict[str, Any]:
        """The public form; times are in milliseconds, without the embedding of the query."""
        return asdict(self)


def bench(
    reader: IndexReader,
    encoder: Encoder,
    dimensions: Sequence[int],
    queries: Sequence[str] | None,
    *,
    sample: int,
    k: int,
    progress: Progress,
) -> Bench:
    """Try each dimension that the index's vectors have with the same queries; nothing of the index changes.

    Where none are given, at most `sample` sentences of the index are the queries. InputError for an empty index,
    or if all dimensions are larger than its vectors.
    """
    chunks, full = reader.status().chunks, reader.manifest.dimension
    if not chunks:
        raise InputError("the index is empty: ingest documents first")
    possible = sorted(dimension for dimension in dimensions if dimension <= full)
    if not possible:
        wanted = ", ".join(map(str, dimensions))
        raise InputError(f"the index's vectors have {full} values: none of {wanted} can be tried")
    texts = _sampled_sentences(reader, sample) if queries is None else queries
    found = _tried(reader, _embedded(encoder, texts, progress), possible, k, progress)
    return Bench(reader.manifest.model, chunks, full, k, len(texts), queries is None, found)


def _tried(
    reader: IndexReader, queries: Sequence[Embedding], dimensions: Sequence[int], k: int, progress: Progress
) -> tuple[Trial, ...]:
    found = []
    with progress(len(dimensions), "trying dimensions") as step, reader.snapshot() as index:
        exact = index.at(reader.manifest.dimension, "flat")
        right_coarse, right = (
            [_right(find(query, k + _TIES), k) for query in queries] for find in (_coarse(exact), _dense(exact))
        )
        for dimension in dimensions:
            trial = index.at(dimension)
            coarse = _figures(_coarse(trial), queries, right_coarse, k)
            rescored = _figures(_dense(trial), queries, right, k)
            found.append(Trial(dimension, trial.vectors.size(), coarse, rescored))
            step()
    return tuple(found)


def _coarse(index: IndexSnapshot) -> Find:
    """The nearest chunks by the first values of each vector alone, with their cosines."""
    return lambda query, k: index.vectors.nearest(unit_rows(query, index.dimension), k, Filter())


def _dense(index: IndexSnapshot) -> Find:
    """The dense leg of a search: chunks with their z-scores."""

    def find(query: Embedding, k: int) -> Found:
        ids, _, z = nearest(index, query, k)
        return ids, z

    return find


def _sampled_sentences(reader: IndexReader, count: int) -> list[str]:
    """Sentences of the index's own chunks, evenly spread, where there are no queries; InputError if none."""
    places = [(row.uri, chunk.span) for row in reader.documents() for chunk in reader.chunks(row.uri)]
    step = max(len(places) // count, 1)
    found = []
    for uri, span in places[::step][:count]:
        text = reader.text(uri)
        parts = [part.of(text).strip() for part in sentences(text, span.start, span.end)]
        fitting = [" ".join(part.split()) for part in parts if _LEAST <= len(part) <= _MOST]
        found += fitting[len(fitting) // 2 :][:1]
    if not found:
        raise InputError("the index has no sentence to search for: give queries with --queries FILE")
    return found


def _embedded(encoder: Encoder, queries: Sequence[str], progress: Progress) -> list[Embedding]:
    with progress(len(queries), "embedding queries") as step:
        rows = []
        for query in queries:
            rows.append(encoder.encode_query(query))
            step()
    return rows


def _right(found: Found, k: int) -> Ids:
    """The k nearest and all that are as near as the last of them."""
    ids, scores = found
    nearest: Ids = ids[scores >= scores[min(k, len(scores)) - 1] - _EQUAL]
    return nearest


def _figures(find: Find, queries: Sequence[Embedding], right: Sequence[Ids], k: int) -> SearchFigures:
    for query in queries[:_WARM_UP]:
        find(query, k)
    recalls, seconds = [], []
    for query, truth in zip(queries, right, strict=True):
        began = time.perf_counter()
        ids, _ = find(query, k)
        seconds.append(time.perf_counter() - began)
        recalls.append(len(np.intersect1d(ids[:k], truth)) / min(k, len(truth)))
    median, p95 = np.quantile(seconds, (0.5, 0.95)) * 1000
    return SearchFigures(float(np.mean(recalls)), round(float(median), 3), round(float(p95), 3))
