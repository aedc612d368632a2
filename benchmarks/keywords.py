"""The keyword leg on real texts: what it finds that SQLite's own tokenizer does not, its time and its room.

    python -m benchmarks.keywords [--chunks 100000] [--words 50] [--json]

Fetches LibreOffice's help and messages in eleven languages by name with apt-get (nothing is installed).

Words: in Chinese, Japanese, Korean and Thai, labels of the program that occur in its help (Thai has no help: in
its long messages). Each is asked alone; which chunks hold it is known by looking at every one. "In ten": a chunk
that holds it is among the first ten hits; recall: of as many hits as there are such chunks. The contender is an
FTS5 table with the tokenizer `unicode61` over the same chunks, asked for all it has.

Time and room: help in ten languages, cut into chunks of 900 characters (400 without spaces), as often as it takes
to make so many; up to six words of it, and whole sentences, are asked. No model takes part, the vectors are noise.
"""

from __future__ import annotations

import argparse
import gettext
import json
import random
import re
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from selectolax.lexbor import LexborHTMLParser

from benchmarks.legs import keyword
from benchmarks.measure import machine
from jv3search.indexes import IndexReader, LedgerRow, Manifest, open_reader, open_writer
from jv3search.types import Chunk, Document, EmbeddedDocument, Filter, Source, Span, unit_rows

WORK = Path(__file__).parent / "work" / "keywords"
HELP = {
    "en": "en-us", "de": "de", "fr": "fr", "es": "es", "it": "it", "ru": "ru", "hi": "hi", "ja": "ja", "ko": "ko",
    "zh": "zh-cn",
}  # fmt: skip
MESSAGES = {"zh": "zh-cn", "ja": "ja", "ko": "ko", "th": "th"}
WORD = {
    "zh": re.compile(r"[\u4e00-\u9fff]{2,5}"),
    "ja": re.compile(r"[\u3040-\u30ff\u4e00-\u9fffー]{2,8}"),
    "ko": re.compile(r"[\uac00-\ud7a3]{2,6}"),
    "th": re.compile(r"[\u0e01-\u0e4e]{3,14}"),
}
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MANIFEST = Manifest("none", "0" * 64, "retrieval.passage", "", "late", 256, 8, 1)
K = 10
TaggedText = tuple[str, str]  # language, text


