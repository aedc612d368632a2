"""The application as a person waits for it: from `jv3search ui` to a page, from Enter to the first card.

    python -m benchmarks.ui [--chunks 20000] [--rounds 20]

The index holds the sample documents over and over: their chunks in another order with other words between, and
their vectors a little turned, so that no two are alike. Real model (jv3-mini), real Chromium, questions in turns.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks.encoder import ingest_samples
from benchmarks.measure import machine
from jv3search.indexes import LedgerRow, open_reader, open_writer
from jv3search.types import Chunk, Document, EmbeddedDocument, Source, Span, unit_rows

JV3SEARCH = (sys.executable, "-m", "jv3search")
QUESTIONS = (
    "how to restore files from a backup", "Bremse am Fahrrad einstellen", "如何选择一个安全的密码？",
    "recette de cuisine", "прогноз погоды на завтра", "夜景をきれいに撮る方法", "كتابة الأرقام بالعربية",
    "watering the garden in summer", "wifi is slow", "Reunión de vecinos", "empty ink cartridge", "chess openings",
    "telescope for beginners", "offline maps", "keyboard shortcuts", "video does not play", "Monatsbudget",
    "online meeting", "music collection", "borscht",
)  # fmt: skip
A_DOCUMENT = 40  # chunks of a made document


def grow(index: Path, chunks: int) -> None:
    """Fill an index of the samples up to a number of chunks."""
    with open_reader(index) as reader:
        manifest = reader.manifest
        rows = [
            (chunk, row, reader.text(row.uri)) for row in reader.documents() for chunk in reader.chunks(row.uri)
        ]
    vectors = _vectors(index)
    order = np.random.default_rng(7)
    with open_writer(index, manifest) as writer:
        for number in range(chunks // A_DOCUMENT):
            picked = order.choice(len(rows), A_DOCUMENT)
            embedded = _made(number, [rows[at] for at in picked], vectors[picked], order)
            writer.replace(embedded, LedgerRow(embedded.source.uri, embedded.source.digest, "done", NOW))


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _vectors(index: Path) -> np.ndarray:
    from jv3search import knowledge_base

    with knowledge_base.open(index) as kb:
        reader, encoder = kb.reader, kb.encoder
        parts = [
            encoder.encode_document(reader.text(row.uri), [chunk.span for chunk in reader.chunks(row.uri)])
            for row in reader.documents()
        ]
    return np.concatenate(parts)


def _made(
    number: int, picked: list[tuple[Chunk, int, str]], vectors: np.ndarray, order: np.random.Generator
) -> EmbeddedDocument:
    text = ""
    spans: list[Span] = []
    for chunk, _row, original in picked:
        words = f"{chunk.span.of(original)} ({number}-{len(spans)})"
        spans.append(Span(len(text), len(text) + len(words)))
        text += words + "\n\n"
    turned = vectors + order.normal(0, 0.3 / vectors.shape[1] ** 0.5, vectors.shape)
    chunks = tuple(
        Chunk(span, chunk.language, chunk.tokens)
        for span, (chunk, _row, _original) in zip(spans, picked, strict=True)
    )
    digest = hashlib.sha256(text.encode()).hexdigest()
    source = Source(f"/made/{number:04}.txt", digest, len(text), NOW)
    return EmbeddedDocument(
        source, Document(text, f"Document {number}", "txt"), chunks[0].language, chunks, unit_rows(turned)
    )


@contextmanager
def served(index: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`jv3search ui` for an index."""
    command = [*JV3SEARCH, "ui", "--index", str(index), "--port", str(port), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


def first_page(page: Page, port: int, began: float) -> float:
    """Seconds until the search field is there."""
    while True:
        try:
            page.goto(f"http://127.0.0.1:{port}/", wait_until="commit")
            break
        except Exception:  # not listening yet
            time.sleep(0.05)
    page.get_by_role("searchbox").wait_for(timeout=180_000)
    return time.perf_counter() - began


def busy(root: int) -> float:
    """Milliseconds of processor time of a process and its children, so far."""
    every = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rsplit(")", 1)[1].split()
            every[int(stat.parent.name)] = int(fields[1]), int(fields[11]) + int(fields[12])
    family = {root}
    while more := {pid for pid, (parent, _ticks) in every.items() if parent in family} - family:
        family |= more
    return 1e3 * sum(every[pid][1] for pid in family if pid in every) / os.sysconf("SC_CLK_TCK")


def first_result(page: Page, question: str, server: int) -> tuple[float, float]:
    """Milliseconds from Enter to a card that was not there before, and how long the server worked for it."""
    page.evaluate("document.querySelectorAll('.jv3-card').forEach(card => card.dataset.old = 1)")
    field = page.get_by_role("searchbox")
    field.fill(question)
    began, worked = time.perf_counter(), busy(server)
    field.press("Enter")
    # attached, not visible: where nothing is relevant the cards are behind "Show the nearest passages"
    page.wait_for_selector(".jv3-card:not([data-old])", state="attached", timeout=180_000)
    spent, work = 1e3 * (time.perf_counter() - began), busy(server) - worked
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=180_000)
    page.wait_for_timeout(500)
    return spent, work


def main() -> None:
    """Print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        index = Path(scratch) / "indexes" / "default"
        ingest_samples(index)
        grow(index, options.chunks)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        began = time.perf_counter()
        with served(index, 8731) as server:
            usable = first_page(page, 8731, began)
            first_result(page, "warm up", server.pid)
            asked = [QUESTIONS[turn % len(QUESTIONS)] for turn in range(options.rounds)]
            times, works = zip(*(first_result(page, one, server.pid) for one in asked), strict=True)
        browser.close()
    ordered = sorted(times)
    result = {
        "usable_page_s": round(usable, 2),
        "first_result_ms": round(statistics.median(times)),
        "first_result_p90_ms": round(ordered[int(0.9 * (len(ordered) - 1))]),
        "server_cpu_ms": round(statistics.median(works)),  # what it would take on an idle machine
    }
    print(f"{machine()}; {options.chunks:,} chunks, jv3-mini, median of {options.rounds}")
    print(f"from `jv3search ui` to the search field   {usable:6.2f} s")
    print(
        f"from Enter to the first card   {result['first_result_ms']:6} ms (p90 {result['first_result_p90_ms']} ms)"
    )
    print(f"  of that the server's processor time   {result['server_cpu_ms']:6} ms")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
