"""Searches read a replica that follows the index's server: a moment behind, and never in two states at once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import psycopg
import pytest
from sqlalchemy import Engine, event, make_url

import jv3search
from jv3search.errors import IndexMismatch, IndexNotFound, ReadInterrupted
from jv3search.indexes import copy_index
from jv3search.knowledge_base import KnowledgeBase
from jv3search.location import IndexLocation
from tests.servers import Cluster

QUESTIONS = ("安全なパスワード", "почему беспроводная сеть не работает", "Drucker", "كلمة المرور")


@pytest.fixture(scope="module")
def replica(new_database: Callable[[], str]) -> Iterator[Cluster]:
    """A replica of the tests' server, which does not wait for its readers."""
    made = Cluster.following(new_database().partition("&options")[0].replace("+psycopg", ""))
    made.start(max_standby_streaming_delay="0", hot_standby_feedback="off")
    yield made
    made.remove()


@pytest.fixture
def urls(replica, new_database, shared_index, tmp_path, monkeypatch):
    """An index and its replica."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    url = new_database()
    copy_index(shared_index, IndexLocation.of(url), lambda *_: nullcontext(lambda: None))
    followed(replica, url)
    return url, at(replica, url)


def at(replica: Cluster, url: str) -> str:
    """The same database on the replica."""
    return make_url(url).update_query_dict({"host": str(replica.folder)}).render_as_string(hide_password=False)


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def followed(replica: Cluster, url: str) -> None:
    """Wait until the replica has all that is written now."""
    [(now,)] = execute(url, "SELECT pg_current_wal_lsn()")
    while replica.execute(f"SELECT pg_last_wal_replay_lsn() < '{now}'") == [(True,)]:
        time.sleep(0.01)


def found(kb: KnowledgeBase) -> list[list[tuple[str, float]]]:
    return [[(hit.uri, hit.score) for hit in kb.search(question, mode="keyword").hits] for question in QUESTIONS]


def test_searches_read_the_replica_and_changes_go_to_the_index(urls, replica, tmp_path, jv3, monkeypatch):
    url, read_url = urls
    (tmp_path / "новое.txt").write_text("Принтер печатает документы.", encoding="utf-8")
    with jv3search.open(url) as kb:
        before, state = found(kb), kb.status()
        assert state.replica == ""
    replica.execute("SELECT pg_wal_replay_pause()")
    try:
        with jv3search.open(url, read_url=read_url) as kb:
            assert (found(kb), kb.status().replica) == (before, "up to date")
            gone = next(row.uri for row in kb.documents() if row.uri.endswith("drucker.de.txt"))
            assert len(kb.ingest(tmp_path / "новое.txt").plan.of("add")) == 1
            assert kb.remove(gone) == [gone]
            assert found(kb) == before  # one older state, in every part of it
            late = kb.status()
            assert (late.documents, late.generation, late.replica) == (
                8, state.generation, "behind by 2 of the index's changes",
            )  # fmt: skip
            monkeypatch.setenv("JV3SEARCH_READ_URL", read_url)
            told = jv3("status", "--index", url)
            assert "replica       behind by 2 of the index's changes\n" in told.out
            replica.execute("SELECT pg_wal_replay_resume()")
            followed(replica, url)
            assert json.loads(jv3("status", "--index", url, "--json").out)["replica"] == "up to date"
            assert str(tmp_path / "новое.txt") in {row.uri for row in kb.documents()}
            assert gone in {uri for hits in before for uri, _ in hits}
            assert gone not in {uri for hits in found(kb) for uri, _ in hits}
    finally:
        replica.execute("SELECT pg_wal_replay_resume()")


def test_a_replica_of_another_index_is_refused(urls, replica, new_database, shared_index):
    url, read_url = urls
    empty = new_database()
    followed(replica, empty)
    with pytest.raises(IndexMismatch, match=r"is not a replica of .*: correct JV3SEARCH_READ_URL"):
        jv3search.open(shared_index, read_url=read_url)
    with pytest.raises(IndexNotFound):
        jv3search.open(url, read_url=at(replica, empty))


def test_the_replica_is_searched_while_the_index_does_not_answer(urls):
    url, read_url = urls
    gone = make_url(url).update_query_dict({"host": "/tmp/nowhere"}).render_as_string(hide_password=False)
    with jv3search.open(url) as kb:
        before = found(kb)
    with jv3search.open(gone, read_url=read_url) as kb:
        assert found(kb) == before
        assert kb.status().replica == "the index itself does not answer"
        assert "the index itself cannot be asked" in kb.reader.notices[0]


@contextmanager
def conflicts(url: str, replica: Cluster, often: int) -> Iterator[list[int]]:
    """While a search reads, a table that it has read is written anew in the index, and the replica follows.

    A search is always in the way of that; removed rows are in its way only if VACUUM happens to get at them.
    """
    made = [0]

    @event.listens_for(Engine, "before_cursor_execute")
    def interfere(connection, cursor, statement, *_: object) -> None:
        if connection.engine.url.query["host"] != str(replica.folder) or ".document ON" not in statement:
            return
        if made[0] < often:
            made[0] += 1
            execute(url, "VACUUM FULL index_info")
            followed(replica, url)

    try:
        yield made
    finally:
        event.remove(Engine, "before_cursor_execute", interfere)


def test_a_search_that_the_replica_breaks_off_is_made_once_more(urls, replica):
    url, read_url = urls
    with jv3search.open(url, read_url=read_url) as kb:
        before = [hit.uri for hit in kb.search("Drucker", mode="keyword").hits]
        with conflicts(url, replica, often=1) as made:
            assert [hit.uri for hit in kb.search("Drucker", mode="keyword").hits] == before
            assert made == [1]
        with conflicts(url, replica, often=9) as made:
            with pytest.raises(
                ReadInterrupted, match=r"the replica broke off the search .*hot_standby_feedback = on"
            ):
                kb.search("Drucker", mode="keyword")
            assert made == [2]
        assert [hit.uri for hit in kb.search("Drucker", mode="keyword").hits] == before
