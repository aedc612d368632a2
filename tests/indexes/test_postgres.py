"""What is special about an index on a server; test_contract.py has the rest."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, event

from jv3search.errors import (
    ConfigError,
    IndexMismatch,
    IndexNotFound,
    JV3SearchError,
    ReadInterrupted,
    StorageError,
)
from jv3search.indexes import copy_index, open_reader, open_writer
from jv3search.indexes.catalog import pgvector_search
from jv3search.location import IndexLocation
from jv3search.types import Filter
from tests.legs import dense, dense_hits, keyword

from .conftest import Place, filled
from .corpus import MANIFEST, Oracle, check_dense, document, done, rows

QUERIES = rows(6, seed=99)
PASSWORD = "s3cret-пароль"


@pytest.fixture
def served(tmp_path: Path, new_database: Callable[[], str]) -> Place:
    return Place(tmp_path / "index", "auto", new_database())


def run(url: str, *statements: str) -> list[tuple[object, ...]]:
    """What the last of some statements gives to the server's owner."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def tables(url: str) -> list[str]:
    found = run(
        url, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE 'vectors_%'"
    )
    return sorted(str(name) for (name,) in found)


def test_no_index_in_the_database(served: Place) -> None:
    with pytest.raises(IndexNotFound):
        served.reader()


def test_a_searcher_on_another_machine_keeps_no_vectors(served: Place, tmp_path: Path) -> None:
    oracle = Oracle()
    elsewhere = Place(tmp_path / "other machine", "auto", served.url)
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
            assert list(elsewhere.folder.iterdir()) == []  # no keywords either, before they are asked for
            left = elsewhere.folder / "keywords-0123abcd-0123abcd-1-9-3-0123456789abcdef.segment"
            left.write_bytes(b"of an index that was here before")
            keyword(reader, "Titel", 5)
            assert not left.exists()
    assert not [*elsewhere.folder.glob("*.faiss"), *served.folder.glob("*.faiss")]
    with elsewhere.reader() as reader:
        status = reader.status()
    assert (status.documents, status.vectors) == (4, "up to date")
    assert status.size > 100_000


@pytest.mark.parametrize("graph", [False, True])
def test_the_same_hits_as_in_a_folder(tmp_path: Path, served: Place, graph: bool, monkeypatch) -> None:
    """Ids, scores and order, in both databases; by the graph too, where it overlooks none of so few."""
    if graph:
        monkeypatch.setattr(pgvector_search, "EXACT_UNTIL", 0)
        served = Place(served.folder, "hnsw", served.url)
    here = Place(tmp_path / "folder")
    filled(here, Oracle(), count=30)
    filled(served, Oracle(), count=30)
    with here.reader() as one, served.reader() as other, one.snapshot() as mine, other.snapshot() as its:
        assert its.vectors.approximate == graph
        assert mine.languages().names == its.languages().names
        for where in (Filter(), Filter(languages=frozenset({"ru", "zh"})), Filter(phrases=("überschrift 3",))):
            for query in QUERIES:
                expected, found = dense_hits(mine, query, 9, where), dense_hits(its, query, 9, where)
                assert [hit.chunk_id for hit in found] == [hit.chunk_id for hit in expected]
                assert [hit.score for hit in found] == [hit.score for hit in expected]
                assert [hit.legs[0].z for hit in found] == pytest.approx([hit.legs[0].z for hit in expected])


def test_a_new_dimension_is_built_beside_the_old_and_switched_to_at_once(served: Place) -> None:
    oracle = Oracle()
    filled(served, oracle)
    with served.reader() as reader:
        with reader.snapshot() as before:
            first = dense_hits(before, QUERIES[0], 7)
            with served.writer() as writer:
                writer.reindex(dimension=8, kind="hnsw")
            assert before.dimension == 32
            assert dense_hits(before, QUERIES[0], 7) == first
        with reader.snapshot() as after:
            assert after.dimension == 8
            assert after.vectors.approximate
            check_dense(reader, oracle, QUERIES[0], 7)
    assert len(tables(served.url)) == 2
    served = Place(served.folder, "hnsw", served.url)
    served.writer().close()
    assert len(tables(served.url)) == 1
    with served.reader() as reader:
        check_dense(reader, oracle, QUERIES[1], 7)


def test_a_table_that_is_deleted_before_it_is_searched(served: Place) -> None:
    """A searcher who makes the keywords first may take that long."""
    oracle = Oracle()
    filled(served, oracle)
    with served.reader() as reader:
        with pytest.raises(ReadInterrupted, match=r"vectors_1.*search again"), reader.snapshot() as index:
            switch(served)
            assert "vectors_1" not in tables(served.url)
            dense_hits(index, QUERIES[0], 7)
        check_dense(reader, oracle, QUERIES[0], 7)


