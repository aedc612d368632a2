"""What is special about vectors in Milvus; test_contract.py and test_filters.py have the rest."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jv3search.errors import ConfigError, IndexMismatch, ReadInterrupted, StorageError
from jv3search.indexes import IndexReader, milvus_vectors
from jv3search.indexes.milvus_vectors import MilvusVectors
from jv3search.location import MilvusLocation
from jv3search.types import Filter
from tests.legs import dense

from .conftest import Place, filled
from .corpus import EVERYTHING, Oracle, check_dense, document, done, rows

pymilvus = pytest.importorskip("pymilvus")
port = pytest.importorskip("jv3search.indexes.vectors.milvus")

QUERIES = rows(4, seed=99)
TOKEN = "s3cret-пароль"


@pytest.fixture
def place(tmp_path: Path, milvus: MilvusLocation, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(milvus_vectors, "EXACT_UNTIL", 0)
    return Place(tmp_path / "wissen 知識", milvus=milvus)


@pytest.fixture
def client(milvus: MilvusLocation) -> Iterator[pymilvus.MilvusClient]:
    opened = pymilvus.MilvusClient(milvus.url)
    yield opened
    opened.close()


def collections(client: pymilvus.MilvusClient, place: Place) -> dict[str, int]:
    """The rows of each collection of an index."""
    with place.reader() as reader:
        identity, _ = reader.stamp()
    names = [name for name in client.list_collections() if identity in name]
    found = {}
    for name in names:
        client.load_collection(name)
        counted = client.query(name, "id >= 0", output_fields=["count(*)"], consistency_level="Strong")
        found[name] = counted[0]["count(*)"]
    return found


def in_memory(reader: IndexReader) -> int:
    """The rows that a searcher has to compare itself."""
    with reader.snapshot() as index:
        assert isinstance(index.vectors, MilvusVectors)
        return len(index.vectors.snapshot.ids)


def put(place: Place, oracle: Oracle, *numbers: int, size: int = 9) -> None:
    with place.writer() as writer:
        for number in numbers:
            embedded = document(f"/neu/{number}", size, seed=number)
            writer.replace(embedded, done(embedded))
            oracle.replace(embedded)
    assert writer.notices == []


def check(place: Place, oracle: Oracle, where: Filter = EVERYTHING) -> None:
    with place.reader() as reader:
        for query in QUERIES:
            check_dense(reader, oracle, query, 7, where)


def test_new_rows_are_added_to_those_that_are_there(place: Place, client: pymilvus.MilvusClient) -> None:
    oracle = Oracle()
    filled(place, oracle, count=3)
    with place.reader() as before:
        check_dense(before, oracle, QUERIES[0], 7)
        [name] = collections(client, place)
        put(place, oracle, 20, 21)
        assert collections(client, place) == {name: 27 + 18}
        check_dense(before, oracle, QUERIES[0], 7)  # it finds the new ones itself
        assert in_memory(before) == 18
        with place.reader() as after:
            check_dense(after, oracle, QUERIES[0], 7)
            assert (in_memory(after), after.status().vectors) == (0, "up to date")
        with place.writer() as writer:
            more = document("/mehr", 4, seed=5)
            writer.replace(more, done(more))
            oracle.replace(more)
            assert before.status().vectors == "in Milvus as of 1 changes ago; updated at the next search"
            check_dense(before, oracle, QUERIES[0], 7)


def test_a_searcher_goes_over_to_what_the_writer_has_added(place: Place) -> None:
    oracle = Oracle()
    filled(place, oracle, count=2)
    with place.reader() as reader:
        check_dense(reader, oracle, QUERIES[0], 7)
        put(place, oracle, 30, size=300)
        check_dense(reader, oracle, QUERIES[0], 7)
        if rebuild := reader._rebuild:  # it may be done already
            rebuild.join()
        check_dense(reader, oracle, QUERIES[0], 7)
        assert in_memory(reader) == 0


def test_rows_that_left_are_never_found_and_make_room_when_they_are_many(
    place: Place, client: pymilvus.MilvusClient
) -> None:
    oracle = Oracle()
    filled(place, oracle, count=2)
    put(place, oracle, 40, size=300)
    [old] = collections(client, place)
    with place.reader() as reader:
        check_dense(reader, oracle, QUERIES[0], 7)
        with place.writer() as writer:
            assert writer.remove("/neu/40")
            del oracle.documents["/neu/40"]
            check_dense(reader, oracle, QUERIES[0], 500)
        assert collections(client, place)[old] == 318  # left for those who search it at this moment
        check(place, oracle)
        put(place, oracle, 41)
        assert list(collections(client, place).values()) == [27]
        with pytest.raises(ReadInterrupted, match="search again"):
            dense(reader, QUERIES[0], 7)
        check_dense(reader, oracle, QUERIES[0], 7)


def test_what_a_killed_writer_left_is_not_found(place: Place, client: pymilvus.MilvusClient) -> None:
    oracle = Oracle()
    filled(place, oracle, count=3)
    [name] = collections(client, place)
    for embedded in (document("/halb", 5, seed=8), document("/ganz", 5, seed=9)):
        with place.writer() as writer:
            writer._milvus = None  # what is in the catalog when it is killed
            writer.replace(embedded, done(embedded))
        oracle.replace(embedded)
    width = client.describe_collection(name)["fields"][1]["params"]["dim"]
    half = [{"id": key, "vector": np.ones(width, np.float32)} for key in range(28, 35)]
    client.insert(name, half)  # rows of the catalog, and none that are right
    unfinished = name[:-4] + "half"
    client.create_collection(unfinished, dimension=4)
    check(place, oracle)
    with place.writer() as writer:
        writer.remove("/halb")
    del oracle.documents["/halb"]
    check(place, oracle)
    assert unfinished not in collections(client, place)
    put(place, oracle, 50)
    check(place, oracle)


def test_a_language_that_comes_later_has_a_column_and_many_make_all_anew(
    place: Place, client: pymilvus.MilvusClient
) -> None:
    oracle = Oracle()
    filled(place, oracle, count=2)
    [name] = collections(client, place)
    for count, anew in ((10, False), (30, True)):
        embedded = document(f"/{count}", count, seed=3)
        tongues = [replace(part, language=f"x{number:02}") for number, part in enumerate(embedded.chunks)]
        embedded = replace(embedded, chunks=tuple(tongues))
        with place.writer() as writer:
            writer.replace(embedded, done(embedded))
        oracle.replace(embedded)
        assert (len(collections(client, place)) == 2) == anew
        check(place, oracle)
        check(place, oracle, Filter(languages=frozenset({"x07", "de"})))
    assert name in collections(client, place)


def test_rows_that_milvus_lost_are_noticed_and_put_there_again(
    place: Place, client: pymilvus.MilvusClient
) -> None:
    oracle = Oracle()
    filled(place, oracle, count=3)
    [name] = collections(client, place)
    client.delete(name, ids=[3, 4])
    with pytest.raises(StorageError, match=r"has 25 rows in jv3search_\w+, not 27: run `jv3search reindex`"):
        check(place, oracle)
    with place.writer() as writer:
        writer.reindex()
    check(place, oracle)
    for name in collections(client, place):
        client.drop_collection(name)
    with pytest.raises(IndexMismatch, match=r"has not the vectors .* run `jv3search reindex` once"):
        check(place, oracle)
    with place.reader() as reader:
        assert reader.status().vectors.startswith("not in Milvus")
    with place.writer() as writer:
        writer.reindex()
    check(place, oracle)


def test_a_catalog_from_a_backup_does_not_get_the_vectors_of_what_came_later(
    place: Place, client: pymilvus.MilvusClient
) -> None:
    oracle = Oracle()
    filled(place, oracle, count=2)
    backup = (place.folder / "catalog.sqlite").read_bytes()
    put(place, Oracle(), 60)
    (place.folder / "catalog.sqlite").write_bytes(backup)
    with pytest.raises(ReadInterrupted, match="if the catalog came from a backup, run"):
        check(place, oracle)
    put(place, oracle, 61)  # gets the ids of the one that is not there any more
    check(place, oracle)
    assert list(collections(client, place).values()) == [27]


@pytest.mark.parametrize("kind", ["flat", "ivf"])
def test_the_same_hits_as_in_a_folder(place: Place, tmp_path: Path, kind: str) -> None:
    here, there = Place(tmp_path / "here"), replace(place, kind=kind)
    for one in (here, there):
        filled(one, Oracle(), count=30, size=20)
    with here.reader() as reader, there.reader() as other, other.snapshot() as index:
        assert index.vectors.approximate == (kind == "ivf")
        for query in QUERIES:
            for where in (Filter(), Filter(languages=frozenset({"hi", "zh"}), formats=frozenset({"pdf"}))):
                expected = {(hit.chunk_id, hit.uri): hit.score for hit in dense(reader, query, 10, where)}
                found = {(hit.chunk_id, hit.uri): hit.score for hit in dense(other, query, 10, where)}
                assert len(found) == 10
                assert len(found.keys() & expected.keys()) >= 9
                if kind == "flat":
                    assert found == pytest.approx(expected, abs=1e-6)


def test_a_catalog_in_a_database(place: Place, new_database: Callable[[], str]) -> None:
    oracle = Oracle()
    served = replace(place, url=new_database())
    filled(served, oracle, count=3)
    check(served, oracle)
    put(served, oracle, 70)
    check(served, oracle, Filter(formats=frozenset({"pdf"})))
    with served.reader() as reader:
        assert (in_memory(reader), reader.status().vectors) == (0, "up to date")


def test_a_database_has_a_graph_after_reindex(place: Place, new_database: Callable[[], str]) -> None:
    """As the guide says of a replica and of going back, neither of which is searched by Milvus."""
    oracle = Oracle()
    served = replace(place, url=new_database(), kind="hnsw")
    without = replace(served, milvus=None)
    filled(served, oracle, count=3)
    assert not approximate(without)
    with without.writer() as writer:
        writer.reindex()
    put(served, oracle, 70)
    assert approximate(without)
    check(without, oracle)


def approximate(place: Place) -> bool:
    with place.reader() as reader, reader.snapshot() as index:
        return index.vectors.approximate


def test_few_are_compared_here_also_while_milvus_is_down(tmp_path: Path) -> None:
    place = Place(tmp_path / "index", milvus=MilvusLocation.of(str(tmp_path / "own.db")))
    oracle = Oracle()
    filled(place, oracle, count=3)
    narrow = Filter(languages=frozenset({"de"}))
    with place.reader() as reader:
        check_dense(reader, oracle, QUERIES[0], 3)
        stop(place)
        check_dense(reader, oracle, QUERIES[0], 3, narrow)


def stop(place: Place) -> None:
    """Milvus is gone in the middle; Milvus Lite is back for who opens it the next time."""
    from milvus_lite.server_manager import server_manager_instance

    assert place.milvus is not None
    server_manager_instance.release_server(place.milvus.url)


def test_gone_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(tmp_path / "index", milvus=MilvusLocation.of(str(tmp_path / "own.db")))
    oracle = Oracle()
    filled(place, oracle, count=3)
    with place.reader() as reader, monkeypatch.context() as impatient:
        check_dense(reader, oracle, QUERIES[0], 3)
        with place.writer() as writer:
            stop(place)
            impatient.setattr(port, "_PATIENCE", 0.5)
            impatient.setattr(port, "_LONG", 0.5)
            embedded = document("/neu", 6, seed=6)
            writer.replace(embedded, done(embedded))
            oracle.replace(embedded)
            with pytest.raises(StorageError, match=r"check that no other process has .*nothing is lost"):
                dense(reader, QUERIES[0], 3)
    assert ["nothing is lost" in notice for notice in writer.notices] == [True]
    check(place, oracle)  # another process, or a server that is back
    put(place, oracle, 80)
    check(place, oracle)


def test_a_server_that_is_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port, "_CONNECTING", 0.5)
    place = Place(tmp_path / "index")
    filled(place, Oracle(), count=1)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        down = replace(place, milvus=MilvusLocation.of(url, TOKEN))
        with pytest.raises(StorageError, match=rf"Milvus at {url} does not do what is asked") as caught:
            down.writer()
        with down.reader() as reader:
            assert [row.uri for row in reader.documents()] == ["/büro/0/datei 0.pdf"]
            assert "does not do what is asked" in reader.status().vectors
            with pytest.raises(StorageError, match="nothing is lost"):
                dense(reader, QUERIES[0], 3)
    assert "the token (JV3SEARCH_MILVUS_TOKEN)" in str(caught.value)
    assert TOKEN not in f"{caught.value} {down!r} {down.location}"
    with place.reader() as reader:
        assert len(dense(reader, QUERIES[0], 3)) == 3


def test_without_its_client(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "jv3search.indexes.vectors.milvus", raising=False)
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(ConfigError, match=r"pip install 'jv3search\[milvus\]'"):
        place.writer()
