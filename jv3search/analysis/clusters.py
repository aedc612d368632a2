"""Documents gathered by what they are about, whatever their language: k-means over vectors of whole documents.

Chosen on the choosing sets of `python -m benchmarks.topics`. HDBSCAN was tried and left most documents in no
topic, or nearly all in one; the silhouette, which should find the number of topics, found two in a handbook of
nineteen chapters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jv3search.types import Embedding, unit_rows

Labels = NDArray[np.intp]

MOST_TOPICS = 30  # that are found unasked: as many as a person reads through
_LANGUAGE_WEIGHT = 5  # documents of a language from which on more than half of its mean is taken off


def document_rows(separation: Embedding, passages: Embedding, languages: Sequence[str]) -> Embedding:
    """One unit row (N, 2 x dimension) a document, in which its language counts little.

    `separation` are unit vectors of the documents' samples, `passages` unit means of all their passages: the one
    is made to tell themes apart, the other knows the whole text. Both are (N, dimension).
    """
    return unit_rows(np.hstack([without_language(rows, languages) for rows in (separation, passages)]))


def without_language(rows: Embedding, languages: Sequence[str]) -> Embedding:
    """Unit rows without what those of one language have in common, the less the fewer they are."""
    tags, moved = np.array(languages), rows.copy()
    everywhere = rows.mean(axis=0)
    for tag in sorted(set(languages)):
        own = tags == tag
        share = own.sum() / (own.sum() + _LANGUAGE_WEIGHT)
        moved[own] -= share * (rows[own].mean(axis=0) - everywhere)
    return unit_rows(moved)


def usual_count(documents: int) -> int:
    """The number of topics to look for where nobody says: the root of the number of documents, 30 at most."""
    return min(max(round(math.sqrt(documents)), 1), MOST_TOPICS)


def clustered(rows: Embedding, count: int) -> tuple[Labels, Embedding]:
    """The topic of each unit row (N, dimension), the largest is 0; and the topics' unit means.

    Equal rows give equal topics. Fewer than `count` where there are not so many different rows.
    """
    from jv3search.indexes.vectors.faiss import spherical_kmeans

    if not len(rows):
        return np.empty(0, np.intp), rows
    count = min(count, len(np.unique(rows, axis=0)))
    means = spherical_kmeans(np.ascontiguousarray(rows, np.float32), count)
    labels = np.argmax(rows @ means.T, axis=1)
    sizes = np.bincount(labels, minlength=count)
    order = np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes)]
    rank = np.zeros(count, np.intp)
    rank[order] = np.arange(len(order))
    return rank[labels], means[order]
