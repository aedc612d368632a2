"""Libraries that search vectors, each with what it does by default on a disk, and jv3search's own dense search.

Each builds from unit rows (N, dimension), ids being row numbers, and answers one query after the other with the
ids of the highest inner products, as an application asks. All keep an index on disk that another process opens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from jv3search.types import Embedding

Search = Callable[[Embedding, int], list[int]]
"""A unit row (dimension,) and k -> ids, best first."""

_AT_ONCE = 5_000  # rows that are given to a library in one call, where it does not take all


@dataclass(frozen=True, slots=True)
class Store:
    """How a library builds an index in a folder, and opens it."""

    build: Callable[[Embedding, Path], None]
    opened: Callable[[Path], Search]


def _batches(rows: Embedding) -> list[tuple[int, Embedding]]:
    return [(start, rows[start : start + _AT_ONCE]) for start in range(0, len(rows), _AT_ONCE)]


def _build_faiss(description: str, rows: Embedding, folder: Path) -> None:
    import faiss

    index = faiss.index_factory(rows.shape[1], description, faiss.METRIC_INNER_PRODUCT)
    index.train(np.ascontiguousarray(rows))
    index.add(np.ascontiguousarray(rows))
    faiss.write_index(index, str(folder / "vectors.faiss"))


def _build_flat(rows: Embedding, folder: Path) -> None:
    _build_faiss("Flat", rows, folder)


def _build_ivf(rows: Embedding, folder: Path) -> None:
    """4 sqrt(N) lists, as FAISS's guidelines have it."""
    _build_faiss(f"IVF{4 * round(len(rows) ** 0.5)},Flat", rows, folder)


def _open_faiss(folder: Path) -> Search:
    import faiss

    index = faiss.read_index(str(folder / "vectors.faiss"))
    if isinstance(index, faiss.IndexIVF):
        index.nprobe = max(1, index.nlist // 32)  # the default of 1 finds too little to compare

    def search(query: Embedding, k: int) -> list[int]:
        found: list[int] = index.search(query[None], k)[1][0].tolist()
        return found

    return search


def _build_usearch(rows: Embedding, folder: Path) -> None:
    from usearch.index import Index

    index = Index(ndim=rows.shape[1], metric="ip")
    index.add(np.arange(len(rows)), np.ascontiguousarray(rows), threads=2)
    index.save(str(folder / "vectors.usearch"))


def _open_usearch(folder: Path) -> Search:
    from usearch.index import Index

    index = Index.restore(str(folder / "vectors.usearch"), view=True)

    def search(query: Embedding, k: int) -> list[int]:
        return [int(key) for key in index.search(query, k).keys]

    return search


def _table(rows: Embedding, folder: Path) -> Any:
    import lancedb
    import pyarrow as pa

    size = rows.shape[1]
    schema = pa.schema([pa.field("id", pa.int64()), pa.field("vector", pa.list_(pa.float32(), size))])
    table = lancedb.connect(str(folder)).create_table("rows", schema=schema)
    for start, batch in _batches(rows):
        flat = pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(batch).ravel()), size)
        table.add(pa.table({"id": pa.array(range(start, start + len(batch))), "vector": flat}, schema=schema))
    return table


def _build_lance(rows: Embedding, folder: Path) -> None:
    _table(rows, folder)


def _build_lance_ivf(rows: Embedding, folder: Path) -> None:
    from lancedb.index import IvfPq

    _table(rows, folder).create_index("vector", config=IvfPq(distance_type="dot"))


def _open_lance(folder: Path) -> Search:
    import lancedb

    table = lancedb.connect(str(folder)).open_table("rows")

    def search(query: Embedding, k: int) -> list[int]:
        found = table.search(query).distance_type("dot").select(["id", "_distance"]).limit(k).to_arrow()
        return list(found["id"].to_pylist())

    return search


