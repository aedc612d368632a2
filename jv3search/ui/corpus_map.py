"""A map of the corpus: document vectors as points in the plane, and the topics they gather in.

Everything is deterministic: the same index gives the same map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jv3search.types import unit_rows

Matrix = NDArray[np.float32]
Labels = NDArray[np.intp]

_MOST_TOPICS = 8  # as many as colours can still be told apart


@dataclass(frozen=True, slots=True)
class CorpusMap:
    """`points` (documents, 2) between -1 and 1; `topics` (documents,) number each one's topic, largest first.

    `centres` are the rows of the documents nearest to each topic's middle.
    """

    points: Matrix
    topics: Labels
    centres: tuple[int, ...]


def make_map(vectors: Matrix) -> CorpusMap:
    """The map of unit row vectors (documents, dimension): drawn along what its topics differ in most.

    Topics come from spherical k-means; the plane is that of the principal components of their means, weighted by
    size (of all vectors where there are fewer than three topics). Plain components of all vectors spend their two
    axes on the spread inside of topics, and lay the topics over each other.
    """
    if not len(vectors):
        return CorpusMap(np.empty((0, 2), np.float32), np.empty(0, np.intp), ())
    unit = unit_rows(vectors)
    topics, means = _topics(unit, _count(len(unit)))
    weights = np.bincount(topics, minlength=len(means)).astype(np.float32)
    basis = _plane(means, weights) if len(means) > 2 else _plane(unit, np.ones(len(unit), np.float32))
    points = (unit - unit.mean(axis=0)) @ basis.T
    nearest = [int(np.argmax(np.where(topics == topic, unit @ means[topic], -2.0))) for topic in range(len(means))]
    return CorpusMap(_filling(points), topics, tuple(nearest))


def _filling(points: Matrix) -> Matrix:
    """Points moved and stretched so that each axis reaches from -1 to 1."""
    least, most = points.min(axis=0), points.max(axis=0)
    reach = np.where(most > least, (most - least) / 2, 1)
    filling: Matrix = ((points - (least + most) / 2) / reach).astype(np.float32)
    return filling


def _count(documents: int) -> int:
    return int(np.clip(round(documents**0.5), 1, _MOST_TOPICS))


def _plane(rows: Matrix, weights: Matrix) -> Matrix:
    """The first two principal axes (2, dimension) of weighted rows; each points to where its largest entry is."""
    shares = weights / weights.sum()
    centred = (rows - shares @ rows) * np.sqrt(shares)[:, None]
    if len(centred) < 2:  # one document, one point
        centred = np.vstack([centred, np.zeros_like(centred)])
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    first = axes[:2]
    signs = np.sign(first[np.arange(2), np.abs(first).argmax(axis=1)])
    plane: Matrix = first * signs[:, None]
    return plane


def _topics(unit: Matrix, count: int) -> tuple[Labels, Matrix]:
    """Topics of unit rows, the largest first, and their unit means (topics, dimension)."""
    from jv3search.indexes.vectors.faiss import spherical_kmeans

    means = spherical_kmeans(unit, count)
    labels = np.argmax(unit @ means.T, axis=1)
    sizes = np.bincount(labels, minlength=count)
    order = np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes)]
    rank = np.zeros(count, np.intp)
    rank[order] = np.arange(len(order))
    return rank[labels], means[order]


def topic_names(titles: Sequence[str], map_: CorpusMap) -> list[str]:
    """Each topic by the title of its most typical document; a second one of that name gets a number."""
    names: list[str] = []
    for row in map_.centres:
        title, number = titles[row], 2
        while title in names:
            title, number = f"{titles[row]} ({number})", number + 1
        names.append(title)
    return names
