"""The numbers that decide what is found and in which order, each with its source.

The coefficients and thresholds of relevance are fitted, not chosen: `COEFFICIENTS` in `search/relevance.py`,
written there from what `python -m benchmarks.fit_relevance` prints.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RankingConfig:
    """Weights and thresholds of the legs, of score normalisation and of grouping."""

    # Hits of each leg, at least: what neither leg has among so many is no answer. Source: judgement, not
    # measured.
    depth: int = 50
    # Hits of each leg for one asked for: some are copies of others. Source: judgement, not measured.
    depth_per_hit: int = 3

    # Candidates of the dense leg that are scored again at full size, of all languages together. Source: recall by
    # dimension, docs/guide/evaluation.md; `jv3search bench` measures it on any index.
    candidates: int = 200
    candidates_per_hit: int = 3

    # Chunks that the average language counts for in the mean of a language with few. Source: judgement, not
    # measured.
    prior_chunks: float = 16.0
    # The deviation of jv3-mini's cosines in an index of manuals, and the chunks that it counts for. Source: the
    # choosing half of the everyday sets among manuals (0.07); the number is judgement.
    usual_deviation: float = 0.07
    prior_deviations: float = 64.0
    # The share of the best z-score to expect by chance that is taken off. Source: docs/decisions/search.md: with
    # 0 a crowd hides single documents, with 1 a language of three documents is always among the first hits.
    chance: float = 0.5

    # Characters of a shingle, letters and digits only: works in scripts without spaces.
    shingle: int = 5
    # Of the smaller passage's shingles. Source: docs/decisions/grouping.md. The same text as HTML and as plain
    # text, cut differently, overlaps by anything from 0 to 1; different passages of one manual by at most 0.7
    # (Debian Reference), pages made from one template by 0.89 (GIMP's tool options).
    duplicate_overlap: float = 0.9
    # A passage that has all of a shown one and as much again is no duplicate. Source: judgement.
    duplicate_size: float = 0.5


RANKING = RankingConfig()
