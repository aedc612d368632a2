"""Choose the coefficients of relevance, the threshold of "nothing relevant" and what the words for it are worth.

    python -m benchmarks.fit_relevance [--model jv3-mini]

The questions are those of the choosing half of the everyday sets, alone and among manuals (`benchmarks.everyday`),
and titles of the Debian Handbook's pages in four languages, once as they are and once with the page in the title's
own language left out. For each way of searching

1. the weights are those of a grid that put most right documents first and among the first three, on average over
   the groups of questions; everyday questions in the language of their answer count twice (a search by meaning
   alone has nothing to weigh). Both legs together should find no less than either alone: what they lose on a group
   against the better one counts four times;
2. scale and intercept make probabilities of the weighted sum: logistic regression by maximum likelihood on the
   everyday questions, each counting alike (Platt, "Probabilistic Outputs for Support Vector Machines", 1999);
3. the threshold is the highest that refuses at most 5 % of the questions whose answer is among the first three.

Prints what to write into `jv3search.search.relevance`, and how the choosing data comes out.
"""

from __future__ import annotations

import argparse
import itertools
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmarks.everyday import document, index_of, plain, questions
from jv3search import knowledge_base
from jv3search.knowledge_base import KnowledgeBase
from jv3search.search.relevance import Coefficients
from jv3search.search.retrieval import is_foreign
from jv3search.text.scripts import scripts_of
from jv3search.types import Hit, Mode

