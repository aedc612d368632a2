"""The URL of a database is accepted wherever a folder is, and its password is never printed."""

import json
import time

import pytest

import jv3search
from jv3search import jobs
from jv3search.location import IndexLocation

SECRET = "s3cret-пароль"


@pytest.fixture
def url(new_database, tmp_path, monkeypatch):
    """An empty database, with a password that the server does not ask for."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return new_database().replace("postgres:@", f"postgres:{SECRET}@")


def test_every_command_takes_a_url(jv3, url, documents, tmp_path, monkeypatch):
    assert SECRET in url
    done = jv3("ingest", documents, "--index", url, "--model", "jv3-mini")
    assert done.status == 0, done.err
    monkeypatch.setenv("JV3SEARCH_INDEX", url)
    status = json.loads(jv3("status", "--json").out)
    assert (status["documents"], status["index"]) == (8, str(IndexLocation.of(url)))
    found = json.loads(jv3("search", "安全なパスワード", "--k", 1, "--json").out)
    assert found["hits"][0]["uri"].endswith("パスワード.ja.txt")
    assert jv3("list").out.count("\n") == 8
    removed = jv3("remove", documents / "drucker.de.txt")
    reindexed = jv3("reindex", "--dim", 64)
    assert (removed.status, reindexed.status) == (0, 0)
    said = [done, removed, reindexed, jv3("status"), jv3("reindex", "--model", "nosuch"), jv3("remove", "/no")]
    assert SECRET not in "".join(outcome.out + outcome.err for outcome in said)
    with jv3search.open(url) as kb:
        assert kb.search("почему беспроводная сеть не работает").hits[0].language == "ru"
        assert SECRET not in f"{kb.settings} {kb.settings.index}"
    assert not list(tmp_path.glob("indexes/*"))


def test_a_job_reads_into_a_database(url, documents, monkeypatch):
    monkeypatch.setenv("JV3SEARCH_MODEL", "jv3-mini")
    index = IndexLocation.of(url)
    job = jobs.start(index, [documents])
    while job.running:
        time.sleep(0.05)
        job = jobs.current(index)
    assert (job.phase, job.stored, job.message) == ("done", 8, "")
    assert all(SECRET not in path.read_text() for path in index.folder.glob("job.*"))
    with jv3search.open(url) as kb:
        assert len(kb.documents()) == 8


def test_a_database_that_does_not_answer(jv3, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for command in (["status"], ["search", "x"], ["ingest", tmp_path]):
        (tmp_path / "a.txt").write_text("Ein Satz.")
        outcome = jv3(*command, "--index", f"postgresql://me:{SECRET}@127.0.0.1:1/x?connect_timeout=2")
        assert outcome.status != 0
        assert "postgresql://me@127.0.0.1:1/x?connect_timeout=2: the database does not answer or" in outcome.err
        assert SECRET not in outcome.err + outcome.out
