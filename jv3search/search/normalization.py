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
from numpy.typing import NDArray

from jv3search.indexes.vectors.languages import Codes, LanguageSamples
from jv3search.indexes.vectors.port import Languages, Scores
from jv3search.search.ranking import RANKING
from jv3search.types import Embedding


@dataclass(frozen=True, slots=True)
class CohortStatistics:
    """Each language's mean cosine with a query, and the deviation from it that all languages share."""

    means: Mapping[str, float]
    deviation: float

    def offsets(self, languages: Languages) -> Scores:
        """The cosine whose z-score is 0, by the language's code; infinite for a language without chunks."""
        expected = [
            self.means[name] + RANKING.chance * best_by_chance(count) * self.deviation if count else np.inf
            for name, count in zip(languages.names, languages.counts.tolist(), strict=True)
        ]
        return np.array(expected, np.float32)


def cohort_statistics(samples: LanguageSamples, unit: Embedding) -> CohortStatistics:
    """Of a query's unit vector; the mean of a language with few chunks leans on the average language's."""
    if not samples.names:
        return CohortStatistics({}, RANKING.usual_deviation)
    moments = samples.at(len(unit))
    shares = samples.sizes / (samples.sizes + RANKING.prior_chunks)
    means = np.einsum("ij,j->i", moments.means, unit).astype(float)
    leaning = shares * means + (1 - shares) * np.average(means, weights=shares)
    scatter = float(np.einsum("ij,j->i", moments.scatter, unit) @ unit)
    variance = _variance(samples.sizes, means - leaning, scatter)
    return CohortStatistics(dict(zip(samples.names, leaning.tolist(), strict=True)), _deviation(samples, variance))


def _variance(sizes: NDArray[np.int64], apart: NDArray[np.float64], scatter: float) -> float:
    """Of all cosines from the leaning means of their languages, `apart` from the means they scatter around."""
    squares = (scatter + float(sizes @ apart**2)) / float(sizes.sum())
    return squares - float(sizes @ apart / sizes.sum()) ** 2


def _deviation(samples: LanguageSamples, variance: float) -> float:
    """Among few chunks, of which one answer is a large part, nearly the usual one."""
    count, few = float(samples.sizes.sum()), RANKING.prior_deviations
    return float(((count * variance + few * RANKING.usual_deviation**2) / (count + few)) ** 0.5)


def best_by_chance(chunks: int) -> float:
    """The highest of so many standard normal scores, on average (Blom 1958)."""
    return NormalDist().inv_cdf((chunks - 0.375) / (chunks + 0.25)) if chunks > 1 else 0.0


def z_scores(cosines: Scores, codes: Codes, languages: Languages, statistics: CohortStatistics) -> Scores:
    """How far each chunk's cosine is above the usual one of its language; `codes` are those of the chunks."""
    above: Scores = cosines - statistics.offsets(languages)[codes]
    return (above / statistics.deviation).astype(np.float32)
