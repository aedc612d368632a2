"""A copy is the same index in another place, and none at all before it is whole."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import psycopg
import pytest
from sqlalchemy import Engine, event, insert, select, text

from jv3search.errors import IndexLocked, IndexMismatch, IndexNotFound, StorageError
from jv3search.indexes import copy_index
from jv3search.indexes.catalog import links, schema
from jv3search.types import Filter
from tests.legs import dense, keyword

from .conftest import Place
from .corpus import FULL, MANIFEST, document, done, failed, rows

WORDS = {"de": "Straße", "zh": "河流", "ar": "النهر", "ru": "Дорога", "hi": "सड़क", "en": "river"}
TABLES = [table for name, table in schema.metadata.tables.items() if name not in ("index_info", "tombstone")]


@pytest.fixture(params=["to a server", "from a server", "to a folder"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Place, Place]:
    """An index with all kinds of rows, and an empty place for its copy."""
    urls = ["", ""]
    if "server" in request.param:
        urls[request.param == "to a server"] = request.getfixturevalue("new_database")()
    source, target = Place(tmp_path / "von 源", "flat", urls[0]), Place(tmp_path / "nach 到", "flat", urls[1])
    fill(source)
    return source, target


def fill(place: Place) -> None:
    """Twelve documents, one of them in two blocks, one without a chunk, one replaced, one moved, one removed."""
    with place.writer() as writer:
        for number in range(12):
            embedded = document(f"/büro/{number}", 70 if number == 5 else number, seed=number)
            writer.replace(embedded, done(embedded))
        again = document("/büro/3", 8, seed=3, version=1)
        writer.replace(again, done(again))
        writer.move("/büro/7", "/архив/7", done(document("/архив/7", 7, seed=7)))
        writer.remove("/büro/9")
        writer.record(failed("/büro/kaputt"))
        with writer.writing() as transaction:
            transaction.connection.execute(
                insert(schema.document_embedding),
                [
                    {"document": key, "task": links.MATCHING, "vector": rows(1, key)[0].astype("<f2").tobytes()}
                    for key in (2, 6)
                ],
            )
            links.store_link(transaction, 2, 6, 0.87654321, [(0, 4, 0.9), (1, 5, 1 / 3)])
            transaction.connection.execute(insert(schema.unlinked), [{"document": 5}])


def copied(source: Place, target: Place) -> tuple[int, int, int]:
    """Copy, and say how many (documents, chunks, documents copied now)."""
    report = copy_index(source.location, target.location, unwatched)
    return report.documents, report.chunks, report.copied


@contextmanager
def unwatched(count: int, what: str) -> Iterator[Callable[[], None]]:
    yield lambda: None


def contents(place: Place) -> dict[str, list[str]]:
    """All rows of all tables."""
    with place.writer() as writer, writer.reading() as transaction:
        return {
            table.name: sorted(repr(row) for row in transaction.connection.execute(select(table)))
            for table in TABLES
        }


def found(place: Place) -> list[tuple[int, str, float, str]]:
    """What searches in six scripts, exact and by words, find, with scores and texts."""
    with place.reader() as reader:
        hits = [hit for query in rows(4, seed=9) for hit in dense(reader, query, 10)]
        hits += [hit for language, word in WORDS.items() for hit in keyword(reader, word, 5)]
        hits += dense(reader, rows(1, seed=8)[0], 9, Filter(languages=frozenset({"ar", "hi"})))
        return [(hit.chunk_id, hit.uri, hit.score, hit.text) for hit in hits]


def test_the_copy_is_the_same_index(places: tuple[Place, Place]) -> None:
    source, target = places
    assert copied(source, target) == (11, 127, 11)
    assert contents(target) == contents(source)
    assert found(target) == found(source)
    assert copied(source, target) == (11, 127, 0)  # it is compared, and nothing is put in again
    with source.reader() as reader, target.reader() as other:
        assert reader.stamp()[1] == other.stamp()[1]
        assert reader.stamp()[0] != other.stamp()[0]  # a cache of the one is never taken for one of the other
        assert other.status().languages == reader.status().languages
        assert (other.manifest, other.dimension, other.kind) == (MANIFEST, FULL, "flat")


def test_the_copy_grows_like_any_index(places: tuple[Place, Place]) -> None:
    source, target = places
    copied(source, target)
    for place in places:
        with place.writer() as writer:
            for number in (3, 20):
                embedded = document(f"/büro/{number}", 9, seed=number, version=2)
                writer.replace(embedded, done(embedded))
    assert found(target) == found(source)
    with pytest.raises(IndexMismatch, match=r"was copied from this index at change \d+; the index is at \d+ now"):
        copied(source, target)


def copy_until(statement: int, source: Place, target: Place) -> None:
    """Copy in a process that kills itself before that statement."""
    left = [statement]

    @event.listens_for(Engine, "before_cursor_execute")
    def count(*_: object) -> None:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    copied(source, target)


def is_index(place: Place) -> bool:
    try:
        place.reader().close()
    except IndexNotFound:
        return False
    return True


@pytest.mark.parametrize("direction", [True, False])
def test_a_copy_that_is_killed_is_no_index_and_goes_on(
    tmp_path: Path, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch, direction: bool
) -> None:
    source, target = Place(tmp_path / "a", "flat"), Place(tmp_path / "b", "flat", new_database())
    if direction:
        source, target = target, source
    fill(source)
    # Streamlit's own tests leave app.py as the main module, which each process would run again.
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    before = found(source)
    kills = 0
    for statement in range(3, 1000, 9):
        process = processes.Process(target=copy_until, args=(statement, source, target))
        process.start()
        process.join()
        if process.exitcode != -signal.SIGKILL:
            break
        if is_index(target):  # killed behind the last transaction
            break
        kills += 1
        if statement > 60:  # the tables are there
            with pytest.raises(IndexNotFound, match="a copy that was not finished: run the same `jv3search copy`"):
                target.writer()
    assert kills > 4
    assert contents(target) == contents(source)
    assert found(target) == before == found(source)


def test_a_document_that_changed_since_the_copy_was_cut_off(local: Place, tmp_path: Path) -> None:
    target = Place(tmp_path / "copy")
    fill(local)

    @contextmanager
    def cut_off(count: int, what: str) -> Iterator[Callable[[], None]]:
        yield interrupt  # when documents are there, and the end is not

    with pytest.raises(KeyboardInterrupt):
        copy_index(local.folder, target.folder, cut_off)
    with local.writer() as writer:
        writer.remove("/büro/11")
        changed = document("/büro/4", 6, seed=4, version=9)
        writer.replace(changed, done(changed))
    assert copied(local, target)[0] == 10
    assert contents(target) == contents(local)


def test_what_is_no_place_for_a_copy(local: Place, tmp_path: Path) -> None:
    other = Place(tmp_path / "other", "flat")
    fill(local)
    with pytest.raises(IndexNotFound, match="there is no index in"):
        copied(other, Place(tmp_path / "x"))
    fill(other)
    with pytest.raises(IndexMismatch, match="is another index already: name another place, or empty this one"):
        copied(local, other)
    with pytest.raises(IndexMismatch, match="is the index that is to be copied"):
        copied(local, local)
    with other.writer(), pytest.raises(IndexLocked, match="is being written to"):
        copied(local, other)
    target = Place(tmp_path / "target")
    with pytest.raises(KeyboardInterrupt):
        copy_index(local.folder, target.folder, lambda *_: interrupt())
    with pytest.raises(IndexMismatch, match="is an unfinished copy of another index"):
        copied(other, target)


def interrupt() -> None:
    raise KeyboardInterrupt


@contextmanager
def before(start: str, act: Callable[[], object]) -> Iterator[None]:
    """Do something before each statement that begins so."""

    @event.listens_for(Engine, "before_cursor_execute")
    def look(connection, cursor, statement: str, *_: object) -> None:
        if statement.startswith(start):
            act()

    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", look)


def served_pair(tmp_path: Path, new_database: Callable[[], str]) -> tuple[Place, Place]:
    """An index on a server, whose sessions can be told from others, and an empty place beside it."""
    source = Place(tmp_path / "a", "hnsw", f"{new_database()}&application_name=source")
    fill(source)
    return source, Place(tmp_path / "b", "hnsw", new_database())


def at_the_source(place: Place, ask: str) -> list[tuple[object, ...]]:
    url = place.url.replace("+psycopg", "").replace("application_name=source", "application_name=other")
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(
            f"SELECT {ask} FROM pg_stat_activity WHERE application_name = 'source'"
        ).fetchall()


@pytest.mark.parametrize("wanted", ["{}.document.id", "{}.embedding.document", "count(*)"])
def test_a_source_that_breaks_is_named(tmp_path: Path, new_database: Callable[[], str], wanted: str) -> None:
    """At the list of documents, among them, and when all are there."""
    source, target = served_pair(tmp_path, new_database)
    own = source.url.partition("search_path%3D")[2].partition("&")[0]
    with (
        before(f"SELECT {wanted.format(own)}", lambda: at_the_source(source, "pg_terminate_backend(pid, 5000)")),
        pytest.raises(StorageError, match=f"{own}.*: the database does not answer"),
    ):
        copied(source, target)
    assert not is_index(target)
    assert copied(source, target)[0] == 11


def test_the_source_is_let_go_of_before_the_graph_is_made(tmp_path: Path, new_database: Callable[[], str]) -> None:
    source, target = served_pair(tmp_path, new_database)
    seen: list[tuple[object, ...]] = []
    with before("CREATE INDEX vectors_", lambda: seen.extend(at_the_source(source, "state"))):
        copied(source, target)
    assert set(seen) == {("idle",)}


def test_a_source_that_is_damaged_is_not_copied(local: Place, tmp_path: Path) -> None:
    fill(local)
    with local.writer() as writer, writer.writing() as transaction:
        transaction.connection.execute(
            text("UPDATE embedding SET rows = zeroblob(length(rows)) WHERE document = 6")
        )
    with pytest.raises(StorageError, match="the vectors of /büro/5"):
        copied(local, Place(tmp_path / "copy"))


def test_a_copy_that_differs_by_a_bit_is_found_out(local: Place, tmp_path: Path) -> None:
    target = Place(tmp_path / "copy")
    fill(local)
    copied(local, target)
    with target.writer() as writer, writer.writing() as transaction:
        transaction.connection.execute(text("UPDATE chunk SET start = start + 1 WHERE id = 20"))
    with pytest.raises(StorageError, match=r"does not hold what was copied to it \(table chunk, among .*büro"):
        copied(local, target)