NAMES = ("z", "coverage", "bm25", "foreign", "foreign_coverage")
Z, COVERAGE = (1.0,), (0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
BM25 = (0.5, 1.0, 2.0)  # not 0: in an index of one document nothing else is sure, for a z-score needs others
FOREIGN, FOREIGN_COVERAGE = (-1.5, -1.0, -0.7, -0.4, 0.0, 0.4), (7.0, 10.0, 14.0, 20.0)
# Below this a little more is found in the question's language, and who asks in Chinese for a safe password in the
# README's demo finds a page on chess before the one on passwords: docs/decisions/search.md.
LEAST_FOREIGN = -0.5
NONE = (0.0,)
GRIDS: Mapping[Mode, tuple[Sequence[float], ...]] = {
    "hybrid": (Z, COVERAGE, BM25, (LEAST_FOREIGN, 0.0, 0.4), FOREIGN_COVERAGE),
    "dense": (Z, NONE, NONE, NONE, NONE),
    # with less than 3 a passage that holds every word would not be likely to answer
    "keyword": (NONE, COVERAGE[-2:], BM25, FOREIGN, FOREIGN_COVERAGE),
}
# A leg alone, with typical weights. By words alone what is in another language is as good as anything else.
DENSE, KEYWORD = np.array([1.0, 0, 0, 0, 0]), np.array([0, 4.0, 1.0, 0.4, 14.0])
LOST = 4.0
TWICE = ("same language", "same language, among manuals")
TITLES = 25  # of each language of the Handbook
CANDIDATES, FIRST = 100, 3
REFUSED = 0.05  # of the questions whose answer is found, at most

Features = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """The candidates of a question: features (candidates, 5), documents by number, whether they answer it."""

    group: str
    features: Features
    documents: NDArray[np.int64]
    relevant: NDArray[np.bool_]

    def rank(self, weights: Features) -> int:
        """Of the best document that answers, each document counting by its best candidate; 0 if there is none."""
        if not self.relevant.any():
            return 0
        scores = scores_of(self.features, weights)
        best = np.full(self.documents.max() + 1, -np.inf)
        np.maximum.at(best, self.documents, scores)
        return int((best > scores[self.relevant].max()).sum()) + 1


def case(group: str, kb: KnowledgeBase, text: str, right: Collection[str], mode: Mode, without: str = "") -> Case:
    """A question's candidates, without one document; `right` are the documents that answer it."""
    result = kb.search(plain(text), k=CANDIDATES, mode=mode, group=False)
    hits = [hit for hit in result.hits if document(hit) != without]
    scripts = scripts_of(plain(text))
    foreign = [is_foreign(hit.language, hit.text, result.language, scripts) for hit in hits]
    highest = max((leg.score or 0.0 for hit in hits for leg in hit.legs if leg.leg == "keyword"), default=0.0)
    rows = [features_of(hit, far, highest or 1.0) for hit, far in zip(hits, foreign, strict=True)]
    names = [document(hit) for hit in hits]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return Case(
        group,
        np.array(rows).reshape(-1, len(NAMES)),
        np.array([numbers[name] for name in names], np.int64),
        np.array([name in right for name in names], bool),
    )


def features_of(hit: Hit, foreign: bool, highest: float) -> list[float]:
    """What the weights are multiplied with."""
    z, coverage, rare, bm25 = 0.0, 0.0, 0.0, 0.0
    for leg in hit.legs:
        if leg.leg == "dense":
            z = leg.z or 0.0
        else:
            coverage, rare = leg.coverage or 0.0, leg.rare_coverage or 0.0
            bm25 = (leg.score or 0.0) / highest
    return [z, 0.0, 0.0, 1.0, rare] if foreign else [z, coverage, bm25, 0.0, 0.0]


def scores_of(features: Features, weights: Features) -> Features:
    """The weighted sums (candidates,); words add no more in another language than in the question's own."""
    words = np.minimum(features[:, 1:] @ weights[1:], weights[1] + weights[2])
    scores: Features = features[:, 0] * weights[0] + words
    return scores


def everyday_cases(kb: KnowledgeBase, languages: Mapping[str, str], mode: Mode, where: str) -> Iterator[Case]:
    """The questions of the choosing half."""
    for question in questions("choice"):
        same = any(languages[name] == question.language for name in question.passages)
        group = "same language" if same else "across languages" if question.passages else "unanswerable"
        yield case(group + where, kb, question.text, question.passages, mode)


def title_cases(kb: KnowledgeBase, mode: Mode) -> Iterator[Case]:
    """Titles of the Handbook's pages; the pages of one name say the same in every language."""
    pages = {row.uri: row.title for row in kb.documents() if row.uri.endswith(".html") and row.title}
    by_folder: dict[Path, list[str]] = defaultdict(list)
    for uri in pages:
        by_folder[Path(uri).parent].append(uri)
    for uris in by_folder.values():
        for uri in uris[:: max(1, len(uris) // TITLES)]:
            versions = {other for other in pages if Path(other).name == Path(uri).name}
            yield case("titles", kb, pages[uri], versions, mode)
            if len(versions) > 1:
                yield case("titles, across languages", kb, pages[uri], versions, mode, without=uri)


def success(found: Sequence[Case], weights: Features) -> dict[str, float]:
    """For each group the mean of the shares of right documents at first place and among three."""
    values: dict[str, list[float]] = defaultdict(list)
    for one in found:
        if not one.group.startswith("unanswerable"):
            rank = one.rank(weights)
            values[one.group].append(((rank == 1) + (0 < rank <= FIRST)) / 2)
    return {group: float(np.mean(of)) for group, of in values.items()}


def merit(groups: Mapping[str, float], alone: Mapping[str, float]) -> float:
    """The mean of the groups, less what a leg alone has more."""
    lost = np.mean([max(0.0, alone[group] - value) for group, value in groups.items()])
    counts = [2 if group in TWICE else 1 for group in groups]
    return float(np.average([*groups.values()], weights=counts) - LOST * lost)


def legs_alone(found: Sequence[Case]) -> dict[str, float]:
    """What the better leg reaches on each group."""
    dense, keyword = success(found, DENSE), success(found, KEYWORD)
    return {group: value if "across" in group else max(value, keyword[group]) for group, value in dense.items()}


def calibrated(found: Sequence[Case], weights: Features) -> tuple[float, float]:
    """(intercept, scale) of the weighted sum; all candidates of a question count as one."""
    scores = np.concatenate([scores_of(one.features, weights) for one in found])
    relevant = np.concatenate([one.relevant for one in found])
    shares = np.concatenate([np.full(len(one.relevant), 1 / max(len(one.relevant), 1)) for one in found])

    def loss(line: Features) -> float:
        log_odds = line[0] + line[1] * scores
        return float(np.logaddexp(0, np.where(relevant, -log_odds, log_odds)) @ shares)

    intercept, scale = minimize(loss, np.array([-4.0, 1.0]), method="Nelder-Mead").x
    return float(intercept), float(scale)


def fit(found: Sequence[Case], grid: Sequence[Sequence[float]]) -> tuple[Features, float]:
    """(weights, intercept) of one way of searching."""
    alone = defaultdict(float) if NONE in grid else legs_alone(found)
    points = (np.array(point) for point in itertools.product(*grid))
    weights = max(points, key=lambda point: merit(success(found, point), alone))
    intercept, scale = calibrated([one for one in found if not one.group.startswith("titles")], weights)
    return weights * scale, intercept


def report(mode: Mode, found: Sequence[Case], weights: Features, intercept: float) -> None:
    """Print the coefficients with the threshold, and how the choosing data comes out."""
    ranks = np.array([one.rank(weights) for one in found])
    best = np.array([scores_of(one.features, weights).max(initial=-99.0) + intercept for one in found])
    likely = 1 / (1 + np.exp(-best))
    everyday = np.array([not one.group.startswith("titles") for one in found])
    threshold = float(np.quantile(likely[everyday & (ranks > 0) & (ranks <= FIRST)], REFUSED))
    named = {name: round(float(value), 2) for name, value in zip(NAMES, weights, strict=True)}
    print(f"{mode}: {Coefficients(round(intercept, 2), **named, threshold=round(threshold, 3))}")
    for group in dict.fromkeys(one.group for one in found):
        mine = np.array([one.group == group for one in found])
        shares = ((ranks[mine] == 1).mean(), ((ranks[mine] > 0) & (ranks[mine] <= FIRST)).mean())
        refused = (likely[mine] < threshold).mean()
        print(f"  {group}: first {shares[0]:.3f}, among three {shares[1]:.3f}, refused {refused:.3f}")
    for low, high in ((0, 0.05), (0.05, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1.01)):
        held = (ranks == 1)[everyday & (likely >= low) & (likely < high)]
        right = f"right {held.mean():.3f}" if len(held) else ""
        print(f"  first hit of {low:.2f}-{min(high, 1):.2f}: {len(held):4} {right}")


def main() -> None:
    """Fit every way of searching."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="jv3-mini")
    model = parser.parse_args().model
    found: dict[Mode, list[Case]] = {mode: [] for mode in GRIDS}
    for with_manuals in (False, True):
        index, languages = index_of("choice", model, with_manuals=with_manuals)
        with knowledge_base.open(index) as kb:
            for mode in GRIDS:
                found[mode] += everyday_cases(kb, languages, mode, ", among manuals" if with_manuals else "")
                if with_manuals:
                    found[mode] += title_cases(kb, mode)
    for mode, grid in GRIDS.items():
        report(mode, found[mode], *fit(found[mode], grid))


if __name__ == "__main__":
    main()
