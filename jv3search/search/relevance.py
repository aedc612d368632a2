"""How likely a passage answers a question: one probability from what both legs say.

A logistic function of a few features, each of which can only raise the probability as it grows. A passage in
another language holds few of the question's words whatever it says: it has an offset of its own, so that missing
words count neither for it nor against it, and those that it holds count the more the rarer they are: names and
numbers do, words that both languages happen to write alike hardly. `python -m benchmarks.fit_relevance` chooses
the coefficients; what they were fitted to and what came of it is in docs/decisions/search.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from jv3search.types import Hit, LegScore, Mode


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Of the log-odds; the `foreign` ones hold instead for passages in another language than the question.

    `bm25` is of the BM25 as a share of the highest that the question reaches. A hit whose probability is below
    `threshold` is not called an answer.
    """

    intercept: float
    z: float = 0.0
    coverage: float = 0.0
    bm25: float = 0.0
    foreign: float = 0.0
    foreign_coverage: float = 0.0
    threshold: float = 0.0

    def dense(self, leg: LegScore) -> LegScore:
        """With what the leg adds to the log-odds."""
        return replace(leg, log_odds=self.z * (leg.z or 0.0))

    def keyword(self, leg: LegScore, foreign: bool, highest: float) -> LegScore:
        """With what the leg adds to the log-odds; `highest` is the question's highest BM25."""
        if foreign:
            rare = self.foreign + self.foreign_coverage * (leg.rare_coverage or 0.0)
            return replace(leg, log_odds=min(rare, self.most_words))
        share = (leg.score or 0.0) / highest
        return replace(leg, log_odds=self.coverage * (leg.coverage or 0.0) + self.bm25 * share)

    @property
    def most_words(self) -> float:
        """What all the words of a question add: as much in another language as in its own."""
        return self.coverage + self.bm25


COEFFICIENTS: Mapping[Mode, Coefficients] = {
    "hybrid": Coefficients(
        -4.92, z=1.1, coverage=2.74, bm25=1.1, foreign=-0.55, foreign_coverage=15.33, threshold=0.045
    ),
    "dense": Coefficients(-5.08, z=1.18, threshold=0.039),
    "keyword": Coefficients(
        -3.11, coverage=3.18, bm25=1.06, foreign=-0.42, foreign_coverage=21.22, threshold=0.15
    ),
}


def nothing_relevant(hits: Iterable[Hit], mode: Mode) -> bool:
    """Whether none of the hits of a search is likely to answer the question, nor a version shown behind one."""
    versions = (version for hit in hits for version in (hit, *hit.copies, *hit.translations))
    return all(version.relevance < COEFFICIENTS[mode].threshold for version in versions)


def by_relevance(hits: Sequence[Hit], is_foreign: Callable[[Hit], bool], mode: Mode) -> list[Hit]:
    """Hits with what each leg says of them, most relevant first.

    Of equal ones that stands first whose document is in its language: manuals hold untranslated passages.
    """
    highest = max((leg.score or 0.0 for hit in hits for leg in hit.legs if leg.leg == "keyword"), default=0.0)
    found = [(hit, *_judged(hit.legs, COEFFICIENTS[mode], is_foreign(hit), highest or 1.0)) for hit in hits]
    found.sort(key=lambda one: (-one[1], -one[0].score, one[0].language != one[0].main_language, one[0].chunk_id))
    return [
        replace(hit, rank=rank, legs=legs, relevance=relevance)
        for rank, (hit, relevance, legs) in enumerate(found, 1)
    ]


def _judged(
    legs: Sequence[LegScore], coefficients: Coefficients, foreign: bool, highest: float
) -> tuple[float, tuple[LegScore, ...]]:
    """The probability, and the legs with what they add to its log-odds."""
    judged = tuple(
        coefficients.dense(leg) if leg.leg == "dense" else coefficients.keyword(leg, foreign, highest)
        for leg in legs
    )
    log_odds = coefficients.intercept + sum(leg.log_odds for leg in judged)
    return 1.0 / (1.0 + math.exp(-log_odds)), judged
