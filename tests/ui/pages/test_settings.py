"""The settings: what is shown, what is not, and the language of the page."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from tests.ui.conftest import ROOT, settled

SECRET = "s3cret-π-密"


def test_the_models_their_licences_and_the_way_to_the_real_one(base):
    page = base.visit("settings")
    for words in ("jina-embeddings-v3", "jv3-mini", "in use", "CC BY-NC 4.0", "Apache-2.0"):
        expect(page.get_by_text(words).first).to_be_visible()
    page.get_by_text("How to get jina-embeddings-v3").click()
    expect(page.get_by_text("jv3search model pull")).to_be_visible()
    expect(page.get_by_text(str(base.folder))).to_be_visible()


def test_the_language_of_the_page_can_be_chosen(base):
    page = base.visit("settings", locale="en-GB")
    page.get_by_label("Language of this page").click()
    page.get_by_role("option", name="Deutsch").click()
    settled(page)
    expect(page.get_by_role("link", name="Suche")).to_be_visible()


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://anna:{SECRET}@db.example:1/kb",
        f"postgresql+psycopg://db.example:1/kb?user=anna&password={SECRET}",
    ],
)
def test_nobody_reads_a_password_off_the_page(url, monkeypatch, tmp_path):
    monkeypatch.setenv("JV3SEARCH_INDEX", url)
    monkeypatch.chdir(tmp_path)

    def show_places(root: str) -> None:
        import sys

        sys.path.insert(0, root)
        import streamlit as st

        from jv3search.config import load_settings
        from jv3search.ui.settings import places

        st.text(str(places(load_settings({}))))

    app = AppTest.from_function(show_places, args=(str(ROOT),), default_timeout=60).run()
    assert not app.exception
    shown = app.text[0].value
    assert "postgresql+psycopg://db.example/kb" in shown
    assert SECRET not in shown
    assert "anna" not in shown