def fetch() -> Path:
    """The packages, each unpacked into a folder of its own."""
    packages = [f"libreoffice-help-{name}" for name in HELP.values()]
    packages += [f"libreoffice-l10n-{name}" for name in MESSAGES.values()]
    WORK.mkdir(parents=True, exist_ok=True)
    for package in packages:
        if (WORK / package).exists():
            continue
        subprocess.run(
            ["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package], cwd=WORK, check=True
        )
        [file] = WORK.glob(f"{package}_*.deb")
        subprocess.run(["dpkg", "-x", file, WORK / "partial"], check=True)
        (WORK / "partial").rename(WORK / package)
    return WORK


def pages(language: str) -> Iterator[str]:
    """The texts of the help's pages."""
    for file in sorted((WORK / f"libreoffice-help-{HELP[language]}").rglob("text/**/*.html")):
        body = LexborHTMLParser(file.read_text(encoding="utf-8")).body
        if body is not None:
            yield " ".join(body.text(separator=" ").split())


def messages(language: str) -> list[str]:
    """Every translated message of the program."""
    found: dict[str, None] = {}
    for file in sorted((WORK / f"libreoffice-l10n-{MESSAGES[language]}").rglob("*.mo")):
        with file.open("rb") as opened:
            catalogue = gettext.GNUTranslations(opened)._catalog  # type: ignore[attr-defined]
        found.update(dict.fromkeys(text for text in catalogue.values() if isinstance(text, str)))
    return list(found)


def cut(language: str, text: str) -> list[TaggedText]:
    """Pieces of one text."""
    size = 400 if language in WORD else 900
    return [(language, text[start : start + size]) for start in range(0, len(text), size)]


def documents(language: str) -> list[list[TaggedText]]:
    """The help of a language, of Thai the longer messages, as documents of twenty chunks."""
    if language in HELP:
        texts = list(pages(language))
    else:
        long = [text for text in messages(language) if len(text) >= 40]
        texts = ["\n".join(long[start : start + 10]) for start in range(0, len(long), 10)]
    passages = [passage for text in texts for passage in cut(language, text)]
    return [passages[start : start + 20] for start in range(0, len(passages), 20)]


def stored(folder: Path, library: list[list[TaggedText]]) -> float:
    """Write the documents into an index of their own; the seconds it took."""
    noise = unit_rows(np.random.default_rng(1).normal(size=(5_000, 8)))
    began = time.perf_counter()
    with open_writer(folder, MANIFEST) as writer:
        for number, passages in enumerate(library):
            uri = f"/help/{number % 10}/{passages[0][0]}/{number}.html"
            text = "".join(text for _, text in passages)
            ends = np.cumsum([len(text) for _, text in passages]).tolist()
            chunks = tuple(
                Chunk(Span(end - len(text), end), language, 60)
                for end, (language, text) in zip(ends, passages, strict=True)
            )
            source = Source(uri, f"{number:064x}", len(text), NOW)
            read = Document(text, uri, "html")
            embedded = EmbeddedDocument(source, read, passages[0][0], chunks, noise[: len(chunks)])
            writer.replace(embedded, LedgerRow(uri, source.digest, "done", NOW, chunks=len(chunks)))
    return time.perf_counter() - began


def words_found(language: str, count: int, folder: Path) -> dict[str, float]:
    """How much of what holds each of some words is found, by the index and by `unicode61`."""
    library = documents(language)
    stored(folder / language, library)
    texts = [text for passages in library for _, text in passages]
    plain = sqlite3.connect(":memory:")
    plain.execute("CREATE VIRTUAL TABLE plain USING fts5(text, tokenize='unicode61')")
    plain.executemany("INSERT INTO plain VALUES(?)", [(text,) for text in texts])
    labels = {text.replace("_", "") for text in messages(language)}
    candidates = sorted(label for label in labels if WORD[language].fullmatch(label))
    everything = "\n".join(texts)
    candidates = [word for word in candidates if word in everything]
    chosen = random.Random(1).sample(candidates, count)
    ours, first, ten, theirs = [], [], [], []
    with open_reader(folder / language) as reader:
        for word in chosen:
            holding = sum(word in text for text in texts)
            hits = keyword(reader, word, max(K, holding), language=language)
            ours.append(sum(word in hit.text for hit in hits[:holding]) / holding)
            first.append(word in hits[0].text)
            ten.append(any(word in hit.text for hit in hits[:K]))
            rows = plain.execute("SELECT count(*) FROM plain WHERE plain MATCH ?", (f'"{word}"',)).fetchone()
            theirs.append(rows[0] / holding)
    return {
        "chunks": len(texts),
        "words": len(chosen),
        "found_in_ten": statistics.mean(ten),
        "recall": statistics.mean(ours),
        "first_hit_holds_it": statistics.mean(first),
        "unicode61_found": sum(share > 0 for share in theirs) / count,
        "unicode61_recall": statistics.mean(theirs),
    }


def many(chunks: int) -> list[list[TaggedText]]:
    """So many chunks of help in ten languages, its documents mixed."""
    library = [passages for language in HELP for passages in documents(language) if passages]
    random.Random(2).shuffle(library)
    chosen: list[list[TaggedText]] = []
    held = 0
    while held < chunks:
        for passages in library:
            chosen.append(passages[: chunks - held])
            held += len(chosen[-1])
            if held == chunks:
                break
    return chosen


def queries(library: list[list[TaggedText]], count: int) -> dict[str, list[TaggedText]]:
    """Some words and sentences of the help, as people would type or paste them."""
    dice = random.Random(3)
    short, sentences = [], []
    for passages in dice.choices(library, k=count):
        language, text = dice.choice(passages)
        parts = [part.strip() for part in re.split(r"(?<=[.!?。！？।])\s*", text) if part.strip()]
        words = parts[0].split()
        short.append((language, " ".join(words[-6:]) if language not in WORD else parts[0][-20:]))
        sentences.append((language, dice.choice(parts)))
    return {"few words": short, "sentence": sentences}


def timed(reader: IndexReader, texts: list[TaggedText], name: str) -> dict[str, float]:
    """Times of a search for each text."""
    filters = {
        "no filter": lambda language: Filter(),
        "language": lambda language: Filter(languages=frozenset({language})),
        "folder of 10 %": lambda language: Filter(under=frozenset({"/help/3"})),
        "phrase": lambda language: Filter(phrases=("LibreOffice",)),
    }
    times, busy = [], []
    for language, text in texts:
        began, worked = time.perf_counter(), time.thread_time()
        keyword(reader, text, K, filters[name](language), language)
        times.append(1e3 * (time.perf_counter() - began))
        busy.append(1e3 * (time.thread_time() - worked))
    return {
        "p50_ms": statistics.median(times),
        "p95_ms": statistics.quantiles(times, n=20)[-1],
        "cpu_p50_ms": statistics.median(busy),  # what it would take on an idle machine
        "cpu_p95_ms": statistics.quantiles(busy, n=20)[-1],
    }


def speed(folder: Path, chunks: int) -> dict[str, Any]:
    """Seconds to write, bytes a chunk, and times by kind of question and filter."""
    library = many(chunks)
    seconds = stored(folder, library)
    catalog = sqlite3.connect(folder / "catalog.sqlite")
    room = catalog.execute("SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'keywords%'").fetchone()[0]
    catalog.close()
    texts = sum(len(text.encode()) for passages in library for _, text in passages)
    result: dict[str, Any] = {
        "chunks": chunks,
        "write_s": seconds,
        "keyword_bytes_a_chunk": room / chunks,
        "text_bytes_a_chunk": texts / chunks,
    }
    with open_reader(folder) as reader:
        for kind, chosen in queries(library, 200).items():
            for name in ("no filter", "language", "folder of 10 %", "phrase"):
                result[f"{kind}, {name}"] = timed(reader, chosen, name)
    return result


def main() -> None:
    """Fetch, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=50)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    fetch()
    folder = Path(tempfile.mkdtemp(prefix="index-", dir=WORK))
    try:
        found = {language: words_found(language, options.words, folder) for language in MESSAGES}
        show_words(found)
        took = speed(folder / "many", options.chunks)
        show_speed(took)
    finally:
        shutil.rmtree(folder)
    if options.json:
        print(json.dumps({"machine": machine(), "words": found, "speed": took}))


def show_words(found: dict[str, dict[str, float]]) -> None:
    """A row a language."""
    print(f"{'':4}{'chunks':>8}{'words':>7}{'in ten':>8}{'recall':>8}{'1st hit':>9}   unicode61: found  recall")
    for language, row in found.items():
        print(
            f"{language:4}{row['chunks']:8,.0f}{row['words']:7.0f}{row['found_in_ten']:8.0%}{row['recall']:8.1%}"
            f"{row['first_hit_holds_it']:9.0%}{row['unicode61_found']:20.0%}{row['unicode61_recall']:8.1%}",
            flush=True,
        )


def show_speed(took: dict[str, Any]) -> None:
    """A row a kind of question and filter."""
    print(
        f"\n{took['chunks']:,} chunks written in {took['write_s']:.0f} s; keyword index "
        f"{took['keyword_bytes_a_chunk']:.0f} bytes a chunk of {took['text_bytes_a_chunk']:.0f} bytes; {machine()}"
    )
    print(f"{'':28}{'p50 ms':>8}{'p95 ms':>8}{'p50 cpu':>9}{'p95 cpu':>9}")
    for name, row in took.items():
        if isinstance(row, dict):
            print(
                f"{name:28}{row['p50_ms']:8.1f}{row['p95_ms']:8.1f}{row['cpu_p50_ms']:9.1f}{row['cpu_p95_ms']:9.1f}"
            )


if __name__ == "__main__":
    main()
