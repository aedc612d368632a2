"""Searching as people do it, in a browser."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from jv3search.indexes import DocumentRow
from jv3search.types import Hit, LegScore, Span
from jv3search.ui import cards, closeness, filters, request
from jv3search.ui.request import Opened, Request

from .conftest import HOSTILE_NAME, HOSTILE_TEXT, HOSTILE_TITLE, ROOT, settled

FIELD = "What are you looking for?"
CARDS = "article.jv3-card"
OPEN = '[class*="st-key-open-"] button'


def ask(page, question: str) -> None:
    """Type a question and press Enter."""
    field = page.get_by_role("searchbox", name=FIELD)
    field.fill(question)
    field.press("Enter")
    page.wait_for_function("q => new URLSearchParams(location.search).get('q') === q", arg=question)
    settled(page)


def of_url(page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def files(page) -> list[str]:
    return page.locator('[data-testid="stMainBlockContainer"] .jv3-file').all_inner_texts()


def test_the_first_run_says_what_to_do_and_leads_to_the_library(serve, open_page, tmp_path_factory) -> None:
    page = open_page(serve(tmp_path_factory.mktemp("none") / "kb"))
    expect(page.get_by_role("heading", name="Search your documents in any language")).to_be_visible()
    expect(page.get_by_text("Nothing has been read in yet.")).to_be_visible()
    page.locator('[data-testid="stMain"]').get_by_role("link", name="Go to the library").click()
    page.wait_for_url("**/library*")


def test_a_question_in_another_language_finds_the_document(serve, open_page, library) -> None:
    page = open_page(serve(library))
    ask(page, "Wie stelle ich gelöschte Dateien aus einer Sicherung wieder her?")
    assert page.locator(CARDS).count() == 10
    assert {"backup-en.md", "backup-ja.txt"} & set(files(page)[:3])
    assert of_url(page) == {"q": ["Wie stelle ich gelöschte Dateien aus einer Sicherung wieder her?"]}


def test_a_card_tells_language_type_page_and_closeness(serve, open_page, library) -> None:
    page = open_page(serve(library) + "/?q=Bremsbeläge+am+Fahrrad&lang=de")
    first = page.locator(CARDS).first
    expect(first.locator(".jv3-title")).to_have_text("Das Fahrrad selbst warten")
    expect(first.locator(".jv3-badge")).to_have_text(["German", "PDF"])
    expect(first.locator(".jv3-facts")).to_contain_text("page ")
    assert first.locator(".jv3-close").inner_text() in {"very close", "close", "loosely related"}
    assert 0 < float(first.locator(".jv3-score").inner_text()) < 1


def test_a_filter_narrows_the_search_and_is_in_the_url(serve, open_page, library) -> None:
    page = open_page(serve(library) + "/?q=backup+バックアップ")
    expect(page.locator(CARDS).first).to_be_visible()
    settled(page)
    every = page.locator(CARDS).count()
    page.get_by_role("button", name="Japanese 2").click()
    page.wait_for_url("**lang=ja**")
    settled(page)
    assert set(files(page)) == {"backup-ja.txt", "nightphoto-ja.pdf"}
    assert set(page.locator(f"{CARDS} .jv3-badge:nth-of-type(4)").all_inner_texts()) <= {"Japanese"}
    page.get_by_role("button", name="PDF 4").click()
    page.wait_for_url("**type=pdf**")
    settled(page)
    expect(page.get_by_text("Nothing in your documents seems to answer this.")).to_be_visible()
    page.get_by_text("Show the nearest passages").click()
    expect(page.locator(CARDS).first).to_be_visible()
    assert set(files(page)) == {"nightphoto-ja.pdf"}  # on photographs at night, not on backups
    page.get_by_role("button", name="Remove all filters").click()
    page.wait_for_function("!location.search.includes('lang')")
    settled(page)
    assert page.locator(CARDS).count() == every > 1
    assert of_url(page) == {"q": ["backup バックアップ"]}


def test_a_reload_keeps_the_question_the_filter_and_the_source(serve, open_page, library) -> None:
    page = open_page(serve(library) + "/?q=クリスマスの夜景&lang=ja")
    page.locator(OPEN).first.click()
    page.wait_for_url("**doc=**")
    settled(page)
    before = page.url, files(page), page.locator(".jv3-source-title").inner_text()
    page.reload()
    settled(page)
    page.wait_for_selector(".jv3-source-title")
    assert (page.url, files(page), page.locator(".jv3-source-title").inner_text()) == before
    expect(page.get_by_role("searchbox", name=FIELD)).to_have_value("クリスマスの夜景")


def test_back_and_forward_go_through_the_questions(serve, open_page, library) -> None:
    page = open_page(serve(library))
    ask(page, "backup")
    first = files(page)
    ask(page, "クリスマスの夜景")
    second = files(page)
    assert first != second
    for step, question, found in (("go_back", "backup", first), ("go_forward", "クリスマスの夜景", second)):
        getattr(page, step)(wait_until="commit")
        expect(page.get_by_role("searchbox", name=FIELD)).to_have_value(question)
        settled(page)
        assert of_url(page)["q"] == [question]
        assert files(page) == found
    page.go_back(wait_until="commit")
    settled(page)
    page.go_back(wait_until="commit")
    settled(page)
    expect(page.get_by_role("heading", name="Search your documents in any language")).to_be_visible()
    expect(page.get_by_role("button", name="backup")).to_be_visible()  # asked before


def test_show_more_lengthens_the_list(serve, open_page, library) -> None:
    page = open_page(serve(library) + "/?q=file")
    page.get_by_role("button", name="Show more").click()
    page.wait_for_url("**n=20**")
    settled(page)
    assert page.locator(CARDS).count() == 20


@pytest.mark.parametrize(
    ("locale", "said", "shown"),
    [
        ("en", "Nothing in your documents seems to answer this.", "Show the nearest passages"),
        ("ja", "この質問に答える内容は文書の中に見つからないようです。", "最も近い箇所を表示"),
    ],
)
def test_a_question_that_nothing_answers_is_told_so(serve, open_page, library, locale, said, shown) -> None:
    page = open_page(serve(library) + "/?q=zxqv+kjwpt", locale=locale)
    expect(page.get_by_text(said)).to_be_visible()
    expect(page.locator(CARDS).first).to_be_hidden()
    page.get_by_text(shown).click()
    expect(page.locator(CARDS).first).to_be_visible()


def test_nothing_found_names_the_filter_that_is_in_the_way(serve, open_page, library) -> None:
    page = open_page(serve(library) + "/?q=バックアップ&lang=ja&since=2999-01-01")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    expect(page.get_by_role("button", name="Search without the filter by language")).to_have_count(0)
    page.get_by_role("button", name="Search without the filter by date").click()
    page.wait_for_function("!location.search.includes('since')")
    settled(page)
    assert "backup-ja.txt" in files(page)


def test_hostile_words_are_shown_as_they_are_and_nothing_runs(serve, open_page, library) -> None:
    page = open_page(serve(library) + "/?q=zebras+in+pyjamas&type=html")
    card = page.locator(CARDS).filter(has_text="Zebras in pyjamas").first
    expect(card.locator(".jv3-title")).to_have_text(HOSTILE_TITLE)
    shown = card.locator(".jv3-passage").inner_text()
    assert HOSTILE_TEXT.split(" --> ")[0] in shown
    assert HOSTILE_NAME in files(page)
    page.locator('[class*="st-key-card-"]').filter(has=card).get_by_role("button", name="Open").click()
    page.wait_for_url("**doc=**")
    settled(page)
    page.wait_for_selector(".jv3-text")
    assert HOSTILE_TEXT in page.locator(".jv3-text").inner_text()
    expect(page.locator(".jv3-source-title")).to_have_text(HOSTILE_TITLE)
    main = page.locator('[data-testid="stMain"]')
    assert main.locator("img, script[src], strong, em, a[href*=javascript], .katex").count() == 0
    assert page.evaluate("window.hacked") is None


def test_a_hostile_url_is_shown_as_it_is(serve, open_page, library) -> None:
    page = open_page(
        serve(library)
        + "/?q=<img src=x onerror=hacked=1>&lang=**x** :smile:&type=<b>&in=../../etc&mode=x&n=-1&doc=../x&at=9-1"
    )
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    sidebar = page.locator('[data-testid="stSidebar"]')
    joined = "\u2060?"  # put between characters that Markdown or an emoji would take
    literal = re.compile(joined.join(re.escape(character) for character in "**x** :smile:"))
    expect(sidebar.get_by_role("button").filter(has_text=literal)).not_to_have_count(0)
    assert page.evaluate("window.hacked") is None
    assert page.locator("[data-testid=stException]").count() == 0


@pytest.mark.parametrize("path", ["/", "/?q=backup", "/?q=اكتب+بالعربية+على+الحاسوب&lang=ar"])
def test_a_phone_never_scrolls_sideways(serve, open_page, library, path) -> None:
    page = open_page(serve(library) + path, width=360, height=740)
    if "q=" in path:
        page.locator(OPEN).first.click()
        page.wait_for_url("**doc=**")
        settled(page)
        source = page.locator(".st-key-source").bounding_box()
        assert source["x"] >= 0
        assert source["x"] + source["width"] <= 360
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    wide = "[...document.querySelectorAll('[data-testid=stMain] *')].filter(e => e.getBoundingClientRect().right > 361)"
    assert page.evaluate(f"{wide}.map(e => e.className)") == []


def test_the_page_speaks_the_browsers_language(serve, open_page, library) -> None:
    page = open_page(serve(library) + "/?q=backup", locale="de-DE")
    expect(page.get_by_role("link", name="Suche")).to_be_visible()
    expect(page.get_by_role("button", name="Japanisch 2")).to_be_visible()


def test_a_request_and_its_url_are_one_to_one() -> None:
    full = Request(
        query='日本 "genau" -x',
        languages=("de", "ja"),
        formats=("pdf",),
        folders=("a b/ü",),
        since=date(2025, 1, 31),
        mode="keyword",
        shown=30,
        opened=Opened("3fd0c1a2b3c4d5e6", Span(120, 480), 3),
    )
    for wanted in (full, Request(), Request(query="x", opened=Opened("abc"))):
        url = {
            name: [value] if isinstance(value, str) else value for name, value in request.to_url(wanted).items()
        }
        assert request.from_url(url) == wanted


def test_values_that_make_no_sense_are_left_out_of_a_request() -> None:
    odd = {
        "q": [" x "],
        "since": ["yesterday"],
        "mode": ["best"],
        "n": ["9" * 50],
        "doc": ["d"],
        "at": ["5-2"],
        "part": ["x"],
    }
    assert request.from_url(odd) == Request(query="x", opened=Opened("d"))
    assert request.from_url({"n": ["5000"]}).shown == request.MOST_HITS


def hit(text: str, sentence: Span | None = None, **more) -> Hit:
    values = dict(rank=1, score=0.5, chunk_id=1, uri="/a/b.txt", title="T", format="txt", page=None, section=None)
    return Hit(**values | {"language": "en"} | more, span=Span(100, 100 + len(text)), text=text, sentence=sentence)


def test_an_excerpt_holds_the_sentence_and_marks_it() -> None:
    text = "Intro words. " * 60 + "Here it is. " + "After words. " * 60
    at = text.index("Here it is.")
    words, ((span, kind),) = cards.excerpt(hit(text, Span(100 + at, 100 + at + 11)))
    assert (span.of(words), kind) == ("Here it is.", "jv3-sentence")
    assert words.startswith("… ")
    assert words.endswith(" …")
    assert len(words) < 480
    assert cards.excerpt(hit("short\ntext")) == ("short text", [])
    assert cards.excerpt(hit("日本語。文です。", Span(104, 108))) == (
        "日本語。文です。",
        [(Span(4, 8), "jv3-sentence")],
    )
    long, ((cut, _kind),) = cards.excerpt(hit("x" * 3000, Span(100, 3100)))
    assert cut.end <= len(long)


def test_a_cut_never_parts_a_letter_from_its_marks() -> None:
    words, _marks = cards.excerpt(hit("कि" * 400))
    assert words.removesuffix(" …").endswith("कि")


def test_closeness_in_words(monkeypatch) -> None:
    dense = lambda p: hit("x", legs=(LegScore("dense", 1, 0.5, z=2.0),), relevance=p)  # noqa: E731
    app = AppTest.from_function(lambda: None)
    app.run()
    words = [closeness.closeness(dense(value)) for value in (0.9, 0.3, 0.01)]
    assert words == ["very close", "close", "loosely related"]
    assert closeness.closeness(hit("x", legs=(LegScore("keyword", 1, 4.2, coverage=1.0),))) == "contains the words"


def test_folders_are_counted_below_the_one_that_holds_all(library) -> None:
    from jv3search.indexes import open_reader

    with open_reader(library) as reader:
        found = filters.facets(reader.documents())
    assert found.folders == {"manuals": 4, "post": 4}
    assert found.languages["ar"] == found.languages["ja"] == 2
    assert found.formats["pdf"] == 4
    asked = filters.filter_of(Request(folders=("post",), since=date(2025, 1, 1)), found.root)
    assert asked.under == {str(library.parent / "documents" / "post")}


def test_a_folder_is_not_on_offer_beside_the_one_in_it_that_holds_all_its_documents() -> None:
    deep = "/home/a/" + "/".join(f"ebene-{n}" for n in range(40))
    uris = [f"{deep}/{n}.txt" for n in range(3)] + [f"/home/a/отчёты/{year}/alt/r.txt" for year in (2024, 2025)]
    day = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [DocumentRow(uri, "0", "t", "de", "txt", 1, day, day, 0, 1) for uri in uris]
    found = filters.facets(rows)
    assert found.folders == {
        deep.removeprefix("/home/a/"): 3,
        "отчёты": 2,
        "отчёты/2024/alt": 1,
        "отчёты/2025/alt": 1,
    }


def _narrowed_among(count: int) -> None:
    from pathlib import Path

    from jv3search.ui.filters import Facets, panel
    from jv3search.ui.request import Request

    folders = {f"ordner-{n:03}": n + 1 for n in range(count)}
    panel(Request(folders=("ordner-000",)), Facets({"de": 3}, {"txt": 3}, folders, Path("/home")))


@pytest.mark.parametrize("count", [200, 201])
def test_the_largest_folders_are_on_offer_and_who_sees_not_all_is_told(count) -> None:
    app = AppTest.from_function(_narrowed_among, args=(count,), default_timeout=60).run()
    (folders,) = app.multiselect
    assert len(folders.options) == count  # of 201 the smallest is there because it is chosen
    assert folders.options[:2] == ["ordner-000 (1)", "ordner-001 (2)"]
    told = [caption.value for caption in app.caption if "200 largest folders" in caption.value]
    assert len(told) == count - 200


def test_an_index_that_came_back_empty_leads_to_the_library(tmp_path, monkeypatch, jv3) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.txt").write_text("Only this.")
    jv3("ingest", tmp_path / "documents", "--index", tmp_path / "kb", "--model", "jv3-mini")
    jv3("remove", tmp_path / "documents" / "a.txt", "--index", tmp_path / "kb")
    monkeypatch.setenv("JV3SEARCH_INDEX", str(tmp_path / "kb"))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not app.exception
    assert "Nothing has been read in yet" in app.markdown[0].value


def test_our_errors_are_said_calmly(tmp_path, monkeypatch) -> None:
    (tmp_path / "kb").mkdir()
    (tmp_path / "kb" / "catalog.sqlite").write_bytes(b"not a database at all" * 100)
    monkeypatch.setenv("JV3SEARCH_INDEX", str(tmp_path / "kb"))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not app.exception
    (said,) = [html.proto.body for html in app.get("html") if 'role="alert"' in html.proto.body]
    assert "the catalog is damaged" in said


def _two_cards() -> None:
    import streamlit as st

    from jv3search.types import Hit, Span
    from jv3search.ui.cards import card

    values = dict(rank=1, score=0.5, format="txt", page=None, section=None, span=Span(0, 5), text="words")
    other = Hit(chunk_id=2, uri="/a/de.txt", title="T", language="de", **values)
    copy = Hit(chunk_id=3, uri="/a/**copy** :smile:.txt", title="T", language="en", **values)
    hit = Hit(
        chunk_id=1, uri="/a/en.txt", title="T", language="en", translations=(other,), copies=(copy,), **values
    )
    next_to_it = Hit(chunk_id=4, uri="/a/en.txt", title="T", language="en", translations=(other,), **values)
    for each in (hit, next_to_it):
        card(each, opened=False, on_open=lambda chosen: st.session_state.update(chosen=chosen.chunk_id))


def test_translations_and_copies_of_a_hit_are_opened_from_its_card() -> None:
    app = AppTest.from_function(_two_cards).run()
    labels = {button.key: button.label.replace("\u2060", "") for button in app.button}
    assert labels == {
        "also-1-2": "German", "also-1-3": r"\*\*copy\*\* \:smile\:\.txt", "open-1": "Open",
        "also-4-2": "German", "open-4": "Open",
    }  # fmt: skip
    for key, chosen in (("also-1-2", 2), ("also-1-3", 3), ("also-4-2", 2), ("open-1", 1)):
        app.button(key=key).click().run()
        assert app.session_state["chosen"] == chosen
