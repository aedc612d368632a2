"""The dense leg: the chunks that stand out most among those of their language, of all languages in one search."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from jv3search.errors import InputError
from jv3search.indexes.snapshot import IndexSnapshot
from jv3search.indexes.vectors.languages import NO_LANGUAGE
from jv3search.indexes.vectors.port import Ids, Scores
from jv3search.search.normalization import cohort_statistics, z_scores
from jv3search.search.ranking import RANKING
from jv3search.search.rescoring import cosines, rescored
from jv3search.types import Embedding, Filter, LegScore, unit_rows

_EVERYTHING = Filter()


def dense_leg(index: IndexSnapshot, query: Embedding, k: int, where: Filter = _EVERYTHING) -> dict[int, LegScore]:
    """The k chunks that `where` admits with the highest z-scores, by id, best first, equal ones by id.

    `query` is a full-size vector (dimension,). InputError for k below 1 and for a query that is no vector of the
    index's size or not finite.
    """
    found = zip(*(column.tolist() for column in nearest(index, query, k, where)), strict=True)
    return {key: LegScore("dense", rank, cosine, z=z) for rank, (key, cosine, z) in enumerate(found, 1)}


def nearest(
    index: IndexSnapshot, query: Embedding, k: int, where: Filter = _EVERYTHING
) -> tuple[Ids, Scores, Scores]:
    """As `dense_leg`: (ids, cosines, z-scores)."""
    _check(index, query, k)
    unit = unit_rows(query, len(query))
    candidates = max(RANKING.candidates, RANKING.candidates_per_hit * k)
    ids, scores = rescored(index, unit, k, where, candidates, partial(_offsets, index, where))
    z = _z_scores(index, unit, ids, scores)
    best = np.lexsort((ids, -z))
    return ids[best], scores[best], z[best]


def dense_scores(index: IndexSnapshot, ids: Sequence[int], query: Embedding) -> dict[int, LegScore]:
    """What the leg says of chunks that others found, by id; those that are not in the index are left out."""
    unit = unit_rows(query, len(query))
    wanted = np.array(sorted(ids), np.int64)
    found, scores = cosines(index, wanted[index.languages().codes_of(wanted) != NO_LANGUAGE], unit)
    z = _z_scores(index, unit, found, scores)
    columns = zip(found.tolist(), scores.tolist(), z.tolist(), strict=True)
    return {key: LegScore("dense", None, cosine, z=z) for key, cosine, z in columns}


def _offsets(index: IndexSnapshot, where: Filter, unit: Embedding) -> Scores:
    """What is usual in each language, infinite in those that `where` leaves out."""
    languages = index.languages()
    offsets = cohort_statistics(index.language_samples(), unit).offsets(languages)
    left_out = [bool(where.languages) and name not in where.languages for name in languages.names]
    return np.where(left_out, np.float32(np.inf), offsets)


def _z_scores(index: IndexSnapshot, unit: Embedding, ids: Ids, scores: Scores) -> Scores:
    languages = index.languages()
    statistics = cohort_statistics(index.language_samples(), unit)
    return z_scores(scores, languages.codes_of(ids), languages, statistics)


def _check(index: IndexSnapshot, query: Embedding, k: int) -> None:
    if k < 1:
        raise InputError(f"k is {k}: ask for at least 1 hit")
    if query.shape != (index.manifest.dimension,):
        raise InputError(f"a query of shape {query.shape}; the index has vectors of {index.manifest.dimension}")
    if not np.isfinite(query).all():
        raise InputError("the query's embedding holds values that are not finite numbers")
