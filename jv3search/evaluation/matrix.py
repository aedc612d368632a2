"""Retrieval quality by query language x document language: a single mean hides the pairs that fail.

In the cell (a, b) are the queries in language a; only documents in language b are searched, and only those
count as relevant. Beside the matrix stands the unrestricted ranking of each query language, where languages
compete. Queries without a relevant document in b are not in the cell: there is nothing they could find.
A relevant document whose language is unknown counts only in the unrestricted ranking.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from jv3search.evaluation.collection import Collection, Query
from jv3search.evaluation.measures import Estimate, by_query, depth, estimate
from jv3search.types import UNKNOWN_LANGUAGE, Filter, Hit

Search = Callable[[str, int, Filter], Sequence[Hit]]
"""A search: query, how many chunks, which ones; hits best first."""

ANY = "any"
"""The column of the unrestricted ranking."""

_MORE = 4  # times as many chunks are asked for while they belong to too few targets


@dataclass(frozen=True, slots=True)
class Cell:
    """The queries of one language against the documents of one language, or against `ANY`.

    `values` are each measure's, one a query: two matrices of the same collection are compared query by query.
    """

    query: str
    document: str
    count: int
    estimates: Mapping[str, Estimate]
    values: Mapping[str, NDArray[np.float64]] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class MeanOfCells:
    """A mean over cells that exist: each cell counts alike, however many queries it has."""

    mean: float
    cells: int
    empty: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """Cells by (query language, document language); a pair without a query is not there."""

    measures: tuple[str, ...]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]

    def diagonal(self, measure: str) -> MeanOfCells | None:
        """Mean of the cells that ask in the document's language; None if there is none."""
        return self._mean(measure, [(a, b) for a in self.rows for b in self.columns if a == b])

    def rest(self, measure: str) -> MeanOfCells | None:
        """Mean of the cells that ask in another language; None if there is none."""
        return self._mean(measure, [(a, b) for a in self.rows for b in self.columns if a != b])

    def mean(self, measure: str) -> MeanOfCells | None:
        """Mean of all cells; None if one of them is empty, for it would be the mean of something else."""
        return None if self.empty() else self._mean(measure, [(a, b) for a in self.rows for b in self.columns])

    def empty(self) -> list[tuple[str, str]]:
        """The pairs of languages that nothing is known of."""
        return [(a, b) for a in self.rows for b in self.columns if (a, b) not in self.cells]

    def _mean(self, measure: str, pairs: Sequence[tuple[str, str]]) -> MeanOfCells | None:
        there = [self.cells[pair].estimates[measure].mean for pair in pairs if pair in self.cells]
        return MeanOfCells(sum(there) / len(there), len(there), len(pairs) - len(there)) if there else None


def measure(
    collection: Collection, search: Search, measures: Sequence[str], on_query: Callable[[], None] = lambda: None
) -> Matrix:
    """Run every query of a collection in every cell it belongs to; `on_query` is told after each search."""
    rows = {query.language for query in collection.queries}
    columns = set(collection.languages.values()) - {UNKNOWN_LANGUAGE}
    cells: dict[tuple[str, str], Cell] = {}
    for (asked_in, answered_in), queries in _grouped(collection).items():
        where = Filter() if answered_in == ANY else collection.within(answered_in)
        rankings = {}
        for query in queries:
            rankings[query.id] = _ranking(collection, search, query, where, depth(measures))
            on_query()
        qrels = {query.id: _relevant(collection, query, answered_in) for query in queries}
        values = by_query(rankings, qrels, measures)
        estimates = {name: estimate(of_queries) for name, of_queries in values.items()}
        cells[asked_in, answered_in] = Cell(asked_in, answered_in, len(queries), estimates, values)
    return Matrix(tuple(measures), tuple(sorted(rows)), tuple(sorted(columns)), cells)


def differences(before: Matrix, after: Matrix, measure: str) -> dict[tuple[str, str], Estimate]:
    """By how much each pair of languages rose, with the paired bootstrap's interval; `ANY` is no pair.

    Both matrices are of the same collection. A pair with a single query has no interval.
    """
    return {
        pair: estimate(after.cells[pair].values[measure] - cell.values[measure])
        for pair, cell in before.cells.items()
        if ANY not in pair
    }


def searches(collection: Collection) -> int:
    """How many searches `measure` will make."""
    return sum(len(queries) for queries in _grouped(collection).values())


def _grouped(collection: Collection) -> dict[tuple[str, str], list[Query]]:
    groups: dict[tuple[str, str], list[Query]] = defaultdict(list)
    for query in collection.queries:
        for answered in _answered_in(collection, query):
            groups[query.language, answered].append(query)
    return groups


def _answered_in(collection: Collection, query: Query) -> Iterator[str]:
    languages = dict.fromkeys(collection.languages[name] for name in query.relevant)
    yield from (language for language in languages if language != UNKNOWN_LANGUAGE)
    yield ANY


def _relevant(collection: Collection, query: Query, answered: str) -> dict[str, int]:
    return {name: grade for name, grade in query.relevant.items() if answered in (ANY, collection.languages[name])}


def _ranking(collection: Collection, search: Search, query: Query, where: Filter, wanted: int) -> list[str]:
    """The best `wanted` targets, each at the place of its best chunk."""
    k = wanted + wanted // 2
    while True:
        hits = search(query.text, k, where)
        names = list(dict.fromkeys(collection.target(query, hit) for hit in hits))
        if len(names) >= wanted or len(hits) < k:
            return names[:wanted]
        k *= _MORE