def _build_chroma(rows: Embedding, folder: Path) -> None:
    collection = _collection(folder)
    for start, batch in _batches(rows):
        collection.add(ids=[str(start + i) for i in range(len(batch))], embeddings=np.ascontiguousarray(batch))


def _collection(folder: Path) -> Any:
    import chromadb

    client = chromadb.PersistentClient(str(folder), chromadb.Settings(anonymized_telemetry=False))
    return client.get_or_create_collection(
        "rows", configuration={"hnsw": {"space": "ip"}}, embedding_function=None
    )


def _open_chroma(folder: Path) -> Search:
    collection = _collection(folder)

    def search(query: Embedding, k: int) -> list[int]:
        found = collection.query(query_embeddings=query[None], n_results=k, include=[])
        return [int(key) for key in found["ids"][0]]

    return search


def _build_qdrant(rows: Embedding, folder: Path) -> None:
    from qdrant_client import QdrantClient, models

    client = QdrantClient(path=str(folder))
    size = models.VectorParams(size=rows.shape[1], distance=models.Distance.DOT)
    client.create_collection("rows", vectors_config=size)
    client.upload_collection("rows", vectors=np.ascontiguousarray(rows), ids=range(len(rows)))
    client.close()


def _open_qdrant(folder: Path) -> Search:
    from qdrant_client import QdrantClient

    client = QdrantClient(path=str(folder))

    def search(query: Embedding, k: int) -> list[int]:
        points = client.query_points("rows", query=query, limit=k, with_payload=False).points
        return [int(point.id) for point in points]

    return search


_CHUNKS_A_DOCUMENT = 20
_TEXT = "Ein Abschnitt von etwa zweihundertvierzig Zeichen, damit der Katalog so groß ist wie im Leben. " * 3
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _build_jv3search(rows: Embedding, folder: Path) -> None:
    """Documents of twenty chunks with texts, each a transaction, as an ingest stores them."""
    from jv3search.indexes import LedgerRow, Manifest, open_writer
    from jv3search.types import Chunk, Document, EmbeddedDocument, Source, Span

    manifest = Manifest("given vectors", "0" * 64, "retrieval.passage", "", "late", 256, rows.shape[1], 1)
    with open_writer(folder, manifest, dimension=rows.shape[1]) as writer:
        for start in range(0, len(rows), _CHUNKS_A_DOCUMENT):
            batch = np.array(rows[start : start + _CHUNKS_A_DOCUMENT])
            ends = [len(_TEXT) * (i + 1) for i in range(len(batch))]
            chunks = tuple(Chunk(Span(end - len(_TEXT), end), "de", 60) for end in ends)
            source = Source(f"/rows/{start}.txt", f"{start:064x}", ends[-1], _NOW)
            document = Document(_TEXT * len(batch), str(start), "txt")
            row = LedgerRow(source.uri, source.digest, "done", _NOW, chunks=len(chunks))
            writer.replace(EmbeddedDocument(source, document, "de", chunks, batch), row)


def _open_jv3search(folder: Path) -> Search:
    """The dense leg, which also reads the texts of its hits."""
    from benchmarks.legs import dense
    from jv3search.indexes import open_reader

    reader = open_reader(folder)

    def search(query: Embedding, k: int) -> list[int]:
        return [hit.chunk_id - 1 for hit in dense(reader, query, k)]  # ids count from 1

    return search


STORES = {
    "jv3search": Store(_build_jv3search, _open_jv3search),
    "FAISS, flat": Store(_build_flat, _open_faiss),
    "FAISS, IVF": Store(_build_ivf, _open_faiss),
    "usearch": Store(_build_usearch, _open_usearch),
    "LanceDB, no index": Store(_build_lance, _open_lance),
    "LanceDB, IVF-PQ": Store(_build_lance_ivf, _open_lance),
    "Chroma": Store(_build_chroma, _open_chroma),
    "Qdrant, local": Store(_build_qdrant, _open_qdrant),
}
