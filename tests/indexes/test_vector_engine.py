"""The setting that says what compares the vectors: it is kept through the life of an index, and errors say it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from jv3search.errors import ConfigError
from jv3search.indexes import open_reader, vectors
from jv3search.indexes.vectors.torch import TorchIndex
from jv3search.location import IndexLocation
from tests.legs import dense

from .conftest import Place
from .corpus import Oracle, check_dense, document, done, rows

QUERIES = rows(3, seed=99)


def test_what_is_built_again_is_compared_by_the_same_engine(tmp_path: Path) -> None:
    place, oracle = Place(tmp_path / "知識", vector_engine="torch"), Oracle()

    def add(number: int) -> None:
        embedded = document(f"/{number}", 50, seed=number)
        writer.replace(embedded, done(embedded))
        oracle.replace(embedded)

    with place.writer() as writer:
        add(0)
    with place.reader() as reader, place.writer() as writer:
        check_dense(reader, oracle, QUERIES[0], 5)
        for number in range(1, 8):
            add(number)
        check_dense(reader, oracle, QUERIES[1], 5)  # 350 new chunks beside 50
        if rebuild := reader._rebuild:  # it may be done already
            rebuild.join()
        check_dense(reader, oracle, QUERIES[2], 5)
        base = reader._snapshot.base
    assert (type(base), len(base)) == (TorchIndex, 400)


def test_a_database_searches_its_vectors_itself(tmp_path: Path) -> None:
    where = IndexLocation(tmp_path, "postgresql+psycopg://me:secret@localhost/wissen")
    with pytest.raises(ConfigError, match=r"vector_engine is cuda, but .* is a database") as raised:
        open_reader(where, "cuda")
    assert "secret" not in str(raised.value)


def test_without_pytorch_the_remedy_is_said(local: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded = document("/a", 3)
    with local.writer() as writer:
        writer.replace(embedded, done(embedded))
    monkeypatch.delitem(sys.modules, "jv3search.indexes.vectors.torch")
    monkeypatch.delattr(vectors, "torch")
    monkeypatch.setitem(sys.modules, "torch", None)  # as the import system marks what is not there
    with (
        open_reader(local.folder, "torch") as reader,
        pytest.raises(ConfigError, match=r"^vector_engine is torch, which needs PyTorch \(.*jv3search\[torch\]"),
    ):
        dense(reader, np.ones(32, np.float32), 1)
