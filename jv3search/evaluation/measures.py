"""nDCG, recall and reciprocal rank by ir-measures, and how sure a mean over so many queries is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jv3search.errors import ConfigError

if TYPE_CHECKING:
    from ir_measures import Measure

_RESAMPLES = 2_000
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over queries and its 95 % bootstrap interval; one query alone has no interval, only its value."""

    mean: float
    low: float | None
    high: float | None


def standard_measures(k: int) -> tuple[str, ...]:
    """nDCG at k, recall at 5, 10, 100 and k, the reciprocal rank among the first 100, and success at 1 and 3.

    Success at 3, often called hit@3, is 1 if a relevant target is among the first three.
    """
    recalls = sorted({5, 10, k, 100})
    return (f"nDCG@{k}", *(f"R@{cutoff}" for cutoff in recalls), f"RR@{max(100, k)}", "Success@1", "Success@3")


def depth(measures: Sequence[str]) -> int:
    """How long a ranking these measures look at."""
    return max(int(measure.partition("@")[2]) for measure in measures)


def by_query(
    rankings: Mapping[str, Sequence[str]], qrels: Mapping[str, Mapping[str, int]], measures: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Each measure's values, one a query in the order of `qrels`; a query without a ranking has 0."""
    import ir_measures

    judged = {query: dict(relevant) for query, relevant in qrels.items()}
    # Scores fall with the rank: equal ones would be put in an order of the library's own.
    run = {
        query: {name: float(-rank) for rank, name in enumerate(names)}
        for query, names in rankings.items()
        if names
    }
    parsed: dict[Measure, str] = {ir_measures.parse_measure(name): name for name in measures}
    places = {query: place for place, query in enumerate(qrels)}
    values = {name: np.zeros(len(places)) for name in measures}
    if run:
        for metric in ir_measures.iter_calc(list(parsed), judged, run):
            values[parsed[metric.measure]][places[metric.query_id]] = metric.value
    return values


def estimate(values: NDArray[np.float64]) -> Estimate:
    """The mean and its percentile bootstrap over queries (Efron 1979; Sakai 2006), with a fixed seed."""
    mean = float(values.mean())
    if len(values) < 2:
        return Estimate(mean, None, None)
    drawn = np.random.default_rng(0).integers(len(values), size=(_RESAMPLES, len(values)))
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(values[drawn].mean(axis=1), (tail, 1 - tail))
    return Estimate(mean, float(low), float(high))


def require_ir_measures() -> None:
    """ConfigError that says what to install if the measures' library is not here."""
    from importlib.util import find_spec

    if find_spec("ir_measures") is None:
        raise ConfigError("evaluation needs the package ir-measures: pip install 'jv3search[eval]'")
