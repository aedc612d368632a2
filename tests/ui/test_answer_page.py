"""Asking in a browser, and the answer of a language model that does not mean well."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from jv3search.answers.answer import AnswerSentence
from jv3search.types import Hit, Span
from jv3search.ui.answer_page import sentence_html
from tests.answers.language_model_server import in_pieces, language_model_server

from .conftest import settled

HOSTILE = (
    "<img src=http://evil.invalid/x.png> ![x](http://evil.invalid) [visit](javascript:alert) <script>x</script>"
)


def test_sentences_are_quoted_and_each_opens_its_source(serve, open_page, library) -> None:
    page = open_page(serve(library) + "/answer", locale="de-DE")
    expect(page.get_by_role("heading", name="Fragen Sie Ihre Dokumente")).to_be_visible()
    expect(page.get_by_text("Nichts verlässt diesen Rechner.")).to_be_visible()
    field = page.get_by_role("searchbox")
    field.fill("Wie stelle ich die Bremse am Fahrrad ein?")
    field.press("Enter")
    page.wait_for_url("**q=Wie**")
    settled(page)
    assert page.locator(".jv3-said").count() >= 2
    cited = page.locator('[class*="st-key-cited-0-1"] button')
    assert "fahrrad" in cited.inner_text()
    words = page.locator(".jv3-said").first.inner_text()
    cited.click()
    page.wait_for_url("**doc=**")
    settled(page)
    expect(page.locator(".jv3-source-title")).to_have_text("Das Fahrrad selbst warten")
    expect(page.locator(".jv3-box.jv3-found").first).to_be_visible()
    page.get_by_text("Text dieser Seite").click()
    marked = page.locator("mark.jv3-found").first
    assert " ".join(marked.inner_text().split()) == words
    assert page.locator(".jv3-said").first.inner_text() == words
    page.goto(page.url.partition("?")[0] + "?q=zxqv+kjwpt")
    settled(page)
    expect(page.get_by_text("Nichts in Ihren Dokumenten beantwortet das.")).to_be_visible()


def answer_page_alone() -> None:
    """The script of a page without its frame."""
    import streamlit as st

    from jv3search.ui import answer_page, main, state

    st.session_state["pages"] = main.pages()
    st.session_state[state.ONE_INDEX] = True
    answer_page.show()


def test_the_page_says_where_the_text_goes_and_asks_once(index, monkeypatch) -> None:
    with language_model_server() as server:
        monkeypatch.setenv("JV3SEARCH_INDEX", str(index))
        monkeypatch.setenv("JV3SEARCH_ANSWERS_URL", server.url)
        monkeypatch.setenv("JV3SEARCH_ANSWERS_MODEL", "test")
        right = "To restore deleted files, copy them back from the backup disk"
        server.will_say(*in_pieces(f"{right} [1]. {HOSTILE} [1][9]."))
        page = AppTest.from_function(answer_page_alone, default_timeout=300)
        page.query_params["q"] = "restore deleted files"
        page.run()
        assert not page.exception
        (caption,) = [caption.value for caption in page.caption if "go to" in caption.value]
        assert "127" in caption
        drawn = [html.proto.body for html in page.get("html")]
        assert [right in body for body in drawn if "jv3-said" in body] == [True, False]
        assert any("no passage has this number: 9" in body for body in drawn)
        assert not any("<img" in body or "<script" in body or "<a " in body for body in drawn)
        cited = [button for button in page.button if button.key.startswith("cited-")]
        assert [button.key for button in cited] == ["cited-0-1", "cited-1-1"]
        cited[0].click().run()
        assert "doc" in page.query_params
        assert len(server.requests) == 1
        server.script = lambda reply: reply.begin(500, "application/json")
        page.query_params["q"] = "restore the deleted files"
        page.run()
        assert any("refused (500)" in html.proto.body for html in page.get("html"))


def test_the_words_of_an_answer_are_never_a_link_or_an_image() -> None:
    source = Hit(1, 0.5, 7, "/a.txt", "", "txt", None, None, Span(0, 5), "en", "words")
    drawn = sentence_html(AnswerSentence(HOSTILE, "en", (source,), supported=False, unknown=(9,)))
    assert not re.search(r"<(?!/?p\b)", drawn)
    assert "&lt;img src=http://evil.invalid/x.png&gt;" in drawn
    assert "The passage does not seem to say this." in drawn
    assert "Removed, because no passage has this number: 9" in drawn
    assert "This sentence names no passage." in sentence_html(AnswerSentence("因此。", "zh", (), supported=False))
