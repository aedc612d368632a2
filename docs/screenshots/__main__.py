"""Every page of the application as it looks: `python -m docs.screenshots` writes the pictures beside this file.

The index is made of ingest/samples with jv3-mini; each page is taken on a large screen, light and dark, and on a
phone. Arguments name the pages to take, if not all: `python -m docs.screenshots search source`.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.ui.conftest import application, settled

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COLOURS = 128  # enough for text and charts; a page of 1440 x 900 then has 60 to 150 kB


@dataclass(frozen=True)
class Shot:
    """A page by its address below the root, and what to do there before the picture is taken."""

    name: str
    path: str
    prepare: Callable[[Page], None] = lambda page: None
    locale: str = "en-GB"


def _open_first(page: Page) -> None:
    page.locator('[class*="st-key-open-"] button').first.click()
    page.wait_for_url("**doc=**")


def _explain(page: Page) -> None:
    page.get_by_role("button", name="Ask more exactly").click()


def _ask_on(page: Page) -> None:
    field = page.get_by_role("searchbox")
    field.fill("Wie flicke ich einen Schlauch?")
    field.press("Enter")
    page.wait_for_url("**turn=1**")
    settled(page)
    page.locator(".jv3-question").last.evaluate("question => question.scrollIntoView()")


def _by_topic(page: Page) -> None:
    page.get_by_test_id("stButtonGroup").get_by_text("Topic").click()
    settled(page)
    page.get_by_text("Topics and their words").click()
    settled(page)
    page.get_by_role("heading", name="Map of the documents").scroll_into_view_if_needed()
    page.evaluate("document.querySelector('#map-of-the-documents').scrollIntoView()")


SHOTS = (
    Shot("start", "/"),
    Shot("search", "/?q=how+do+I+get+deleted+files+back%3F"),
    Shot("search-operators", "/?q=backup", _explain),
    Shot("search-de", "/?q=Wie+bekomme+ich+gelöschte+Dateien+zurück%3F", locale="de-DE"),
    Shot("source", "/?q=Bremse+einstellen&type=pdf", _open_first),
    Shot("source-arabic", "/?q=كيف+أكتب+بالعربية+على+لوحة+المفاتيح؟&lang=ar", _open_first),
    Shot("answer", "/answer?q=how+do+I+get+deleted+files+back%3F"),
    Shot("answer-japanese", "/answer?q=バックアップはどこに保存しますか", locale="ja-JP"),
    Shot("answer-arabic", "/answer?q=كيف+أكتب+بالعربية+على+لوحة+المفاتيح؟"),
    Shot("answer-follow-up", "/answer?q=Wie+stelle+ich+die+Bremse+ein%3F&type=pdf", _ask_on, locale="de-DE"),
    Shot("nothing-found", "/?q=backup&lang=ja&since=2999-01-01"),
    Shot("library", "/library"),
    Shot("overview", "/overview"),
    Shot("topics", "/overview", _by_topic),
    Shot("settings", "/settings"),
)

LOOKS = {"light": (1440, 900, False), "dark": (1440, 900, True), "phone": (360, 780, False)}


def take(browser: Browser, address: str, shot: Shot) -> None:
    """One page in every look."""
    for look, (width, height, dark) in LOOKS.items():
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            locale=shot.locale,
            reduced_motion="reduce",
        )
        page = context.new_page()
        page.set_default_timeout(180_000)  # milliseconds, for a busy machine
        page.goto(address + shot.path)
        settled(page)
        shot.prepare(page)
        settled(page)
        page.wait_for_function("!document.querySelector('[data-testid=stSkeleton]')")
        page.wait_for_timeout(1000)  # charts are drawn after the page rests
        image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        image.quantize(COLOURS, dither=Image.Dither.NONE).save(HERE / f"{shot.name}-{look}.png", optimize=True)
        context.close()


def main() -> None:
    """Take what the command line names, or everything."""
    wanted = [shot for shot in SHOTS if not sys.argv[1:] or shot.name in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        index = Path(scratch) / "indexes" / "samples"
        documents = ROOT / "ingest" / "samples"
        ingest = [sys.executable, "-m", "jv3search", "ingest", str(documents), "--index", str(index)]
        subprocess.run([*ingest, "--model", "jv3-mini"], check=True, env=os.environ | {"JV3SEARCH_THREADS": "1"})
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with application(index, Path(scratch) / "log.txt", JV3SEARCH_DOCUMENTS=str(documents)) as address:
            for shot in wanted:
                take(browser, address, shot)
        browser.close()


if __name__ == "__main__":
    main()
