"""Searches that ask for few and for many hits, in a book of a million characters and in a thousand notes.

    python -m benchmarks.many_hits

Vectors are random, words are shuffled everyday sentences: what is measured is reading the hits and finding copies
among them, in milliseconds of processor time, the least of five.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.legs import dense_hits
from benchmarks.measure import machine
from benchmarks.notes import sentences
from jv3search.indexes import IndexReader, LedgerRow, Manifest, open_reader, open_writer
from jv3search.search.grouping import grouped
from jv3search.types import Chunk, Document, EmbeddedDocument, Source, Span, unit_rows

DIMENSION = 64
CHUNKS = 2_000
ASKED = (10, 100, 300)
_PER_HIT = 3  # hits that a search looks at for one that it shows


def main() -> None:
    """Make both indexes and ask."""
    print(f"{machine()}; {CHUNKS:,} chunks each; milliseconds")
    print(f"{'':8}{'hits':>6}{'read':>9}{'grouped':>9}")
    with tempfile.TemporaryDirectory() as scratch:
        for name, sizes in (("book", [CHUNKS]), ("notes", [2] * (CHUNKS // 2))):
            folder = Path(scratch, name)
            fill(folder, sizes)
            with open_reader(folder) as reader:
                for k in ASKED:
                    print(f"{name:8}{k:6}{measure(reader, k)}")


def fill(folder: Path, sizes: list[int]) -> None:
    """An index of documents with so many chunks."""
    manifest = Manifest("none", "none", "retrieval.passage", "", "late", 256, DIMENSION, 1)
    with open_writer(folder, manifest) as writer:
        for number, size in enumerate(sizes):
            uri = f"/{number}.txt"
            row = LedgerRow(uri, "0" * 64, "done", datetime.now(UTC), chunks=size)
            writer.replace(document(uri, size, number), row)


def document(uri: str, size: int, seed: int) -> EmbeddedDocument:
    """A German document of `size` different passages of some 500 characters."""
    chooser = random.Random(seed)
    words = " ".join(statement for _, statement in sentences()["de"]).split()
    passages = [" ".join(chooser.sample(words, 80)) for _ in range(size)]
    ends = np.cumsum([len(passage) + 2 for passage in passages]).tolist()
    spans = [Span(end - 2 - len(passage), end - 2) for end, passage in zip(ends, passages, strict=True)]
    rows = unit_rows(np.random.default_rng(seed).normal(size=(size, DIMENSION)).astype(np.float32))
    text = "\n\n".join(passages)
    return EmbeddedDocument(
        Source(uri, "0" * 64, len(text), datetime.now(UTC)),
        Document(text, uri, "txt", (), ()),
        "de",
        tuple(Chunk(span, "de", 150, None, None) for span in spans),
        rows,
        {},
    )


def measure(reader: IndexReader, k: int) -> str:
    """Milliseconds for the hits of one leg with their texts, and for `k` groups of them."""
    query = unit_rows(np.random.default_rng(1).normal(size=DIMENSION).astype(np.float32))
    with reader.snapshot() as index:
        hits = dense_hits(index, query, _PER_HIT * k)
        read = least(lambda: dense_hits(index, query, _PER_HIT * k))
        return f"{read:9.1f}{least(lambda: grouped(hits, index, k)):9.1f}"


def least(work: Callable[[], object]) -> float:
    """Of five runs: milliseconds of processor time."""
    times = []
    for _ in range(5):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return 1000 * min(times)


if __name__ == "__main__":
    main()
