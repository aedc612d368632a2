"""Hybrid search in 100,000 chunks, query embedding apart: each mode, with and without filters, with grouping.

    python -m benchmarks.hybrid_100k [--chunks 100000]

Vectors as in search_100k; passages are 40 words drawn by Zipf's law from 50,000 made-up ones, questions are six
words of a passage, common ones among them. Five languages, so that fairness between languages is part of it.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.measure import machine
from benchmarks.search_100k import CHUNKS_A_DOCUMENT, SHARES, Corpus, ingested, manifest
from jv3search.indexes import IndexReader, open_reader, open_writer
from jv3search.search.retrieval import MODES, SearchOptions, SearchRequest, retrieve
from jv3search.types import Embedding, Filter, Mode

VOCABULARY, WORDS = 50_000, 40
QUERIES = 100


class WordyCorpus(Corpus):
    """Every passage with words of its own."""

    def __init__(self, chunks: int, full: int) -> None:
        super().__init__(chunks, full)
        self._letters = np.random.default_rng(3)
        drawn = self._letters.integers(97, 123, size=(VOCABULARY, 9), dtype=np.uint8)
        sizes = self._letters.integers(3, 10, size=VOCABULARY)
        self._words = [bytes(row[:size]).decode() for row, size in zip(drawn, sizes, strict=True)]

    def words(self, count: int) -> list[str]:
        """Words as often as Zipf's law has them."""
        ranks = np.minimum(self._letters.zipf(1.1, size=count), VOCABULARY) - 1
        return [self._words[rank] for rank in ranks.tolist()]

    def passages(self) -> list[str]:
        """The texts of the next document's chunks."""
        return [" ".join(self.words(WORDS)) + ". " for _ in range(CHUNKS_A_DOCUMENT)]


class Embedded:
    """An encoder that has the vector of each question ready."""

    def __init__(self, vectors: dict[str, Embedding]) -> None:
        self._vectors = vectors

    def encode_query(self, text: str) -> Embedding:
        """The vector that was made before."""
        return self._vectors[text]


def times(
    reader: IndexReader, vectors: dict[str, Embedding], mode: Mode, where: Filter, group: bool
) -> list[float]:
    """Milliseconds of each question, the first left out: it reads what later ones remember."""
    encoder = Embedded(vectors)
    options = SearchOptions(mode=mode, group=group)
    spent = []
    for text in vectors:
        request = SearchRequest(text, text, text, "50%", where)
        began = time.perf_counter()
        retrieve(reader, encoder, request, options)  # type: ignore[arg-type]
        spent.append(1e3 * (time.perf_counter() - began))
    return spent[1:]


def main() -> None:
    """Build once, ask each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000)
    options = parser.parse_args()
    options.dimension, options.full = 256, 1024
    corpus = WordyCorpus(options.chunks, 1024)
    work = Path(tempfile.mkdtemp(prefix="jv3-benchmark-"))
    try:
        stored = ingested(work / "index", corpus, options)
        print(f"{machine()}; {options.chunks:,} chunks, {stored['bytes_per_chunk']:.0f} bytes each in all")
        vectors = {" ".join(corpus.words(6)): row for row in corpus.random_rows(QUERIES)}
        print("kind  mode     filter   p50 ms   p95 ms   p50 ungrouped")
        for kind in ("flat", "ivf"):
            with open_writer(work / "index", manifest(1024)) as writer:
                writer.reindex(kind=kind)
            with open_reader(work / "index") as reader:
                for mode in MODES:
                    for name in ("", *SHARES):
                        where = replace(Filter(), languages=frozenset({name} - {""}))
                        spent = times(reader, vectors, mode, where, True)
                        bare = statistics.median(times(reader, vectors, mode, where, False))
                        middle, high = statistics.median(spent), statistics.quantiles(spent, n=20)[-1]
                        print(
                            f"{kind:5} {mode:8} {name or 'none':6} {middle:8.1f} {high:8.1f} {bare:8.1f}",
                            flush=True,
                        )
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