def test_a_table_that_is_being_searched_is_left_to_a_later_writer(served: Place) -> None:
    oracle = Oracle()
    filled(served, oracle)
    with served.reader() as reader, reader.snapshot() as index:
        first = dense_hits(index, QUERIES[0], 7)
        switch(served)
        switch(served)  # in the way of the first table only
        left, current = tables(served.url)
        assert left == "vectors_1"
        assert dense_hits(index, QUERIES[0], 7) == first
    served.writer().close()
    assert tables(served.url) == [current]


def switch(place: Place) -> None:
    """Search another table, and delete what is searched no more."""
    with place.writer() as writer:
        writer.reindex()
    place.writer().close()


def test_what_comes_after_the_graph_was_made_is_found_by_it(served: Place, monkeypatch) -> None:
    for rule in ("EXACT_UNTIL", "FILTERED_UNTIL"):
        monkeypatch.setattr(pgvector_search, rule, 0)
    served = Place(served.folder, "hnsw", served.url)
    oracle = Oracle()
    filled(served, oracle)
    with served.reader() as reader, served.writer() as writer:
        for number in range(8):
            embedded = document(f"/neu/{number}", 12, seed=100 + number)
            writer.replace(embedded, done(embedded))
            oracle.replace(embedded)
        assert writer.remove("/büro/0/datei 0.pdf")
        del oracle.documents["/büro/0/datei 0.pdf"]
        for query in QUERIES:
            check_dense(reader, oracle, query, 7)
            check_dense(reader, oracle, query, 7, Filter(under=frozenset({"/neu"})))


@contextmanager
def statements() -> Iterator[list[str]]:
    """What is sent to the servers."""
    seen: list[str] = []

    @event.listens_for(Engine, "before_cursor_execute")
    def look(connection, cursor, statement: str, *_: object) -> None:
        seen.append(statement)

    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", look)


def test_what_a_filter_of_documents_leaves_is_compared_row_by_row(served: Place, monkeypatch) -> None:
    monkeypatch.setattr(pgvector_search, "EXACT_UNTIL", 0)
    served = Place(served.folder, "hnsw", served.url)
    oracle = Oracle()
    filled(served, oracle)
    for where, by_graph in ((Filter(), True), (Filter(under=frozenset({"/büro/1"})), False)):
        with served.reader() as reader, statements() as seen:
            check_dense(reader, oracle, QUERIES[0], 9, where)
            assert any("hnsw.ef_search" in statement for statement in seen) == by_graph


def test_a_document_does_not_read_what_was_sampled(served: Place) -> None:
    """It is 4 MB at 1,024 dimensions."""
    with served.writer() as writer, statements() as seen:
        writer.replace(document("/a", 4), done(document("/a", 4)))
        read = [statement for statement in seen if "vector_table" in statement]
    assert read
    assert not [statement for statement in read if "samples" in statement]


@pytest.mark.parametrize(("given", "used"), [("64MB", "1GB"), ("1200MB", "1200MB")])
def test_a_graph_has_a_gigabyte_to_be_made_in_or_what_the_server_gives(
    served: Place, given: str, used: str
) -> None:
    seen = []

    @event.listens_for(Engine, "before_cursor_execute")
    def look(connection, cursor, statement: str, *_: object) -> None:
        if "USING hnsw" in statement:
            seen.append(cursor.execute("SHOW maintenance_work_mem").fetchone()[0])

    try:
        url = f"{served.url}%20-cmaintenance_work_mem%3D{given}"
        filled(Place(served.folder, "hnsw", url), Oracle(), count=1)
    finally:
        event.remove(Engine, "before_cursor_execute", look)
    assert seen == [used]


def test_kinds_are_those_of_the_place(served: Place, local: Place) -> None:
    with pytest.raises(JV3SearchError, match="kind 'ivf' is not one of auto, flat, hnsw"):
        open_writer(served.location, MANIFEST, kind="ivf")
    with pytest.raises(JV3SearchError, match="kind 'hnsw' is not one of auto, flat, ivf"):
        open_writer(local.location, MANIFEST, kind="hnsw")


# -- several indexes in one database ---------------------------------------------------------------------------


@pytest.fixture
def plain(new_database: Callable[[], str]) -> Iterator[str]:
    """The URL of a database as it comes: without pgvector, with one schema, in which the index is to be."""
    url, name = new_database().partition("&options")[0], f"plain_{uuid.uuid4().hex[:8]}"
    run(url, f"CREATE DATABASE {name}")
    yield url.replace("/postgres?", f"/{name}?")
    run(url, f"DROP DATABASE {name} WITH (FORCE)")


def in_schema(url: str, name: str) -> str:
    return f"{url}&options=-csearch_path%3D{name}"


