"""The source of a hit: the page of a PDF with the words marked, text with the passage, steps, the file itself."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from urllib.parse import urlencode

import pytest
from PIL import Image
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from jv3search.cli.commands import cli, run
from jv3search.indexes import open_reader
from jv3search.readers import PageWanted, SandboxedReader, fetch
from jv3search.types import Document, Page, Section, Span, document_id
from jv3search.ui.parts import part_of, parts

from .conftest import ROOT, settled


def place(index: Path, name: str, words: str, query: str = "") -> str:
    """The URL of a passage: the first in a document that holds some words."""
    with open_reader(index) as reader:
        (row,) = [row for row in reader.documents() if row.uri.endswith(name)]
        text = reader.text(row.uri)
        chunk = next(chunk for chunk in reader.chunks(row.uri) if words in chunk.span.of(text))
    asked = {"q": query, "doc": document_id(row.uri), "at": f"{chunk.span.start}-{chunk.span.end}"}
    return "/?" + urlencode({name: value for name, value in asked.items() if value})


def passage_at(index: Path, name: str, url: str) -> str:
    start, _, end = url.rsplit("at=", 1)[1].partition("-")
    with open_reader(index) as reader:
        (row,) = [row for row in reader.documents() if row.uri.endswith(name)]
        return Span(int(start), int(end)).of(reader.text(row.uri))


def test_the_page_of_a_pdf_is_shown_with_the_passage_marked_on_it(serve, open_page, library) -> None:
    url = place(library, "fahrrad-de.pdf", "Bremshebel", "Bremse einstellen")
    page = open_page(serve(library) + url, width=1440)
    image = page.locator(".jv3-page img")
    expect(image).to_have_attribute("alt", "Das Fahrrad selbst warten, page 3 of 3")
    assert image.evaluate("image => image.naturalWidth") == 1200
    file = library.parent / "documents" / "manuals" / "fahrrad-de.pdf"
    with SandboxedReader() as reader:
        words = passage_at(library, "fahrrad-de.pdf", url)
        drawn = reader.draw(fetch(file), file.name, PageWanted(3, 1200, (words,)))
    boxes = page.locator(".jv3-box.jv3-found")
    assert boxes.count() == len(drawn.boxes[0]) >= 3
    frame = page.locator(".jv3-page img").bounding_box()
    for number, box in enumerate(drawn.boxes[0]):
        found = boxes.nth(number).bounding_box()
        assert found["x"] - frame["x"] == pytest.approx(box.left * frame["width"], abs=1.5)
        assert found["y"] - frame["y"] == pytest.approx(box.top * frame["height"], abs=1.5)
        assert found["width"] == pytest.approx((box.right - box.left) * frame["width"], abs=1.5)
    colours = Image.open(io.BytesIO(boxes.nth(1).screenshot())).convert("RGB").getcolors(1 << 20)
    (_count, paper), *_rest = sorted(colours, reverse=True)
    assert paper == (255, 243, 196)  # the marker over white paper
    assert any(sum(colour) < 200 for _count, colour in colours)  # and words under it


def test_pages_are_turned(serve, open_page, library) -> None:
    page = open_page(serve(library) + place(library, "handbook-en.pdf", "Pests", "flies in the soil"))
    expect(page.locator(".jv3-source-title + .jv3-facts")).to_contain_text("page 5 of 10")
    page.get_by_role("button", name="Previous page").click()
    page.wait_for_url("**part=4**")
    settled(page)
    expect(page.locator(".jv3-page img")).to_have_attribute("alt", "A household handbook, page 4 of 10")
    assert page.locator(".jv3-box").count() == 0
    page.go_back(wait_until="commit")
    expect(page.locator(".jv3-page img")).to_have_attribute("alt", "A household handbook, page 5 of 10")


def test_right_to_left_text_is_set_right_to_left(serve, open_page, library) -> None:
    url = place(library, "weather-ar.html", "الضغط", "weather map")
    page = open_page(serve(library) + url)
    text = page.locator(".jv3-text")
    assert text.evaluate("e => getComputedStyle(e).direction") == "rtl"
    assert text.get_attribute("lang") == "ar"
    assert "Arabic" in text.evaluate("e => getComputedStyle(e).fontFamily")
    marked = page.locator("mark.jv3-found").first
    assert marked.inner_text().strip() == passage_at(library, "weather-ar.html", url).strip()
    whole, line = text.bounding_box(), marked.bounding_box()
    assert whole["x"] + whole["width"] - line["x"] - line["width"] < 40  # it begins at the right edge
    title = page.locator(".jv3-source-title")
    assert title.evaluate("e => getComputedStyle(e).unicodeBidi") == "plaintext"


def test_the_passage_of_a_mail_is_marked_and_in_view(serve, open_page, library) -> None:
    url = place(library, "reunion-es.eml", "Tercero", "paneles solares")
    page = open_page(serve(library) + url, height=500)
    marked = page.locator("mark.jv3-found").first
    assert marked.inner_text() == passage_at(library, "reunion-es.eml", url)
    page.wait_for_timeout(800)  # it scrolls there smoothly
    expect(marked).to_be_in_viewport()


def test_next_and_previous_passage_of_a_document(serve, open_page, library) -> None:
    page = open_page(
        serve(library) + place(library, "backup-en.md", "Restoring a file", "restore a file from the backup")
    )
    expect(page.get_by_text("found in it")).to_be_visible()
    before = page.url
    step = page.get_by_role("button", name="Previous passage")
    (step if step.is_enabled() else page.get_by_role("button", name="Next passage")).click()
    page.wait_for_function("url => location.href !== url", arg=before)
    settled(page)
    assert page.locator('[class*="st-key-opened-"]').count() == 1
    page.get_by_role("button", name="Close").click()
    page.wait_for_function("!location.search.includes('doc=')")
    settled(page)
    assert page.locator(".st-key-source").count() == 0


def test_the_original_is_downloaded_as_it_is(serve, open_page, library) -> None:
    page = open_page(serve(library) + place(library, "reunion-es.eml", "Tercero"))
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download the original").click()
    assert waiting.value.suggested_filename == "reunion-es.eml"
    original = library.parent / "documents" / "post" / "reunion-es.eml"
    assert Path(waiting.value.path()).read_bytes() == original.read_bytes()


def test_cards_and_buttons_are_reached_by_keyboard(serve, open_page, library) -> None:
    page = open_page(serve(library) + "/?q=backup")
    page.get_by_role("searchbox").focus()
    for _step in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('[class*=\"st-key-open-\"]') !== null"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**doc=**")


@pytest.fixture
def own(library, tmp_path, monkeypatch):
    """An index with documents that a test may change, and a way to open one of them."""
    shutil.copytree(library.parent / "documents", tmp_path / "documents")
    with pytest.raises(SystemExit):
        run(cli, ["ingest", str(tmp_path / "documents" / "manuals"), "--index", str(tmp_path / "kb")])
    monkeypatch.setenv("JV3SEARCH_INDEX", str(tmp_path / "kb"))
    return tmp_path


def drawn(url: str) -> AppTest:
    """The page that a URL leads to, drawn without a browser."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    for pair in url.removeprefix("/?").split("&"):
        name, _, value = pair.partition("=")
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def downloads(url: str) -> list[str]:
    """The buttons that give a file."""
    return [button.proto.label for button in drawn(url).get("download_button")]


