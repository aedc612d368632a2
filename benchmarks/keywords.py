"""The keyword leg on real texts: what it finds that SQLite's own tokenizer does not, its time and its room.

    python -m benchmarks.keywords [--chunks 1000 10000 100000 1000000] [--words 50] [--json]

Fetches LibreOffice's help in 28 languages and messages in four by name with apt-get (nothing is installed).

Words: in Chinese, Japanese, Korean and Thai, labels of the program that occur in its help (Thai has no help: in
its long messages). Each is asked alone; which chunks hold it is known by looking at every one. "In ten": a chunk
that holds it is among the first ten hits; recall: of as many hits as there are such chunks. The contender is an
FTS5 table with the tokenizer `unicode61` over the same chunks, asked for all it has.

Time and room: help in 28 languages, cut into chunks of 900 characters (400 without spaces), as often as it takes
to make so many; up to six words of it, and whole sentences, are asked for 50 hits, as a hybrid search does: of
all, of one language, of folders with 10, 1 and 0.1 % of the documents, and with a phrase or without one. A process
of its own tells how long its first search takes and how much memory. No model takes part, the vectors are noise.
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
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from selectolax.lexbor import LexborHTMLParser

from benchmarks.legs import keyword
from benchmarks.measure import in_own_process, machine, report_to_parent
from benchmarks.packages import unpacked
from jv3search.indexes import IndexReader, LedgerRow, Manifest, open_reader, open_writer
from jv3search.types import Chunk, Document, EmbeddedDocument, Filter, Source, Span, unit_rows

WORK = Path(__file__).parent / "work" / "keywords"
HELP = {
    "ca": "ca", "cs": "cs", "da": "da", "de": "de", "el": "el", "en": "en-us", "es": "es", "et": "et", "eu": "eu",
    "fi": "fi", "fr": "fr", "gl": "gl", "hi": "hi", "hu": "hu", "id": "id", "it": "it", "ja": "ja", "ko": "ko",
    "nl": "nl", "pl": "pl", "pt": "pt", "ru": "ru", "sk": "sk", "sl": "sl", "sv": "sv", "tr": "tr", "vi": "vi",
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
K, ASKED = 10, 50
SHARES = {"10 %": "/help/3", "1 %": "/help/3/23", "0.1 %": "/help/3/23/123"}
TaggedText = tuple[str, str]  # language, text


def fetch() -> Path:
    """The packages, each unpacked into a folder of its own."""
    packages = [f"libreoffice-help-{name}" for name in HELP.values()]
    packages += [f"libreoffice-l10n-{name}" for name in MESSAGES.values()]
    return unpacked(WORK, *packages)


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
            uri = f"/help/{number % 10}/{number % 100}/{number % 1000}/{number}.html"
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
    """So many chunks of help in 28 languages, as documents of up to twenty chunks, mixed."""
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


def timed(reader: IndexReader, texts: list[TaggedText], where: Callable[[str], Filter]) -> dict[str, float]:
    """Times of a search for each text; `where` makes the filter for a language. The first search is left out."""
    times, busy = [], []
    for language, text in texts:
        began, worked = time.perf_counter(), time.thread_time()
        with reader.snapshot() as index:
            index.match(text, ASKED, where(language), language)
        times.append(1e3 * (time.perf_counter() - began))
        busy.append(1e3 * (time.thread_time() - worked))
    return {
        "p50_ms": statistics.median(times[1:]),
        "p95_ms": statistics.quantiles(times[1:], n=20)[-1],
        "cpu_p50_ms": statistics.median(busy[1:]),  # what it would take on an idle machine
        "cpu_p95_ms": statistics.quantiles(busy[1:], n=20)[-1],
    }


def filters() -> dict[str, Callable[[str], Filter]]:
    """By name, made for the language of a question."""
    return {
        "all": lambda language: Filter(),
        "its language": lambda language: Filter(languages=frozenset({language})),
        **{share: lambda language, at=at: Filter(under=frozenset({at})) for share, at in SHARES.items()},  # type: ignore[misc]
        "phrase": lambda language: Filter(phrases=("LibreOffice",)),
        "without": lambda language: Filter(without=("LibreOffice",)),
    }


def speed(folder: Path, chunks: int) -> dict[str, Any]:
    """Seconds to write, bytes a chunk, times by kind of question and filter, and what a new process needs."""
    library = many(chunks)
    result: dict[str, Any] = {"chunks": chunks, "write_s": stored(folder, library)}
    segments = [path.stat().st_size for path in folder.glob("*.segment")]
    texts = sum(len(text.encode()) for passages in library for _, text in passages)
    result |= {"bytes_a_chunk": sum(segments) / chunks, "segments": len(segments), "text_bytes": texts / chunks}
    first = in_own_process("benchmarks.keywords", "--first", str(folder))
    result |= {"first_search_s": first.seconds, **first.report}
    with open_reader(folder) as reader:
        for kind, chosen in queries(library, 200).items():
            for name, where in filters().items():
                result[f"{kind}, {name}"] = timed(reader, chosen, where)
        result["after_a_new_document_ms"] = topped_up(reader, folder, library[0])
    return result


def first_search(folder: Path) -> dict[str, Any]:
    """What a new process does; the megabytes that it has then more than before, mapped files apart."""
    before = own_megabytes()
    with open_reader(folder) as reader, reader.snapshot() as index:
        index.match("LibreOffice Calc 表 таблица", ASKED)
        return {"memory_mb": own_megabytes() - before}


def own_megabytes() -> float:
    """Memory of this process that no file backs."""
    rollup = Path("/proc/self/smaps_rollup").read_text()
    return int(re.findall(r"^Anonymous:\s+(\d+) kB", rollup, re.M)[0]) / 1024


def topped_up(reader: IndexReader, folder: Path, passages: list[TaggedText]) -> float:
    """Milliseconds of a search after a document came, the median of ten."""
    times = []
    for _ in range(10):
        stored(folder, [passages])
        began = time.perf_counter()
        with reader.snapshot() as index:
            index.match("LibreOffice", ASKED)
        times.append(1e3 * (time.perf_counter() - began))
    return statistics.median(times)


def main() -> None:
    """Fetch, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--words", type=int, default=50, help="0: only time and room")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--first", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.first:
        report_to_parent(lambda: first_search(options.first))
        return
    fetch()
    folder = Path(tempfile.mkdtemp(prefix="index-", dir=WORK))
    try:
        found = {}
        if options.words:
            found = {language: words_found(language, options.words, folder) for language in MESSAGES}
            show_words(found)
        took = []
        for chunks in options.chunks:
            took.append(speed(folder / str(chunks), chunks))
            show_speed(took[-1])
            shutil.rmtree(folder / str(chunks))
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
        f"\n{took['chunks']:,} chunks written in {took['write_s']:.0f} s; {took['segments']} segments, "
        f"{took['bytes_a_chunk']:.0f} bytes a chunk of {took['text_bytes']:.0f} bytes; {machine()}\n"
        f"first search of a process {took['first_search_s']:.2f} s, {took['memory_mb']:.0f} MB; "
        f"after a new document {took['after_a_new_document_ms']:.1f} ms"
    )
    print(f"{'':28}{'p50 ms':>8}{'p95 ms':>8}{'p50 cpu':>9}{'p95 cpu':>9}")
    for name, row in took.items():
        if isinstance(row, dict):
            print(
                f"{name:28}{row['p50_ms']:8.1f}{row['p95_ms']:8.1f}{row['cpu_p50_ms']:9.1f}{row['cpu_p95_ms']:9.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