def test_an_index_beside_another_one_whose_schema_has_the_extension(plain: str, tmp_path: Path) -> None:
    one, two, name = Oracle(), Oracle(), "Zwei-тер"
    first = Place(tmp_path / "first", "hnsw", plain)
    second = Place(tmp_path / "second", "flat", in_schema(plain, f"%22{name}%22"))
    filled(first, one)
    run(plain, f'CREATE SCHEMA "{name}"')
    with pytest.raises(IndexNotFound):
        second.reader()
    filled(second, two, count=2)
    second.writer().close()  # deletes what is searched no more
    first.writer().close()
    with first.reader() as reader, second.reader() as other:
        sizes = [reader.status().size, other.status().size]
        assert (len(reader.documents()), len(other.documents())) == (12, 2)
        for query in QUERIES:
            check_dense(reader, one, query, 7)
            check_dense(other, two, query, 7)
    run(second.url, "DROP TABLE translation")
    with second.writer() as writer:
        assert "lacked translation" in writer.notices[0]
    run(second.url, "DROP TABLE vector_table, language_count, vectors_1")
    with second.reader() as reader, pytest.raises(IndexMismatch, match="no vectors in the database yet"):
        dense(reader, QUERIES[0], 1)
    second.writer().close()
    with second.reader() as other:
        check_dense(other, two, QUERIES[0], 7)
    assert (tables(first.url), tables(second.url)) == (["vectors_2"], ["vectors_1"])
    assert sizes[1] < sizes[0]


def test_a_copy_beside_the_index(plain: str, tmp_path: Path) -> None:
    oracle = Oracle()
    first, second = Place(tmp_path / "first", url=plain), Place(tmp_path / "copy", url=in_schema(plain, "second"))
    filled(first, oracle)
    run(plain, "CREATE SCHEMA second")
    for copied in (12, 0):
        assert copy_index(first.location, second.location, lambda *_: nullcontext(lambda: None)).copied == copied
    run(plain, "DROP TABLE chunk, body, embedding, document CASCADE")
    with second.reader() as reader:
        check_dense(reader, oracle, QUERIES[0], 7)


def test_a_schema_that_is_not_there(plain: str, tmp_path: Path) -> None:
    oracle = Oracle()
    filled(Place(tmp_path / "first", url=plain), oracle)
    lost = Place(tmp_path / "second", url=in_schema(plain, "second"))
    for use in (lost.writer, lost.reader):
        with pytest.raises(StorageError, match=r"schema.*does not exist, or this user has not the right.*second"):
            use()


def test_tables_of_others_in_the_schema_stay(served: Place) -> None:
    filled(served, Oracle())
    with served.reader() as reader:
        size = reader.status().size
    run(served.url, "CREATE TABLE vectors_backup AS SELECT generate_series(1, 100000) AS n",
        "CREATE TABLE vectors_7 (n integer)")  # fmt: skip
    served.writer().close()
    assert tables(served.url) == ["vectors_1", "vectors_backup"]
    with served.reader() as reader:
        assert abs(reader.status().size - size) < 1_000_000


# -- what goes wrong -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Guest:
    """A user without rights, and the URL of the database as that user."""

    name: str
    url: str