def opened(url: str) -> str:
    """All HTML of that page."""
    bodies = (html.proto.body for html in drawn(url).get("html"))
    return "".join(body for body in bodies if not body.startswith("<style>"))


def test_a_file_that_changed_or_went_is_not_shown_and_the_stored_text_is(own) -> None:
    url, file = place(own / "kb", "fahrrad-de.pdf", "Bremshebel"), own / "documents" / "manuals" / "fahrrad-de.pdf"
    assert 'class="jv3-page"' in opened(url)
    data = file.read_bytes()
    file.write_bytes(data.replace(b"%PDF-1.", b"%PDF-2."))
    said = opened(url)
    assert "The file fahrrad-de.pdf has changed since it was read." in said
    assert "data:image" not in said
    assert "Bremshebel" in said
    file.unlink()
    assert "was moved or deleted" in opened(url)
    secret = own / "secret.pdf"
    secret.write_bytes(data)
    file.symlink_to(secret)  # whatever lies behind a link is no document of the index
    assert "was moved or deleted" in opened(url)
    file.unlink()
    file.write_bytes(data)
    assert "data:image/png" in opened(url)


def test_a_text_whose_file_went_is_shown_with_a_word_and_without_a_download(own) -> None:
    file = own / "documents" / "post" / "backup-ja.txt"
    with pytest.raises(SystemExit):
        run(cli, ["ingest", str(file), "--index", str(own / "kb")])
    url = place(own / "kb", "backup-ja.txt", "バックアップ")
    assert "was moved or deleted" not in opened(url)
    assert downloads(url) == ["Download the original"]
    file.unlink()
    said = opened(url)
    assert "The file backup-ja.txt was moved or deleted, or may not be read." in said
    assert "バックアップ" in said
    assert downloads(url) == []


def test_only_documents_of_the_index_can_be_opened(own) -> None:
    for wanted in ("/etc/passwd", "../../etc/passwd", document_id("/etc/passwd"), "<b>"):
        said = opened(f"/?doc={wanted}&at=0-10")
        assert "This document is not in the index any more." in said
        assert "root:" not in said


def test_a_passage_past_the_end_of_a_text_opens_the_document_at_its_beginning(own) -> None:
    url = place(own / "kb", "handbook-en.pdf", "Pests").rsplit("at=", 1)[0]
    assert "page 1 of 10" in opened(url + "at=0-99999999&part=0")
    assert "page 10 of 10" in opened(url + "part=77")


def test_parts_are_pages_or_sections_or_pieces_and_leave_nothing_out() -> None:
    paged = Document("one two", "t", "pdf", pages=(Page(1, Span(0, 4)), Page(2, Span(4, 7), "ii")))
    assert [(part.page, part.label) for part in parts(paged)] == [(1, ""), (2, "ii")]
    assert [part_of(parts(paged), place) for place in (0, 3, 4, 6)] == [1, 1, 2, 2]
    short = Document("short", "t", "txt")
    assert [part.span for part in parts(short)] == [Span(0, 5)]
    text = "".join(f"Heading {n}\n" + "words and words. " * 200 + "\n" for n in range(10))
    starts = [text.index(f"Heading {n}") for n in range(10)]
    sections = tuple(Section(f"Heading {n}", 1, Span(at, at + 9)) for n, at in enumerate(starts))
    for document in (Document(text, "t", "md", sections=sections), Document("x" * 50_000, "t", "txt")):
        found = parts(document)
        assert "".join(part.span.of(document.text) for part in found) == document.text
        assert all(0 < len(part.span) <= 12_000 for part in found)
    assert all(part.span.start in starts for part in parts(Document(text, "t", "md", sections=sections)))
