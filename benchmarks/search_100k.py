"""Search in 100,000 chunks: time after embedding, recall against exact search, and what it costs to build.

    python -m benchmarks.search_100k                 # jina-embeddings-v3's shape: 1024 stored, 256 searched
    python -m benchmarks.search_100k --full 256      # nothing to score again in exact search

Searches are those of the dense leg. The vectors are synthetic (clusters whose first values tell most, as in
Matryoshka embeddings; fixed seed): good for comparing kinds and filters, no promise for a model's recall.
The table goes to stderr, JSON to stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.legs import dense
from jv3search.indexes import IndexReader, LedgerRow, Manifest, open_reader, open_writer
from jv3search.types import Chunk, Document, EmbeddedDocument, Filter, Hit, Source, Span, unit_rows

CHUNKS_A_DOCUMENT = 20
CLUSTERS = 400
QUERIES = 200
K = 10
SHARES = {"50%": 0.5, "10%": 0.1, "1%": 0.01, "0.1%": 0.001}
NOW = datetime(2026, 1, 1, tzinfo=UTC)
Nearest = dict[str, list[int]]
"""For one query, the ids of the nearest chunks of each language, best first."""
TEXT = "Ein Abschnitt von etwa zweihundertvierzig Zeichen, damit der Katalog so groß ist wie im Leben. " * 3


class Corpus:
    """Documents, one after the other, and what was stored of them."""

    def __init__(self, chunks: int, full: int) -> None:
        self._rng = np.random.default_rng(20)
        self._fading = (1 + np.arange(full)) ** -0.5
        self._centres = self._rng.normal(size=(CLUSTERS, full))
        self._documents = chunks // CHUNKS_A_DOCUMENT
        self.rows = np.empty((self._documents * CHUNKS_A_DOCUMENT, full), np.float16)
        self.labels: list[str] = []

    def random_rows(self, count: int) -> np.ndarray:
        """Rows (count, full) near the clusters' centres."""
        near = self._centres[self._rng.integers(CLUSTERS, size=count)]
        raw = (near + 0.8 * self._rng.normal(size=near.shape)) * self._fading
        return unit_rows(raw)

    def passages(self) -> list[str]:
        """The texts of the next document's chunks."""
        return [TEXT] * CHUNKS_A_DOCUMENT

    def __iter__(self) -> Iterator[EmbeddedDocument]:
        names, shares = [*SHARES, "rest"], [*SHARES.values(), 1 - sum(SHARES.values())]
        for number in range(self._documents):
            passages = self.passages()
            ends = np.cumsum([len(passage) for passage in passages]).tolist()
            text = "".join(passages)
            tongues = self._rng.choice(names, size=CHUNKS_A_DOCUMENT, p=shares).tolist()
            self.labels += tongues
            start = number * CHUNKS_A_DOCUMENT
            embeddings = self.random_rows(CHUNKS_A_DOCUMENT)
            self.rows[start : start + CHUNKS_A_DOCUMENT] = embeddings
            chunks = tuple(
                Chunk(Span(end - len(passage), end), tongue, 60)
                for passage, end, tongue in zip(passages, ends, tongues, strict=True)
            )
            source = Source(f"/corpus/{number % 100}/{number}.txt", f"{number:064x}", len(text), NOW)
            yield EmbeddedDocument(source, Document(text, f"Document {number}", "txt"), "de", chunks, embeddings)

    def truth(self, queries: np.ndarray) -> list[Nearest]:
        """The ids of the K nearest stored rows of each language for each query, by exact search."""
        rows = unit_rows(self.rows)
        found: list[Nearest] = [{} for _ in queries]
        for name in set(self.labels):
            places = np.flatnonzero(np.array(self.labels) == name)
            for nearest, scores in zip(found, queries @ rows[places].T, strict=True):
                nearest[name] = (places[np.argsort(-scores)[:K]] + 1).tolist()  # ids count from 1
        return found


def main() -> None:
    """Build, measure, print."""
    options = arguments()
    work = Path(tempfile.mkdtemp(prefix="jv3-benchmark-", dir=options.work))
    try:
        result = measured(work / "index", options)
    finally:
        shutil.rmtree(work)
    print(table(result), file=sys.stderr)
    print(json.dumps(result, indent=1))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--full", type=int, default=1024, help="stored dimension")
    parser.add_argument("--dimension", type=int, default=256, help="searched dimension")
    parser.add_argument("--work", type=Path, help="folder to build the index in")
    return parser.parse_args()