@pytest.fixture
def guest(served: Place) -> Iterator[Guest]:
    name = f"guest_{uuid.uuid4().hex[:8]}"
    run(served.url, f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    yield Guest(name, served.url.replace("postgres:@", f"{name}:{PASSWORD}@"))
    run(served.url, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def test_a_database_without_pgvector(served: Place, guest: Guest) -> None:
    database = f"bare_{uuid.uuid4().hex[:8]}"
    run(served.url, f"CREATE DATABASE {database}")
    url = guest.url.replace("/postgres?", f"/{database}?").partition("&options")[0]
    with pytest.raises(
        ConfigError, match=r"no extension pgvector.*apt install.*CREATE EXTENSION vector"
    ) as caught:
        Place(served.folder, "auto", url).writer()
    assert PASSWORD not in str(caught.value)
    run(served.url, f"DROP DATABASE {database} WITH (FORCE)")


def test_a_user_who_may_not_make_tables(served: Place, guest: Guest) -> None:
    with pytest.raises(StorageError, match="this user has not the right; ask the owner") as caught:
        Place(served.folder, "auto", guest.url).writer()
    assert PASSWORD not in str(caught.value)


def test_a_user_who_may_only_read(served: Place, guest: Guest) -> None:
    oracle = Oracle()
    filled(served, oracle)
    run(served.url, f"GRANT USAGE ON SCHEMA {schema(served)} TO {guest.name}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema(served)} TO {guest.name}")  # fmt: skip
    visitor = Place(served.folder, "auto", guest.url)
    with visitor.reader() as reader:
        check_dense(reader, oracle, QUERIES[0], 7)
        embedded = document("/neu", 3)
        with visitor.writer() as writer, pytest.raises(StorageError, match="has not the right"):
            writer.replace(embedded, done(embedded))
        check_dense(reader, oracle, QUERIES[1], 7)


def schema(place: Place) -> str:
    return str(run(place.url, "SELECT current_schema()")[0][0])


def test_a_wrong_password(served: Place, guest: Guest) -> None:
    filled(served, Oracle(), count=1)
    [(file,)] = run(served.url, "SHOW hba_file")
    rules = Path(str(file))
    before = rules.read_text()
    try:
        rules.write_text(f"local all {guest.name} scram-sha-256\n{before}")
        run(served.url, "SELECT pg_reload_conf()")
        wrong = guest.url.replace(PASSWORD, "wr0ng-пароль")
        with pytest.raises(
            StorageError, match=r"does not let you in.*the password.*authentication failed"
        ) as caught:
            Place(served.folder, "auto", wrong).reader()
    finally:
        rules.write_text(before)
        run(served.url, "SELECT pg_reload_conf()")
    assert "wr0ng" not in str(caught.value)


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    place = Place(tmp_path, "auto", f"postgresql+psycopg://me:{PASSWORD}@127.0.0.1:1/x?connect_timeout=2")
    for use in (place.writer, place.reader):
        with pytest.raises(
            StorageError, match=r"//me@127.0.0.1.*does not answer or does not let you in"
        ) as caught:
            use()
        assert PASSWORD not in str(caught.value)


@pytest.fixture
def fragile(served: Place) -> Place:
    """One whose connections can be told from others."""
    return Place(served.folder, served.kind, f"{served.url}&application_name=fragile")


def disconnect(place: Place) -> None:
    """As if the server were gone for a moment."""
    ours = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name IN ('fragile', 'jv3search writer') AND datname = current_database()"
    )
    run(place.url.replace("fragile", "hand"), ours)


def test_a_server_gone_in_the_middle_of_a_search(fragile: Place) -> None:
    oracle = Oracle()
    filled(fragile, oracle)
    with fragile.reader() as reader:
        with pytest.raises(StorageError, match="does not answer"), reader.snapshot() as index:
            disconnect(fragile)
            dense_hits(index, QUERIES[0], 7)
        check_dense(reader, oracle, QUERIES[0], 7)  # and the next one goes on


def test_a_server_gone_in_the_middle_of_an_ingest(fragile: Place) -> None:
    oracle = Oracle()
    filled(fragile, oracle)
    lost, kept = document("/verloren", 9, seed=50), document("/da", 9, seed=51)
    with fragile.writer() as writer:
        with pytest.raises(StorageError, match="held the lock for writing broke"), writer.writing() as transaction:
            transaction.replace(lost, done(lost))
            disconnect(fragile)
            transaction.record([done(lost)])
        with pytest.raises(StorageError, match="run the same command again"):  # another may be writing by now
            writer.replace(kept, done(kept))
    with fragile.writer() as writer:
        writer.replace(kept, done(kept))
        oracle.replace(kept)
        assert set(writer.known()) == set(oracle.documents)
    with fragile.reader() as reader:
        for query in QUERIES:
            check_dense(reader, oracle, query, 7)
    counts = dict(run(fragile.url, "SELECT language, chunks FROM language_count"))
    assert sum(counts.values()) == 117  # type: ignore[arg-type]


def test_an_index_of_another_version(served: Place) -> None:
    filled(served, Oracle(), count=1)
    run(served.url, "UPDATE index_info SET schema = 99")
    for use in (served.writer, served.reader):
        with pytest.raises(IndexMismatch, match="has format 99, this jv3search reads formats up to"):
            use()


def test_a_database_of_another_program(served: Place) -> None:
    run(served.url, "CREATE TABLE index_info (x integer)")
    for use in (served.writer, served.reader):
        with pytest.raises(StorageError, match="its tables are not those of jv3search"):
            use()


def test_an_index_whose_vectors_are_not_in_the_database_yet(served: Place) -> None:
    oracle = Oracle()
    filled(served, oracle)
    [name] = tables(served.url)
    run(served.url, f"DROP TABLE vector_table, language_count, {name}")
    with served.reader() as reader, pytest.raises(IndexMismatch, match="no vectors in the database yet"):
        dense(reader, QUERIES[0], 1)
    with served.writer() as writer:
        assert "had no vectors in the database; it was brought up to date" in writer.notices[0]
    with served.reader() as reader:
        for query in QUERIES:
            check_dense(reader, oracle, query, 7)
    assert len(tables(served.url)) == 1


def test_a_folder_that_cannot_be_made_is_no_hindrance_to_a_search(served: Place, tmp_path: Path) -> None:
    filled(served, Oracle(), count=1)
    (tmp_path / "file").write_text("")
    with open_reader(IndexLocation(tmp_path / "file" / "cache", served.url)) as reader:
        assert len(dense(reader, QUERIES[0], 3)) == 3
