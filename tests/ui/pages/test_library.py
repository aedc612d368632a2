"""The library as people use it: drop a file and find it, mend one, remove one, follow an ingest from two tabs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from jv3search import indexes, jobs
from jv3search.cli.commands import cli, run
from jv3search.encoders.models import MINI
from jv3search.indexes import LedgerRow
from jv3search.types import Chunk, Document, EmbeddedDocument, Source, Span
from tests.conftest import TEXTS
from tests.indexes.corpus import BORN
from tests.ui.conftest import ROOT, settled
from tests.ui.pages.shelf import Base, cells, choose_row, turn_to

SAMPLES = ROOT / "ingest" / "samples"
HOSTILE = "<img src=x onerror=alert(1)> **bold** :red[x] $x^2$ [link](http://evil.example).md"


def test_a_dropped_pdf_can_be_found_in_another_language(base):
    page = base.visit()
    turn_to(page, "Add documents")
    page.locator("input[type=file]").set_input_files(SAMPLES / "fahrrad-de.pdf")
    expect(page.get_by_role("tab", name=f"{len(TEXTS) + 1} documents")).to_be_visible(timeout=90_000)
    assert "Das Fahrrad selbst warten" in base.titles()
    assert (base.shelf.documents / "uploads" / "fahrrad-de.pdf").read_bytes() == (
        SAMPLES / "fahrrad-de.pdf"
    ).read_bytes()
    page.get_by_role("link", name="Search").click()
    settled(page)
    field = page.locator("input[type=search]")
    field.fill("how do I oil the chain of my bicycle?")
    field.press("Enter")
    settled(page)
    page.get_by_text("Show the nearest passages").click()  # the small model is not sure of it
    expect(page.get_by_text("Das Fahrrad selbst warten").first).to_be_visible()


def test_what_is_no_document_is_refused_with_the_reason_and_not_kept(base):
    page = base.visit()
    turn_to(page, "Add documents")
    page.locator("input[type=file]").set_input_files(
        [
            {
                "name": "..\\..\\прог\u202eрамма.txt",
                "mimeType": "text/plain",
                "buffer": b"\x7fELF\x02\x01\x01" + b"\0" * 64,
            },
            {"name": "<b>leer</b>.txt", "mimeType": "text/plain", "buffer": b""},
        ]
    )
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("2 files were not taken:")
    expect(notice).to_contain_text("программа.txt looks like")
    expect(notice).to_contain_text("b_.txt is empty (0 bytes)")
    assert not list(base.shelf.documents.glob("uploads/*программа*"))
    assert len(base.titles()) == len(TEXTS)


def test_a_mended_file_is_read_at_the_second_try(base, tmp_path):
    broken = base.shelf.documents / "रिपोर्ट.pdf"
    broken.write_bytes(b"%PDF-1.7 and nothing else")
    with pytest.raises(SystemExit):
        run(cli, ["ingest", str(broken), "--index", str(base.folder)])
    page = base.visit()
    turn_to(page, "1 not read")
    assert "रिपोर्ट.pdf has no end mark (%%EOF): the PDF is truncated" in cells(
        page, "Files that could not be read"
    )
    shutil.copy(SAMPLES / "nightphoto-ja.pdf", broken)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("tab", name="0 not read")).to_be_visible(timeout=90_000)
    expect(page.get_by_role("tab", name=f"{len(TEXTS) + 1} documents")).to_be_visible()


def test_a_document_leaves_only_after_a_question_and_its_file_stays(base):
    with indexes.open_reader(base.folder) as reader:
        first = reader.documents()[0]
    page = base.visit()
    choose_row(page, "Documents in the index", 0)
    page.get_by_role("button", name="Remove …").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Remove from the index?")
    expect(dialog).to_contain_text(first.title)
    expect(dialog).to_contain_text("The files themselves stay where they are.")
    dialog.get_by_role("button", name="Keep").click()
    expect(dialog).to_have_count(0)
    assert len(base.titles()) == len(TEXTS)
    page.get_by_role("button", name="Remove …").click()
    dialog.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_role("tab", name=f"{len(TEXTS) - 1} documents")).to_be_visible()
    assert first.title not in base.titles()
    assert Path(first.uri).exists()


def test_a_folder_is_followed_from_two_tabs_through_a_reload_and_stopped(base):
    folder = base.shelf.documents / "много"
    folder.mkdir()
    for number in range(1500):
        (folder / f"{number}.txt").write_text(f"{number}. {TEXTS['сеть.ru.txt']}", encoding="utf-8")
    one, two = base.visit(), base.visit()
    turn_to(one, "Add documents")
    one.get_by_label("Folder", exact=True).click()
    one.get_by_role("option", name=str(folder)).click()
    one.get_by_role("button", name="Read this folder").click()
    bar = re.compile("Starting|Looking for new|Reading: ")
    expect(one.get_by_text(bar).first).to_be_visible()
    expect(two.get_by_text(bar).first).to_be_visible()
    one.reload()
    settled(one)
    expect(one.get_by_text(bar).first).to_be_visible()
    two.get_by_role("button", name="Stop").click()
    for page in (one, two):
        expect(page.get_by_role("button", name="Go on")).to_be_visible(timeout=60_000)
        expect(page.get_by_text("Stopped before the end")).to_be_visible()
    job = jobs.current(base.folder)
    assert (job.phase, job.paths) == ("stopped", (str(folder),))


def test_a_path_outside_of_the_roots_is_not_on_offer(base):
    (base.shelf.documents / "out").symlink_to("/etc")
    page = base.visit()
    turn_to(page, "Add documents")
    page.get_by_label("Folder", exact=True).click()
    offered = page.get_by_role("option").all_text_contents()
    assert str(base.shelf.documents) in offered
    assert all(each.startswith(str(base.shelf.documents)) and not each.endswith("/out") for each in offered)


def test_hostile_names_are_only_words(base):
    uploads = base.shelf.documents / "hostile"
    uploads.mkdir()
    (uploads / HOSTILE.replace("/", "\u2215")).write_text("Nothing but words.", encoding="utf-8")
    with pytest.raises(SystemExit):
        run(cli, ["ingest", str(uploads), "--index", str(base.folder)])
    title = next(title for title in base.titles() if title.startswith("<img"))
    page = base.visit()
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    page.get_by_label("Find by title, file or folder").fill("onerror")
    page.keyboard.press("Enter")
    settled(page)
    choose_row(page, "Documents in the index", 0)
    page.get_by_role("button", name="Remove …").click()
    expect(page.get_by_role("dialog").get_by_role("listitem")).to_have_text(title)
    assert page.locator("img[src=x], a[href*=evil]").count() == 0
    assert title in cells(page, "Documents in the index")


SCRIPTS = ("Bericht {} über Größe", "отчёт {}", "報告書 {}", "تقرير {}", "प्रतिवेदन {}", "รายงาน {}")


def test_a_thousand_documents_are_listed_and_one_of_them_found(shelf, open_page):
    folder = shelf.copy("thousand")
    with indexes.open_reader(folder) as reader:
        manifest = reader.manifest
    rows = np.zeros((1, manifest.dimension), np.float32)
    rows[0, 0] = 1
    with indexes.open_writer(folder, manifest) as writer:
        for number in range(1000 - len(TEXTS)):
            title = SCRIPTS[number % len(SCRIPTS)].format(number)
            source = Source(f"/archive/{number}.txt", f"{number:064x}", 10, BORN)
            document = EmbeddedDocument(
                source, Document(title, title, "txt"), "de", (Chunk(Span(0, len(title)), "de", 3),), rows
            )
            writer.replace(document, LedgerRow(source.uri, source.digest, "done", BORN, chunks=1))
    page = Base(shelf, folder, open_page).visit()
    expect(page.get_by_role("tab", name="1,000 documents")).to_be_visible()
    page.get_by_label("Find by title, file or folder").fill("報告書 500")
    page.keyboard.press("Enter")
    settled(page)
    found = page.get_by_label("Documents in the index").locator("[role=gridcell]").filter(has_text="報告書 500")
    expect(found).to_have_count(1)
    choose_row(page, "Documents in the index", 0)
    expect(page.get_by_text("1 document chosen")).to_be_visible()


def test_an_empty_place_asks_for_documents(serve, open_page, tmp_path_factory):
    room = tmp_path_factory.mktemp("empty")
    page = open_page(
        serve(room / "indexes" / "new", JV3SEARCH_DOCUMENTS=str(room / "documents"), JV3SEARCH_MODEL=MINI)
        + "/library"
    )
    expect(page.get_by_text("There is nothing here yet")).to_be_visible()
    expect(page.get_by_text("The documents folder is made when you drop a file above")).to_be_visible()
    page.locator("input[type=file]").set_input_files(SAMPLES / "backup-ja.txt")
    expect(page.get_by_role("tab", name="1 document", exact=True)).to_be_visible(timeout=90_000)


def test_an_index_that_was_deleted_is_said_to_be_gone_on_every_page(base):
    page = base.visit("")
    shutil.rmtree(base.folder)
    said = f"The knowledge base is gone: {base.folder.resolve()} was deleted or moved."
    for name in ("Library", "Overview", "Settings", "Search"):
        page.get_by_role("link", name=name, exact=True).click()
        settled(page)
        expect(page.get_by_text(said)).to_be_visible()
    page.get_by_role("link", name="Library", exact=True).click()
    page.locator("input[type=file]").set_input_files(SAMPLES / "backup-ja.txt")
    expect(page.get_by_role("tab", name="1 document", exact=True)).to_be_visible(timeout=90_000)


def _offer(root: str) -> None:
    from pathlib import Path

    from jv3search.ui import add_documents

    add_documents._show_folders([Path(root)])


def test_who_is_offered_not_every_folder_is_told(tmp_path):
    for number in range(499):
        (tmp_path / f"папка-{number:03}").mkdir()
    app = AppTest.from_function(_offer, args=(str(tmp_path),), default_timeout=60).run()
    assert len(app.selectbox[0].options) == 500  # the root is one of them
    assert not [html for html in app.get("html") if "Only" in html.proto.body]
    (tmp_path / "папка-499").mkdir()
    app.run()
    assert len(app.selectbox[0].options) == 500
    assert [html for html in app.get("html") if "Only 500 folders" in html.proto.body]
