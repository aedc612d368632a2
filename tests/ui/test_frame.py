"""The frame: navigation, the reader's language, and words that are only ever words."""

from __future__ import annotations

import re
import shutil

import pytest
from markupsafe import Markup
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from jv3search.types import Span
from jv3search.ui import safe
from jv3search.ui.server import ONE_INDEX
from tests.ui import catalogs
from tests.ui.conftest import ROOT, settled


@pytest.mark.parametrize("language", [name for name in catalogs.INTERFACE if name != "en"])
def test_every_message_has_a_place_in_every_catalog_and_the_compiled_catalog_is_of_this_state(language):
    there = catalogs.translations(language)
    wanted = {message.id for message in catalogs.template() if message.id}
    assert wanted == {message.id for message in there if message.id}, "run python -m tests.ui.catalogs"
    shipped = catalogs.po_file(language).with_suffix(".mo").read_bytes()
    assert catalogs.messages(catalogs.compiled(there)) == catalogs.messages(shipped)


@pytest.mark.parametrize("language", [name for name in catalogs.INTERFACE if name != "en"])
def test_every_message_is_translated_with_all_that_is_filled_into_it(language) -> None:
    for message in catalogs.translations(language):
        if message.id:
            many = message.id if isinstance(message.id, str) else message.id[-1]
            said = message.string if isinstance(message.string, str) else message.string[-1]
            assert said, f"{language} lacks {message.id!r}"
            assert sorted(re.findall(r"{\w+}", said)) == sorted(re.findall(r"{\w+}", many))


def test_the_navigation_has_four_pages_in_the_browsers_language(serve, open_page, shared_index):
    page = open_page(serve(shared_index), locale="en-GB")
    for name in ("Library", "Overview", "Settings"):
        page.get_by_role("link", name=name, exact=True).click()
        page.wait_for_url(f"**/{name.lower()}")
        settled(page)
    page.get_by_role("link", name="Search", exact=True).click()
    expect(page.get_by_role("searchbox")).to_be_visible()


def test_the_app_runs_without_an_exception_in_every_language(shared_index, monkeypatch):
    monkeypatch.setenv("JV3SEARCH_INDEX", str(shared_index))
    for language in catalogs.INTERFACE:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        app.session_state["interface_language"] = language
        assert not app.run().exception


@pytest.mark.parametrize(("arguments", "offered"), [([], [["kb", "other"]]), ([ONE_INDEX], [])])
def test_other_indexes_are_on_offer_unless_one_was_named(shared_index, tmp_path, monkeypatch, arguments, offered):
    for name in ("kb", "other"):
        shutil.copytree(shared_index, tmp_path / name)
    monkeypatch.setenv("JV3SEARCH_INDEX", str(tmp_path / "kb"))
    monkeypatch.setattr("sys.argv", ["__main__.py", *arguments])
    app = AppTest.from_file(str(catalogs.UI / "__main__.py"), default_timeout=60).run()
    assert not app.exception
    assert [box.options for box in app.selectbox if box.label == "Knowledge base"] == offered
    app.query_params["index"] = "other"
    app.run()
    refused = any("There is no knowledge base other here." in html.proto.body for html in app.get("html"))
    assert refused == (arguments == [ONE_INDEX])


def test_words_are_marked_and_never_html():
    words = '<b>1</b> & "2"'
    assert safe.marked(words) == "&lt;b&gt;1&lt;/b&gt; &amp; &#34;2&#34;"
    nested = safe.marked("abcdef", [(Span(10, 14), "p"), (Span(11, 12), "s")], start=10)
    assert nested == '<mark class="p">a<mark class="s">b</mark>cd</mark>ef'
    crossing = safe.marked("abcdef", [(Span(0, 3), "p"), (Span(2, 5), "s")])
    assert crossing == '<mark class="p">ab<mark class="s">c</mark></mark>def'
    assert safe.marked("日本語", [(Span(1, 2), "s")]) == '日<mark class="s">本</mark>語'


def test_only_escaped_html_is_drawn():
    with pytest.raises(TypeError, match="never a plain string"):
        safe.show("<b>")
    assert safe.name("<i>") == Markup("<bdi>&lt;i&gt;</bdi>")


def test_direction_and_language():
    assert safe.attributes("ar") == 'lang="ar" dir="rtl"'
    assert safe.attributes("ja") == 'lang="ja" dir="ltr"'
    assert safe.attributes("und") == 'dir="auto"'
    assert safe.attributes('"><script>') == 'lang="&#34;&gt;&lt;script&gt;" dir="ltr"'
