"""A map of the corpus: documents as points in the plane, those of a topic near each other.

Everything is deterministic: the same index gives the same map.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jv3search.analysis.topics import Clusters, Topic

Matrix = NDArray[np.float32]


def points(clusters: Clusters) -> Matrix:
    """Where each document is drawn, (documents, 2) between -1 and 1: along what the topics differ in most.

    The plane is that of the principal components of the topics' means, weighted by size (of all rows where there
    are fewer than three topics). Plain components of all rows spend their two axes on the spread inside of topics,
    and lay the topics over each other.
    """
    rows, means = clusters.rows, clusters.means
    if not len(rows):
        return np.empty((0, 2), np.float32)
    weights = np.bincount(clusters.labels, minlength=len(means)).astype(np.float32)
    basis = _plane(means, weights) if len(means) > 2 else _plane(rows, np.ones(len(rows), np.float32))
    return _filling((rows - rows.mean(axis=0)) @ basis.T)


def topic_names(topics: Sequence[Topic], languages: Sequence[str]) -> list[str]:
    """The name of each topic in the first of some languages that it has; a second one of a name gets a number."""
    names: list[str] = []
    for topic in topics:
        name = wanted = topic.name(languages)
        number = 2
        while name in names:
            name, number = f"{wanted} ({number})", number + 1
        names.append(name)
    return names


def _filling(points: Matrix) -> Matrix:
    """Points moved and stretched so that each axis reaches from -1 to 1."""
    least, most = points.min(axis=0), points.max(axis=0)
    reach = np.where(most > least, (most - least) / 2, 1)
    filling: Matrix = ((points - (least + most) / 2) / reach).astype(np.float32)
    return filling


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
