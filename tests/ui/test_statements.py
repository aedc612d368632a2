"""What a run of the search page asks of the catalog."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from streamlit.testing.v1 import AppTest

APP = Path(__file__).parents[2] / "app.py"


@pytest.fixture
def statements():
    """Every statement that is sent, in order."""
    sent: list[str] = []

    def note(connection, cursor, statement, *rest):
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield sent
    event.remove(Engine, "before_cursor_execute", note)


def test_a_run_asks_once_for_the_state_and_searches_in_one_transaction(index, monkeypatch, statements):
    monkeypatch.setenv("JV3SEARCH_INDEX", str(index))
    page = AppTest.from_file(str(APP), default_timeout=300)

    def run(**request: str) -> list[str]:
        page.query_params.update(request)
        statements.clear()
        page.run()
        assert not page.exception
        return list(statements)

    run(q="Drucker druckt nicht")
    assert len(run()) == 2  # the beginning of a transaction, and the state
    assert run(q="無線網路密碼").count("BEGIN") == 2
    assert len(run()) == 2
