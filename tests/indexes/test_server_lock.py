"""One writer for all machines that share a database: its lock lives and dies with the session that writes."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from jv3search.errors import IndexLocked, StorageError

from .conftest import Place
from .corpus import Oracle, check_dense, document, done, rows

HOLDER = """
import pathlib, sys
from jv3search.indexes import open_writer
from jv3search.location import IndexLocation
from tests.indexes.corpus import MANIFEST, document, done
writer = open_writer(IndexLocation(pathlib.Path(sys.argv[1]), sys.argv[2]), MANIFEST)
first = document("/дом", 20)
writer.replace(first, done(first))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def served(tmp_path: Path, new_database: Callable[[], str]) -> Place:
    return Place(tmp_path / "this machine", "auto", new_database())


def end_the_writer(place: Place) -> None:
    """What a restart of the server, a proxy or an impatient administrator does to the session with the lock."""
    with psycopg.connect(place.url.replace("+psycopg", ""), autocommit=True) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(l.pid, 5000) FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted "
            "AND (hashtextextended('jv3search writes to ' || current_schema(), 0) & 4294967295) = l.objid::bigint"
        )
        assert ended.fetchall() == [(True,)]


def test_one_machine_writes_and_one_that_died_holds_no_lock(served: Place, tmp_path: Path) -> None:
    elsewhere = str(tmp_path / "another machine")
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, elsewhere, served.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(
            IndexLocked, match=r"by another process \(on .*since 20\d\d.*wait until.*pg_terminate_backend\(\d+\)"
        ):
            served.writer()
    finally:
        child.kill()
        child.communicate()
    second = document("/家", 3, seed=1)
    with served.writer() as writer:
        writer.replace(second, done(second))
        assert set(writer.documents()) == {"/дом", "/家"}


def test_indexes_in_schemas_of_one_database_have_locks_of_their_own(
    served: Place, tmp_path: Path, new_database: Callable[[], str]
) -> None:
    with served.writer(), Place(tmp_path / "other", url=new_database()).writer():
        pass


def test_a_writer_waits_for_another_machine(served: Place, tmp_path: Path) -> None:
    first = Place(tmp_path / "another machine", url=served.url).writer()
    timer = threading.Timer(0.3, first.close)
    timer.start()
    with served.writer(timeout=20):
        pass
    timer.join()


def test_a_writer_may_wait_and_work_as_long_as_it_needs(served: Place) -> None:
    limits = ["statement_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout"]
    impatient = Place(served.folder, url=served.url + "".join(f"%20-c{name}%3D77s" for name in limits))
    with impatient.writer() as writer:
        with writer.writing() as transaction:
            assert [transaction.connection.scalar(text(f"SHOW {name}")) for name in limits] == ["0", "0", "0"]
        with writer.reading() as transaction:
            assert transaction.connection.scalar(text("SHOW statement_timeout")) == "77s"


def test_a_writer_whose_lock_broke_changes_nothing_more(served: Place, tmp_path: Path) -> None:
    """Another has the lock by then: whatever the first would still store might undo what that one stored."""
    oracle, other = Oracle(), Place(tmp_path / "another machine", url=served.url)
    stored, late, newer = document("/طريق", 30), document("/طريق", 9, version=1), document("/सड़क", 9, seed=2)
    first = served.writer()
    first.replace(stored, done(stored))
    oracle.replace(stored)
    end_the_writer(served)
    with other.writer() as second:
        second.replace(newer, done(newer))
        oracle.replace(newer)
        for _ in range(2):
            with pytest.raises(StorageError, match=r"held the lock for writing broke.*run the same command again"):
                first.replace(late, done(late))
    first.close()
    with served.reader() as reader:
        check_dense(reader, oracle, rows(1, seed=3)[0], 9)
        assert {row.uri: row.chunks for row in reader.ledger()} == {"/طريق": 30, "/सड़क": 9}


def test_a_transaction_whose_session_breaks_leaves_nothing(served: Place) -> None:
    oracle = Oracle()
    stored, half = document("/a", 4), document("/b", 40, seed=1)
    with served.writer() as writer:
        writer.replace(stored, done(stored))
        oracle.replace(stored)
        with pytest.raises(StorageError, match="held the lock for writing broke"), writer.writing() as transaction:
            transaction.remove("/a")
            transaction.replace(half, done(half))
            end_the_writer(served)
    with served.writer() as writer:
        assert set(writer.documents()) == {"/a"}
        writer.replace(half, done(half))
        oracle.replace(half)
    with served.reader() as reader:
        check_dense(reader, oracle, rows(1, seed=5)[0], 9)
