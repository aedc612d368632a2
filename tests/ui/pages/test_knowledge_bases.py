"""Several knowledge bases under one roof: a link names the one it was made in."""

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect

from jv3search import knowledge_base
from tests.ui.conftest import settled


def files(page):
    return page.locator('[data-testid="stMainBlockContainer"] .jv3-file')


def without_backup(folder):
    """Make an index differ from the others: the English document leaves it."""
    with knowledge_base.open(folder) as kb:
        (uri,) = (row.uri for row in kb.documents() if row.uri.endswith("backup.en.md"))
        assert kb.remove(uri) == [uri]


def test_a_search_keeps_its_knowledge_base_in_the_url(base):
    without_backup(base.folder)
    page = base.visit("overview")
    page.get_by_role("link", name="Search").click()
    settled(page)
    expect(page.get_by_label("Knowledge base")).to_have_value(base.folder.name)
    field = page.get_by_role("searchbox")
    field.fill("restore deleted files")
    field.press("Enter")
    page.wait_for_function("new URLSearchParams(location.search).get('q')")
    settled(page)
    assert parse_qs(urlsplit(page.url).query)["index"] == [base.folder.name]
    page.get_by_text("Show the nearest passages").click()  # the document that answers is the one that left
    expect(files(page)).to_have_count(7)
    shown = files(page).all_inner_texts()
    assert "backup.en.md" not in shown
    again = base.open_page(page.url)  # the link in another browser
    expect(files(again)).to_have_text(shown)
    elsewhere = base.open_page(page.url.replace(base.folder.name, "first"))
    expect(files(elsewhere).first).to_have_text("backup.en.md")


def test_a_knowledge_base_that_is_not_here_is_said(shelf, open_page):
    page = open_page(f"{shelf.address}/?q=files&index=../../etc")
    expect(page.get_by_text("There is no knowledge base ../../etc here.")).to_be_visible()
