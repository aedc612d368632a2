"""The application as people meet it: a real server in a process of its own, and Debian's Chromium in front of it."""

from __future__ import annotations

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

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
_PATIENCE = 60  # seconds for a busy machine to start the server

Serve = Callable[..., str]
Open = Callable[..., Page]


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
            env=os.environ | {"JV3SEARCH_INDEX": str(index)} | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(process, address, log)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


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


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; a machine without it fails these tests rather than skipping them."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.fail("these tests need Chromium: apt-get install --no-install-recommends chromium fonts-noto-core")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium) -> Iterator[Open]:
    """Opens an address in a browser of its own: `open_page(url, locale="de-DE", width=360, dark=True)`."""
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
            page.set_default_timeout(30_000)
            page.goto(url)
            settled(page)
            return page

        yield new


def settled(page: Page) -> None:
    """Wait until Streamlit has drawn the page and rests."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_function("document.querySelector('[data-stale=\"true\"]') === null")


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
