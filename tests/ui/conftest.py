"""The application as people meet it: a real server in a process of its own, and Debian's Chromium in front of it."""

from __future__ import annotations

import html
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from jv3search.cli.commands import cli, run
from jv3search.encoders.models import MINI
from tests.conftest import chromium_path

ROOT = Path(__file__).parents[2]
_PATIENCE = 90  # seconds for a busy machine to start the server, or to load the model

SAMPLES = ROOT / "ingest" / "samples"

HOSTILE_TITLE = "<script>window.hacked=1</script> **b** :smile: $x$ :red[r] --> [l](javascript:hacked=1)"
HOSTILE_NAME = "<img src=x onerror=window.hacked=1> **b** :smile: [l](a).html"
HOSTILE_TEXT = (
    "Zebras in pyjamas </mark></div><script>window.hacked=2</script><img src=x onerror=window.hacked=3> "
    "**bold** _thin_ `code` $\\alpha$ :red[red] :smile: :material/home: --> [link](javascript:hacked=4) # head"
)

Serve = Callable[..., str]
Open = Callable[..., Page]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that drive a browser where there is none, unless JV3_REQUIRE_BROWSER is set, as in CI."""
    needing = [item for item in items if "chromium" in getattr(item, "fixturenames", ())]
    if not needing or chromium_path():
        return
    if os.environ.get("JV3_REQUIRE_BROWSER"):
        raise pytest.UsageError(
            "the browser tests need Chromium: apt-get install chromium fonts-noto-core fonts-noto-cjk"
        )
    config.hook.pytest_deselected(items=needing)
    items[:] = [item for item in items if item not in needing]


@contextmanager
def application(index: Path, log: Path, **environment: str) -> Iterator[str]:
    """`streamlit run app.py` on a free port for one index; the address, once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"],
            cwd=ROOT,
            env=os.environ | {"JV3SEARCH_INDEX": str(index), "JV3SEARCH_THREADS": "1"} | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(process, address, log)
        yield address
    finally:
        process.kill()  # asked politely, it first waits for every browser to leave
        process.wait()


@pytest.fixture(scope="session")
def serve(tmp_path_factory) -> Iterator[Serve]:
    """Starts the application for an index folder: `serve(folder) -> address`; one server a folder, ended at the end."""
    running: dict[tuple, str] = {}
    with ExitStack() as stack:

        def start(index: Path, **environment: str) -> str:
            key = (index, *sorted(environment.items()))
            if key not in running:
                log = tmp_path_factory.mktemp("application") / "log.txt"
                running[key] = stack.enter_context(application(index, log, **environment))
            return running[key]

        yield start


def write_library(folder: Path) -> Path:
    """Documents to look at: PDFs in three scripts, mail, an Arabic page, a text of many parts, a hostile page."""
    (folder / "manuals").mkdir(parents=True)
    (folder / "post").mkdir()
    for name in ("fahrrad-de.pdf", "keyboard-ar.pdf", "nightphoto-ja.pdf", "handbook-en.pdf"):
        shutil.copy(SAMPLES / name, folder / "manuals")
    for name in ("reunion-es.eml", "weather-ar.html", "backup-en.md", "backup-ja.txt"):
        shutil.copy(SAMPLES / name, folder / "post")
    title, text = html.escape(HOSTILE_TITLE), html.escape(HOSTILE_TEXT)
    (folder / HOSTILE_NAME).write_text(f"<title>{title}</title><h1>{title}</h1><p>{text}</p>", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def library(tmp_path_factory) -> Path:
    """An index of these documents that no test may change; they lie in `documents` beside it."""
    root = tmp_path_factory.mktemp("library")
    with pytest.raises(SystemExit) as ended, pytest.MonkeyPatch.context() as patch:
        patch.setenv("JV3SEARCH_THREADS", "1")  # two processes with a thread a core each wait for each other
        run(cli, ["ingest", str(write_library(root / "documents")), "--index", str(root / "kb"), "--model", MINI])
    assert not ended.value.code
    return root / "kb"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium) -> Iterator[Open]:
    """Opens an address in a browser of its own: `open_page(url, locale="de-DE", width=360, dark=True)`."""
    asked: set[str | None] = set()
    with ExitStack() as stack:

        def new(
            url: str, *, locale: str = "en-GB", width: int = 1280, height: int = 900, dark: bool = False
        ) -> Page:
            context = chromium.new_context(
                locale=locale,
                viewport={"width": width, "height": height},
                color_scheme="dark" if dark else "light",
                accept_downloads=True,
            )
            stack.callback(context.close)
            page = context.new_page()
            page.on("request", lambda request: asked.add(urlsplit(request.url).hostname))
            page.set_default_timeout(30_000)
            page.goto(url)
            settled(page)
            return page

        yield new
    assert asked <= {"127.0.0.1", None}, "a page asked the internet for something"


_RESTS = """async () => {
    const rests = () =>
        document.querySelector('[data-testid="stApp"][data-test-script-state="notRunning"]')
        && !document.querySelector('[data-stale="true"], [data-testid="stSpinner"], [data-testid="stAppSkeleton"]');
    for (let calm = 0; calm < 6; ) {
        await new Promise(done => setTimeout(done, 50));
        calm = rests() ? calm + 1 : 0;
    }
    return true;
}"""


def settled(page: Page) -> None:
    """Wait until Streamlit has drawn the page and rests for a moment: between two runs it seems to rest, too."""
    page.wait_for_function(_RESTS, timeout=1000 * _PATIENCE)


def _wait(process: subprocess.Popen, address: str, log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the application did not start:\n{log.read_text()}")
