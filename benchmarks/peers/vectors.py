"""As many vectors as wanted with the geometry of real ones: jv3-mini's chunks of the books, each with noise.

The noise is a part of the difference of two other chunks' vectors: its covariance is that of the vectors
themselves, so the spectrum stays. Queries are real, headings in eight languages, without noise.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import jv3search
from benchmarks.peers.documents import WORK, corpus
from jv3search.types import Embedding, unit_rows

K = 10
QUERIES = 200
_NOISE = 0.5  # of a difference; a made row then has a cosine of about 0.8 with the chunk it was made of
_AT_ONCE = 10_000


def real(every: int) -> tuple[Embedding, Embedding]:
    """(chunks, 256) and (queries, 256) of every n-th page, embedded once and kept."""
    kept = WORK / f"every-{every}" / "vectors.npz"
    if not kept.exists():
        read = corpus(every)
        with (
            tempfile.TemporaryDirectory(prefix="vectors-", dir=WORK) as folder,
            jv3search.open(Path(folder) / "index", create=True, model="jv3-mini") as kb,
        ):
            kb.ingest(read.folder)
            chunks = np.concatenate([kb.reader.embeddings(row.uri) for row in kb.reader.documents()])
            titles = list(dict.fromkeys(target.title for target in read.targets))
            asked = [titles[i * len(titles) // QUERIES] for i in range(QUERIES)]
            queries = kb.encoder.encode(asked, "retrieval.query")
        np.savez(kept, chunks=chunks, queries=queries)
    with np.load(kept) as arrays:
        return arrays["chunks"], arrays["queries"]


def noisy(chunks: Embedding, count: int, path: Path) -> Embedding:
    """Write (count, dimension) unit rows to `path` and map them; the same rows on every call."""
    rng = np.random.default_rng(14)
    rows = np.lib.format.open_memmap(path, "w+", np.float32, (count, chunks.shape[1]))
    for start in range(0, count, _AT_ONCE):
        end = min(start + _AT_ONCE, count)
        one, other = rng.integers(len(chunks), size=(2, end - start))
        rows[start:end] = unit_rows(
            chunks[np.arange(start, end) % len(chunks)] + _NOISE * (chunks[one] - chunks[other])
        )
    rows.flush()
    return rows


def nearest(rows: Embedding, queries: Embedding) -> NDArray[np.int64]:
    """(queries, K) numbers of the rows with the highest inner products, best first, by exact search."""
    best: Embedding = np.full((len(queries), K), -np.inf, np.float32)
    found: NDArray[np.int64] = np.zeros((len(queries), K), np.int64)
    for start in range(0, len(rows), _AT_ONCE):
        block = rows[start : start + _AT_ONCE]
        numbers = np.broadcast_to(np.arange(start, start + len(block)), (len(queries), len(block)))
        scores, numbered = np.hstack([best, queries @ block.T]), np.hstack([found, numbers])
        order = np.argsort(-scores, axis=1, kind="stable")[:, :K]
        best, found = np.take_along_axis(scores, order, 1), np.take_along_axis(numbered, order, 1)
    return found


def recall(found: list[list[int]], wanted: NDArray[np.int64]) -> float:
    """Mean share of the K nearest rows that were found."""
    return float(np.mean([len(set(a) & set(b)) / K for a, b in zip(found, wanted.tolist(), strict=True)]))
