"""How a graph finds the best of all languages when each row has a value in the column of its language.

    python -m benchmarks.language_columns               # 20,000 rows of each set, a few minutes
    python -m benchmarks.language_columns --rows 100000

What Milvus is given (docs/decisions/milvus.md), searched here by FAISS' HNSW. Two synthetic sets: clusters shifted
by language, thirty languages by Zipf's law, on which the value in the column was chosen; and random rows in six
languages of 50 to 0.5 %, where nothing lies near anything. Recall of the ten rows with the highest cosines less
the offsets of their languages, among the 26 that a search for ten takes from the graph.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import faiss as _faiss
import numpy as np
from numpy.typing import NDArray

from jv3search.types import Embedding, unit_rows

faiss: Any = _faiss

QUERIES, TAKEN, BEST = 100, 26, 10
VALUES = (0.125, 0.25, 0.5, 1.0)
BREADTHS = (100, 200, 400)
RARE = 0.02  # of the rows or fewer


@dataclass(frozen=True)
class Rows:
    """Unit rows, the language of each by its number, questions, and what is taken off each language's cosines."""

    name: str
    rows: Embedding
    languages: NDArray[np.int64]
    queries: Embedding
    offsets: Embedding

    def wide(self, value: float) -> Embedding:
        """The rows with `value` in the columns of their languages."""
        columns = np.zeros((len(self.rows), self.offsets.shape[1]), np.float32)
        columns[np.arange(len(self.rows)), self.languages] = value
        return np.concatenate([self.rows, columns], axis=1)

    def asked(self, value: float, offsets: Embedding) -> Embedding:
        """The questions with the offsets in the columns."""
        return np.concatenate([self.queries, -offsets / np.float32(value)], axis=1).astype(np.float32)

    def truth(self, offsets: Embedding) -> NDArray[np.int64]:
        """The places of the ten best for each question."""
        scores = self.queries @ self.rows.T - offsets[:, self.languages]
        return np.argsort(-scores, axis=1)[:, :BEST]


def clustered(count: int, dimension: int = 64, languages: int = 30) -> Rows:
    """Rows around 400 centres, shifted by language; an offset is a question's product with a language's mean."""
    fixed, rng = np.random.default_rng(7), np.random.default_rng(1)
    centres = fixed.normal(size=(400, dimension))
    shifts = 0.6 * fixed.normal(size=(languages, dimension))
    shares = 1 / np.arange(1, languages + 1)
    tongues = rng.choice(languages, count + QUERIES, p=shares / shares.sum())
    raw = centres[rng.integers(400, size=len(tongues))] + 0.8 * rng.normal(size=(len(tongues), dimension))
    rows = unit_rows((raw + shifts[tongues]) * (1 + np.arange(dimension)) ** -0.25)
    stored, queries, tongues = rows[:-QUERIES], rows[-QUERIES:], tongues[:-QUERIES]
    means = np.stack([stored[tongues == one].mean(axis=0) for one in range(languages)])
    return Rows("clustered", stored, tongues, queries, queries @ means.T)


def random(count: int, dimension: int = 32) -> Rows:
    """Rows without any order; an offset is half of what the best of so many rows would have by chance."""
    rng = np.random.default_rng(3)
    rows = unit_rows(rng.normal(size=(count + QUERIES, dimension)))
    tongues = rng.choice(6, count, p=(0.5, 0.25, 0.15, 0.07, 0.025, 0.005))
    chance = [NormalDist().inv_cdf(1 - 1 / max((tongues == one).sum(), 2)) for one in range(6)]
    offsets = np.tile(np.array(chance, np.float32) / 2 / np.sqrt(dimension), (QUERIES, 1)).astype(np.float32)
    return Rows("random", rows[:-QUERIES], tongues, rows[-QUERIES:], offsets)


def graph(rows: Embedding) -> Any:
    """HNSW as Milvus is asked for."""
    built = faiss.IndexHNSWFlat(rows.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
    built.hnsw.efConstruction = 128
    built.add(rows)
    return built


def recall(found: NDArray[np.int64], truth: NDArray[np.int64], among: NDArray[np.bool_]) -> float:
    """The share of the best, of those rows that count, which was found; nan if none of them counts."""
    pairs = [np.isin(right[among[right]], got) for got, right in zip(found, truth, strict=True)]
    return float(np.concatenate(pairs).mean()) if sum(map(len, pairs)) else float("nan")


def measured(data: Rows) -> None:
    """Print the recalls."""
    shares = np.bincount(data.languages) / len(data.languages)
    everything, rare = np.ones(len(data.languages), bool), (shares <= RARE)[data.languages]
    for value in VALUES:
        built = graph(data.wide(value))
        for breadth in BREADTHS:
            built.hnsw.efSearch = breadth
            _, found = built.search(data.asked(value, data.offsets), TAKEN)
            truth = data.truth(data.offsets)
            both = [f"{recall(found, truth, among):.3f}" for among in (everything, rare)]
            print(
                f"{data.name}: {value} in the column, ef {breadth}: {both[0]}, rare languages {both[1]}",
                flush=True,
            )
        for only in (0, len(shares) // 2):
            alone = np.where(np.arange(len(shares)) == only, data.offsets, np.float32(100))
            _, found = built.search(data.asked(value, alone), TAKEN)
            print(f"    one language of {shares[only]:.1%}: {recall(found, data.truth(alone), everything):.3f}")


def inverted(data: Rows) -> None:
    """Print the recall of inverted lists, which were given up."""
    count = round(8 * np.sqrt(len(data.rows)))
    wide = data.wide(1.0)
    lists = faiss.IndexIVFFlat(faiss.IndexFlatIP(wide.shape[1]), wide.shape[1], count, faiss.METRIC_INNER_PRODUCT)
    lists.train(wide)
    lists.add(wide)
    lists.nprobe = count // 8
    _, found = lists.search(data.asked(1.0, data.offsets), TAKEN)
    every = recall(found, data.truth(data.offsets), np.ones(len(data.rows), bool))
    print(f"{data.name}: an eighth of {count} lists: {every:.3f}")


def main() -> None:
    """Both sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    options = parser.parse_args()
    for data in (clustered(options.rows), random(options.rows)):
        measured(data)
        inverted(data)


if __name__ == "__main__":
    main()