def measured(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """All figures."""
    corpus = Corpus(options.chunks, options.full)
    result: dict[str, Any] = {
        "chunks": options.chunks,
        "full": options.full,
        "dimension": options.dimension,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
    }
    result["ingest"] = ingested(folder, corpus, options)
    queries = corpus.random_rows(QUERIES)
    truth = corpus.truth(queries)
    for kind in ("flat", "ivf"):
        with open_writer(folder, manifest(options.full)) as writer:
            seconds = timed(partial(writer.reindex, kind=kind))
        with open_reader(folder) as reader:
            result[kind] = {
                "reindex_s": seconds,
                **opened(reader, queries[0]),
                "vectors_mb": size(folder, "*.faiss"),
            }
            for name in (None, *SHARES):
                result[kind][name or "all"] = searched(reader, queries, truth, name)
            result[kind]["after_a_new_document_ms"] = refreshed(folder, reader, corpus, options, queries)
        result[kind]["rebuild_s"] = rebuilt(folder, queries[0])
    return result


def manifest(full: int) -> Manifest:
    """What the synthetic vectors pretend to be made by."""
    return Manifest("synthetic", "0" * 64, "retrieval.passage", "", "late", 256, full, 1)


def ingested(folder: Path, corpus: Corpus, options: argparse.Namespace) -> dict[str, float]:
    """Store every document, one commit each; time in the index only."""
    spent = 0.0
    with open_writer(folder, manifest(options.full), dimension=options.dimension) as writer:
        documents = 0
        for embedded in corpus:
            spent += timed(partial(writer.replace, embedded, done(embedded)))
            documents += 1
        started = time.perf_counter()
    closing = time.perf_counter() - started
    return {
        "documents_per_s": documents / spent,
        "close_s": closing,
        "catalog_mb": size(folder, "catalog.sqlite"),
        "bytes_per_chunk": 1e6 * size(folder, "*") / options.chunks,
    }


def done(embedded: EmbeddedDocument) -> LedgerRow:
    """Its ledger row."""
    return LedgerRow(embedded.source.uri, embedded.source.digest, "done", NOW, chunks=len(embedded.chunks))


def opened(reader: IndexReader, query: np.ndarray) -> dict[str, float]:
    """The first search loads what was saved."""
    return {"first_search_s": timed(lambda: dense(reader, query, K))}


def searched(reader: IndexReader, queries: np.ndarray, truth: list[Nearest], name: str | None) -> dict[str, float]:
    """Times after the first search with this filter, which finds the ids it admits, and recall."""
    where = Filter() if name is None else Filter(languages=frozenset({name}))
    first = timed(lambda: dense(reader, queries[0], K, where))
    times, busy, found = [], [], []
    for query, nearest in zip(queries, truth, strict=True):
        started, worked = time.perf_counter(), time.thread_time()
        hits = dense(reader, query, K, where)
        times.append(1e3 * (time.perf_counter() - started))
        busy.append(1e3 * (time.thread_time() - worked))
        found.append(right(hits, nearest) / K)
    return {
        "p50_ms": statistics.median(times),
        "cpu_ms": statistics.median(busy),  # what it would take on an idle machine
        "p95_ms": statistics.quantiles(times, n=20)[-1],
        "first_ms": 1e3 * first,
        "recall": statistics.mean(found),
    }


def right(hits: Sequence[Hit], nearest: Nearest) -> int:
    """How many hits are nearest of their language: z-scores choose among languages, cosines within one."""
    found = Counter(hit.language for hit in hits)
    return sum(hit.chunk_id in nearest[hit.language][: found[hit.language]] for hit in hits)


def refreshed(
    folder: Path, reader: IndexReader, corpus: Corpus, options: argparse.Namespace, queries: np.ndarray
) -> float:
    """How long the first search takes after another process stored a document: the reader takes it in."""
    text = TEXT * CHUNKS_A_DOCUMENT
    chunks = tuple(Chunk(Span(0, len(TEXT)), "new", 60) for _ in range(CHUNKS_A_DOCUMENT))
    source = Source("/corpus/new.txt", "f" * 64, len(text), NOW)
    embedded = EmbeddedDocument(
        source, Document(text, "New", "txt"), "de", chunks, corpus.random_rows(CHUNKS_A_DOCUMENT)
    )
    with open_writer(folder, manifest(options.full)) as writer:
        times = []
        for query in queries[:20]:
            writer.replace(embedded, done(embedded))
            times.append(1e3 * timed(partial(dense, reader, query, K)))
        writer.remove(source.uri)
    return statistics.median(times)


def rebuilt(folder: Path, query: np.ndarray) -> float:
    """From the catalog alone: the vectors were lost."""
    for path in folder.glob("*.faiss"):
        path.unlink()
    with open_reader(folder) as reader:
        return timed(lambda: dense(reader, query, K))


def timed(call: Callable[[], object]) -> float:
    """Seconds."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def size(folder: Path, pattern: str) -> float:
    """Megabytes."""
    return sum(path.stat().st_size for path in folder.glob(pattern)) / 1e6


def table(result: dict[str, Any]) -> str:
    """For people."""
    ingest = result["ingest"]
    lines = [
        f"{result['chunks']:,} chunks, {result['full']} stored, {result['dimension']} searched",
        result["machine"],
        f"stored {ingest['documents_per_s']:.0f} documents/s; {ingest['bytes_per_chunk']:.0f} bytes a chunk",
        "",
        "kind  chunks   p50 ms   CPU ms   p95 ms  first ms  recall@10",
    ]
    for kind in ("flat", "ivf"):
        for name in ("all", *SHARES):
            row = result[kind][name]
            times = "".join(f"{row[column]:9.2f}" for column in ("p50_ms", "cpu_ms", "p95_ms", "first_ms"))
            lines.append(f"{kind:5} {name:6}{times} {row['recall']:10.3f}")
        figures = result[kind]
        lines.append(
            f"{kind:5} reindex {figures['reindex_s']:.2f} s, rebuild {figures['rebuild_s']:.2f} s, "
            f"open {figures['first_search_s']:.2f} s, vectors {figures['vectors_mb']:.0f} MB, "
            f"search after a new document {figures['after_a_new_document_ms']:.1f} ms"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
