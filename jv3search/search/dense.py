"""The dense leg: the chunks nearest to the query's embedding, each language with candidates of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from jv3search.errors import InputError
from jv3search.indexes.snapshot import IndexSnapshot
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
    ids, scores = _candidates(index, unit, k, where)
    z = _z_scores(index, unit, ids, scores)
    best = np.lexsort((ids, -z))[:k]
    return ids[best], scores[best], z[best]


def dense_scores(index: IndexSnapshot, ids: Sequence[int], query: Embedding) -> dict[int, LegScore]:
    """What the leg says of chunks that others found, by id; those that are not in the index are left out."""
    unit = unit_rows(query, len(query))
    found, scores = cosines(index, index.existing_ids(ids), unit)
    z = _z_scores(index, unit, found, scores)
    columns = zip(found.tolist(), scores.tolist(), z.tolist(), strict=True)
    return {key: LegScore("dense", None, cosine, z=z) for key, cosine, z in columns}


def _candidates(index: IndexSnapshot, unit: Embedding, k: int, where: Filter) -> tuple[Ids, Scores]:
    """The nearest chunks, and the nearest of each language that has few among them: (ids ascending, cosines)."""
    within = index.filtered_ids(where) if where else None
    ids, scores = rescored(index, unit, k, within, max(RANKING.candidates, RANKING.candidates_per_hit * k))
    found, scored = [ids], [scores]
    least = min(k, RANKING.hits_per_language)
    for name in _missed_languages(index, ids, least, where):
        chunks = index.filtered_ids(replace(where, languages=frozenset((name,))))
        if len(chunks.ids):
            ids, scores = rescored(index, unit, least, chunks, RANKING.candidates_per_hit * least)
            found.append(ids)
            scored.append(scores)
    unique, first = np.unique(np.concatenate(found), return_index=True)
    return unique, np.concatenate(scored)[first]


def _missed_languages(index: IndexSnapshot, ids: Ids, least: int, where: Filter) -> list[str]:
    """The languages that have fewer than `least` of some chunks; none if only one is searched."""
    languages = {
        name: chunks
        for name, chunks in index.languages().items()
        if not where.languages or name in where.languages
    }
    if len(languages) < 2:
        return []
    return [name for name, chunks in languages.items() if int(chunks.contains(ids).sum()) < least]


def _z_scores(index: IndexSnapshot, unit: Embedding, ids: Ids, scores: Scores) -> Scores:
    return z_scores(ids, scores, index.languages(), cohort_statistics(index.language_samples(), unit))


def _check(index: IndexSnapshot, query: Embedding, k: int) -> None:
    if k < 1:
        raise InputError(f"k is {k}: ask for at least 1 hit")
    if query.shape != (index.manifest.dimension,):
        raise InputError(f"a query of shape {query.shape}; the index has vectors of {index.manifest.dimension}")
    if not np.isfinite(query).all():
        raise InputError("the query's embedding holds values that are not finite numbers")
