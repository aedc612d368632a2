"""The shared index, opened once for all frameworks."""

import os
from pathlib import Path

import pytest

import jv3search
from tests.conftest import TEXTS

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"  # no test needs a network

QUESTIONS = {
    "Почему не работает беспроводная сеть?": "сеть.ru.txt",
    "安全なパスワードとは？": "パスワード.ja.txt",
    "रात के आकाश में तारे": "तारे.hi.txt",
}


@pytest.fixture(scope="session")
def kb(shared_index):
    with jv3search.open(shared_index) as kb:
        yield kb


def check(name, text, metadata):
    """A passage can be quoted by its metadata."""
    assert Path(metadata["uri"]).name == name
    start, end = metadata["span"]
    assert TEXTS[name][start:end] == text
    assert metadata["language"] == name.split(".")[1]
    assert metadata["page"] is None
    assert 0 < metadata["relevance"] < 1
