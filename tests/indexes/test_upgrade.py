"""An index of an older format is brought up to date where it is; nothing is embedded again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import inspect

from jv3search.errors import IndexMismatch
from jv3search.indexes import open_reader, open_writer
from jv3search.indexes.catalog import migrations, schema
from jv3search.types import Filter
from tests.legs import dense, keyword

from .conftest import Place, filled
from .corpus import MANIFEST, Oracle, check_dense, rows

QUERIES = rows(4, seed=99)
SINCE_2 = ("document_embedding", "unlinked", "translation")


def downgrade(place: Place) -> None:
    """Take out of an index all that format 1 did not have."""
    statements = [*(f"DROP TABLE IF EXISTS {name}" for name in SINCE_2), "UPDATE index_info SET schema = 1"]
    if place.url:
        with psycopg.connect(place.url.replace("+psycopg", ""), autocommit=True) as server:
            for statement in statements:
                server.execute(statement)
        return
    connection = sqlite3.connect(place.folder / "catalog.sqlite")
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


@pytest.fixture(params=["sqlite", "postgres"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Place, Oracle]:
    url = request.getfixturevalue("new_database")() if request.param == "postgres" else ""
    place, oracle = Place(tmp_path / "index", url=url), Oracle()
    filled(place, oracle)
    downgrade(place)
    return place, oracle


def test_an_old_index_is_brought_up_to_date_by_the_next_writer(old: tuple[Place, Oracle]) -> None:
    place, oracle = old
    with place.writer() as writer:
        [notice] = writer.notices
    assert "had format 1, not 3; it was brought up to date; nothing was embedded again" in notice
    with place.reader() as reader:
        for query in QUERIES:
            check_dense(reader, oracle, query, 7)
        assert len(keyword(reader, "rivers", 99)) == len(keyword(reader, "road", 99)) == 16
        assert {hit.language for hit in keyword(reader, "河流 река नदी", 99)} == {"zh", "ru", "hi"}
        assert reader.status().wordless == 0
    with place.writer() as writer:
        assert writer.notices == []
        assert writer.remove("/büro/0/datei 0.pdf")
    with place.reader() as reader:
        assert keyword(reader, "river", 99, Filter(under=frozenset({"/büro/0/datei 0.pdf"}))) == []


def test_a_reader_says_what_to_run_and_goes_on_when_it_was_run(old: tuple[Place, Oracle]) -> None:
    place, _ = old
    with place.reader() as reader:
        assert reader.manifest == MANIFEST
        for ask in (
            reader.status,
            reader.documents,
            lambda: dense(reader, QUERIES[0], 3),
            lambda: keyword(reader, "a", 3),
        ):
            with pytest.raises(IndexMismatch, match=r"has format 1, .* reads format 3: run `jv3search reindex`"):
                ask()
        with place.writer():
            pass
        assert keyword(reader, "river", 3)
        assert reader.status().documents == 12


def test_an_upgrade_that_is_cut_off_leaves_the_old_index(old: tuple[Place, Oracle]) -> None:
    place, oracle = old
    with place.writer() as writer:
        catalog = writer._catalog
        downgrade(place)
        with pytest.raises(RuntimeError), catalog.write() as transaction:
            migrations.migrate(transaction)
            raise RuntimeError
        with catalog.read() as transaction:
            assert migrations.reason(transaction) == "the index had format 1, not 3"
            tables = set(inspect(transaction.connection).get_table_names())
        assert not tables & set(SINCE_2)
    with place.reader() as reader, pytest.raises(IndexMismatch, match="has format 1"):
        reader.status()
    with place.writer():
        pass
    with place.reader() as reader:
        check_dense(reader, oracle, QUERIES[0], 7)
        assert len(keyword(reader, "river", 99)) == 16


def test_the_tables_of_the_keywords_of_format_2_go(local: Place) -> None:
    filled(local, Oracle())
    connection = sqlite3.connect(local.folder / "catalog.sqlite")
    with connection:
        connection.execute("CREATE VIRTUAL TABLE keywords USING fts5(words, forms, content='')")
        connection.execute("CREATE TABLE keyword_info(terms TEXT)")
        connection.execute("UPDATE index_info SET schema = 2")
    connection.close()
    for path in local.folder.glob("*.segment"):
        path.unlink()
    with local.writer() as writer:
        assert "had format 2, not 3" in writer.notices[0]
        with writer._catalog.read() as transaction:
            tables = inspect(transaction.connection).get_table_names()
    assert not [name for name in tables if name.startswith("keyword")]
    with local.reader() as reader:
        assert len(keyword(reader, "rivers", 99)) == 16


def test_a_table_that_is_missing_is_made(local: Place) -> None:
    filled(local, Oracle())
    connection = sqlite3.connect(local.folder / "catalog.sqlite")
    with connection:
        connection.execute("DROP TABLE translation")
    connection.close()
    with local.writer() as writer:
        assert "lacked translation" in writer.notices[0]
    with local.writer() as writer:
        assert writer.notices == []


def test_on_the_command_line(index: Path, jv3: Callable[..., object]) -> None:
    downgrade(Place(index))
    told = jv3("status", "--index", index)
    assert told.status == 1
    assert "run `jv3search reindex`" in told.err
    assert jv3("search", "backup", "--index", index).status == 1
    done = jv3("reindex", "--index", index)
    assert done.status == 0
    assert "had format 1, not 3; it was brought up to date" in done.err
    with open_reader(index) as reader:
        assert [hit.uri.rsplit("/")[-1] for hit in keyword(reader, "patronen", 5, language="de")] == [
            "drucker.de.txt"
        ]
        assert [hit.uri.rsplit("/")[-1] for hit in keyword(reader, "字体", 5)] == ["字体.zh.txt"]
    assert "without words 0 chunks" in jv3("status", "--index", index).out


def test_every_format_has_a_migration() -> None:
    assert list(migrations.MIGRATIONS) == list(range(2, schema.VERSION + 1))


def test_a_later_format_is_not_touched(local: Place) -> None:
    filled(local, Oracle(), count=1)
    connection = sqlite3.connect(local.folder / "catalog.sqlite")
    with connection:
        connection.execute("UPDATE index_info SET schema = 4")
    connection.close()
    for opened in (lambda: open_reader(local.folder), lambda: open_writer(local.folder, MANIFEST)):
        with pytest.raises(IndexMismatch, match=r"format 4, .* formats up to 3: use the version that made it"):
            opened()
