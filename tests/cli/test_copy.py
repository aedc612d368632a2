"""An index moves between a folder and a database by one command, with the same hits at the other end."""

import json

import pytest

QUESTIONS = ["安全なパスワード", "почему беспроводная сеть не работает", "Drucker", "كلمة المرور"]


@pytest.fixture
def url(new_database, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return new_database().replace("postgres:@", "postgres:s3cret@")


def found(jv3, index):
    """Documents and scores of searches in four scripts."""
    answers = [json.loads(jv3("search", question, "--index", index, "--json").out) for question in QUESTIONS]
    return [[(hit["uri"], hit["span"], hit["score"], hit["text"]) for hit in answer["hits"]] for answer in answers]


def test_there_and_back_again(jv3, index, url, tmp_path):
    there = jv3("copy", index, url)
    assert (there.status, there.out.split(" holds ")[1][:12]) == (0, "8 documents ")
    back = json.loads(jv3("copy", url, tmp_path / "zurück", "--json").out)
    assert (back["documents"], back["copied"], back["to"]) == (8, 8, str(tmp_path / "zurück"))
    again = json.loads(jv3("copy", index, url, "--json").out)
    assert (again["documents"], again["copied"]) == (8, 0)
    before = found(jv3, index)
    assert all(before)
    assert found(jv3, url) == before == found(jv3, tmp_path / "zurück")
    assert "s3cret" not in there.out + there.err + back["from"]


def test_what_cannot_be_copied_is_said(jv3, index, tmp_path):
    for arguments, reason in (
        ((tmp_path / "none", tmp_path / "x"), "there is no index in"),
        ((index, index), "is the index that is to be copied: name another place"),
        ((index, "mysql://me@host/x"), "is neither a folder nor a PostgreSQL database"),
        ((index, "postgresql://me:s3cret@127.0.0.1:1/x?connect_timeout=2"), "does not answer"),
    ):
        outcome = jv3("copy", *arguments)
        assert (outcome.status, reason in outcome.err, "s3cret" in outcome.err) == (1, True, False), outcome.err
