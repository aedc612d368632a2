from __future__ import annotations

import pytest

import jv3search
from tests.answers.language_model_server import language_model_server


@pytest.fixture(scope="module")
def running():
    with language_model_server() as server:
        yield server


@pytest.fixture
def server(running):
    """The server, with nothing to say yet and nothing heard."""
    running.script = lambda reply: None
    running.requests.clear()
    return running


@pytest.fixture(scope="module")
def kb(shared_index, running):
    """The shared index, answered by the server's model."""
    with jv3search.open(shared_index, answers_url=running.url, answers_model="test-model") as opened:
        yield opened
