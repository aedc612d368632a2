"""What is special about a catalog on a server; test_contract.py has the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jv3search.errors import IndexNotFound, StorageError
from jv3search.indexes import open_reader
from jv3search.location import IndexLocation
from tests.legs import dense

from .conftest import Place
from .corpus import Oracle, check_dense, document, done, rows


@pytest.fixture
def served(tmp_path: Path, new_database: Callable[[], str]) -> Place:
    return Place(tmp_path / "index", "auto", new_database())


def test_no_index_in_the_database(served: Place) -> None:
    with pytest.raises(IndexNotFound):
        served.reader()


def test_a_reader_on_another_machine_builds_its_own_vectors(served: Place, tmp_path: Path) -> None:
    oracle = Oracle()
    elsewhere = Place(tmp_path / "other machine", "auto", served.url)
    elsewhere.folder.mkdir()
    with served.writer() as writer:
        first = document("/a", 40)
        writer.replace(first, done(first))
        oracle.replace(first)
        with elsewhere.reader() as reader:
            for number in range(3):
                embedded = document(f"/{number}", 20, seed=number)
                writer.replace(embedded, done(embedded))
                oracle.replace(embedded)
                [query] = rows(1, seed=number)
                check_dense(reader, oracle, query, 5)
            assert reader.notices == []
    with open_reader(IndexLocation(tmp_path / "other" / "folder", served.url)) as reader:
        assert [hit.uri for hit in dense(reader, first.embeddings[0], 1)] == ["/a"]
        assert reader.status().documents == 4
    assert list(elsewhere.folder.glob("vectors-*.faiss"))


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    place = Place(tmp_path, "auto", "postgresql+psycopg://me:s3cret@127.0.0.1:1/x?connect_timeout=2")
    with pytest.raises(
        StorageError, match=r"me@127.0.0.1.*does not answer; check the URL and that it runs"
    ) as caught:
        place.writer()
    assert "s3cret" not in str(caught.value)
    with pytest.raises(StorageError, match="does not answer"):
        place.reader()
