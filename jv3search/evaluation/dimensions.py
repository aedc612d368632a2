"""What each Matryoshka dimension costs and gives, on a user's own index.

Recall is measured against exact search with the full vectors: it says how much the dial loses of what the
model would find, not how good that is (`jv3search eval` does).
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
from jv3search.evaluation.runs import Progress
from jv3search.indexes import Reader
from jv3search.ingest.chunking import sentences
from jv3search.types import Embedding

_TIES = 64  # further chunks that may share the last one's score: copies of a passage are equally right
_EQUAL = 1e-5
_WARM_UP = 5  # searches before the clock runs
_LEAST, _MOST = 15, 300  # characters of a sentence that is taken for a query

Ids = NDArray[np.int64]
Found = tuple[Ids, NDArray[np.float32]]
Find = Callable[[Embedding, int], Found]


@dataclass(frozen=True, slots=True)
class Way:
    """One way of searching: share of the exact result that it finds, and milliseconds a query."""

    recall: float
    median: float
    p95: float


@dataclass(frozen=True, slots=True)
class Trial:
    """One dimension: the vector index's bytes, searched by it alone and with scoring again at full size."""

    dimension: int
    bytes: int
    coarse: Way
    rescored: Way


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
    reader: Reader,
    encoder: Encoder,
    dimensions: Sequence[int],
    queries: Sequence[str] | None,
    *,
    sample: int,
    k: int,
    progress: Progress,
) -> Bench:
    """Try each dimension that the index's vectors have with the same queries; nothing of the index changes.

    Without queries, at most `sample` sentences of the index are asked. InputError for an empty index, or if all
    dimensions are larger than its vectors.
    """
    chunks, full = reader.status().chunks, reader.recipe.dimension
    if not chunks:
        raise InputError("the index is empty: ingest documents first")
    possible = sorted(dimension for dimension in dimensions if dimension <= full)
    if not possible:
        wanted = ", ".join(map(str, dimensions))
        raise InputError(f"the index's vectors have {full} values: no dimension of {wanted} can be tried")
    asked = _sampled_sentences(reader, sample) if queries is None else queries
    trials = _trials(reader, _embedded(encoder, asked, progress), possible, k, progress)
    return Bench(reader.recipe.model, chunks, full, k, len(asked), queries is None, trials)


def _trials(
    reader: Reader, asked: Sequence[Embedding], dimensions: Sequence[int], k: int, progress: Progress
) -> tuple[Trial, ...]:
    exact = reader.dial(reader.recipe.dimension, "flat")
    right = [_right(exact.coarse(query, k + _TIES), k) for query in asked]
    trials = []
    with progress(len(dimensions), "trying dimensions") as step:
        for dimension in dimensions:
            dial = reader.dial(dimension)
            coarse, rescored = _way(dial.coarse, asked, right, k), _way(dial.rescored, asked, right, k)
            trials.append(Trial(dimension, dial.size(), coarse, rescored))
            step()
    return tuple(trials)


def _sampled_sentences(reader: Reader, count: int) -> list[str]:
    """Sentences of the index's own chunks, evenly spread, where there are no questions; InputError if none."""
    places = [(row.uri, chunk.span) for row in reader.documents() for chunk in reader.chunks(row.uri)]
    step = max(len(places) // count, 1)
    found = []
    for uri, span in places[::step][:count]:
        text = reader.text(uri)
        parts = [part.of(text).strip() for part in sentences(text, span.start, span.end)]
        fitting = [" ".join(part.split()) for part in parts if _LEAST <= len(part) <= _MOST]
        found += fitting[len(fitting) // 2 :][:1]
    if not found:
        raise InputError("the index holds no sentence to ask: give questions with --queries FILE")
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


def _way(find: Find, queries: Sequence[Embedding], right: Sequence[Ids], k: int) -> Way:
    for query in queries[:_WARM_UP]:
        find(query, k)
    recalls, seconds = [], []
    for query, truth in zip(queries, right, strict=True):
        began = time.perf_counter()
        ids, _ = find(query, k)
        seconds.append(time.perf_counter() - began)
        recalls.append(len(np.intersect1d(ids[:k], truth)) / min(k, len(truth)))
    median, p95 = np.quantile(seconds, (0.5, 0.95)) * 1000
    return Way(float(np.mean(recalls)), round(float(median), 3), round(float(p95), 3))
