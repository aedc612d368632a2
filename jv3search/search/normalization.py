"""Score normalisation: a cosine is compared with those of other chunks in the chunk's own language.

A question lies nearer to passages of its own language than to others, whatever they say, and a language with
many chunks has more of them near by chance. So a chunk's z-score counts: the standard deviations of its cosine
above the mean of a sample of its language (after the test normalisation of Auckenthaler, Carey, Lloyd-Thomas 2000,
with languages as cohorts), less half of what the best of so many chunks would reach by chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from jv3search.indexes.search_cache import LanguageSamples
from jv3search.indexes.vectors.port import FilteredIds, Ids, Scores
from jv3search.search.ranking import RANKING
from jv3search.types import Embedding


@dataclass(frozen=True, slots=True)
class CohortStatistics:
    """Each language's mean cosine with a query, and the deviation from it that all languages share."""

    means: Mapping[str, float]
    deviation: float


def cohort_statistics(samples: LanguageSamples, unit: Embedding) -> CohortStatistics:
    """Of a query's unit vector; the mean of a language with few chunks leans on the average language's."""
    cosines = {language: rows @ unit for language, rows in samples.rows.items()}
    if not cosines:
        return CohortStatistics({}, RANKING.usual_deviation)
    sizes = np.array([len(values) for values in cosines.values()])
    shares = sizes / (sizes + RANKING.prior_chunks)
    means = np.array([float(values.mean()) for values in cosines.values()])
    leaning = shares * means + (1 - shares) * np.average(means, weights=shares)
    apart = np.concatenate([values - mean for values, mean in zip(cosines.values(), leaning, strict=True)])
    return CohortStatistics(dict(zip(cosines, leaning.tolist(), strict=True)), _deviation(apart))


def _deviation(apart: Scores) -> float:
    """Of cosines from their means; among few chunks, of which one answer is a large part, nearly the usual one."""
    few = RANKING.prior_deviations
    variance = (len(apart) * apart.var() + few * RANKING.usual_deviation**2) / (len(apart) + few)
    return float(variance**0.5)


def best_by_chance(chunks: int) -> float:
    """The highest of so many standard normal scores, on average (Blom 1958)."""
    return NormalDist().inv_cdf((chunks - 0.375) / (chunks + 0.25)) if chunks > 1 else 0.0


def z_scores(
    ids: Ids, cosines: Scores, languages: Mapping[str, FilteredIds], statistics: CohortStatistics
) -> Scores:
    """How far each chunk's cosine is above the usual one of its language; `languages` are all chunks of each."""
    z: Scores = np.zeros(len(ids), np.float32)
    for name, chunks in languages.items():
        own = chunks.contains(ids)
        above = (cosines[own] - statistics.means[name]) / statistics.deviation
        z[own] = above - RANKING.chance * best_by_chance(len(chunks.ids))
    return z
