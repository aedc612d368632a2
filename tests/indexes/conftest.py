"""Where an index can live: SQLite with FAISS, PyTorch or Milvus, or PostgreSQL; searched exactly or not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from jv3search.indexes import IndexReader, IndexWriter, Manifest, milvus_vectors, open_reader, open_writer
from jv3search.indexes.catalog import pgvector_search
from jv3search.location import IndexLocation, MilvusLocation

from .corpus import MANIFEST, Oracle, document, done


@dataclass(frozen=True)
class Place:
    """An index's folder on this machine, kind, database, and what its vectors are compared by."""

    folder: Path
    kind: str = "auto"
    url: str = ""
    vector_engine: str = "faiss"
    milvus: MilvusLocation | None = None

    @property
    def location(self) -> IndexLocation:
        return IndexLocation(self.folder, self.url, self.milvus)

    def writer(
        self, manifest: Manifest = MANIFEST, *, dimension: int | None = None, timeout: float = 0
    ) -> IndexWriter:
        return open_writer(self.location, manifest, dimension=dimension, kind=self.kind, timeout=timeout)

    def reader(self) -> IndexReader:
        return open_reader(self.location, self.vector_engine)


def filled(place: Place, oracle: Oracle, count: int = 12, size: int = 9) -> None:
    """Store twelve documents in three folders, and tell the oracle."""
    with place.writer() as writer:
        for number in range(count):
            embedded = document(f"/büro/{number % 3}/datei {number}.pdf", size, seed=number)
            writer.replace(embedded, done(embedded))
            oracle.replace(embedded)
    assert writer.notices == []


PLACES = ["flat", "ivf", "postgres", "hnsw", "milvus"]


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Every promise is kept in each of these."""
    return made(request, tmp_path, monkeypatch)


@pytest.fixture(params=[*PLACES, "torch"])
def searched(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The same, and what compares the vectors in another way but stores them likewise."""
    return made(request, tmp_path, monkeypatch)


def made(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The place that a parameter names."""
    folder = tmp_path / "wissen 知識"
    if request.param == "hnsw":
        for rule in ("EXACT_UNTIL", "FILTERED_UNTIL"):
            monkeypatch.setattr(pgvector_search, rule, 0)  # by the graph, however few there are
        return Place(folder, "hnsw", request.getfixturevalue("new_database")())
    if request.param == "postgres":
        return Place(folder, "auto", request.getfixturevalue("new_database")())
    if request.param == "torch":
        return Place(folder, "ivf", vector_engine="torch")  # the rows that inverted lists keep in eight bits
    if request.param == "milvus":
        monkeypatch.setattr(milvus_vectors, "EXACT_UNTIL", 0)  # by Milvus, however few there are
        return Place(folder, milvus=request.getfixturevalue("milvus"))
    return Place(folder, request.param)


@pytest.fixture
def local(tmp_path: Path) -> Place:
    """An index in SQLite."""
    return Place(tmp_path / "index")
