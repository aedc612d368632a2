"""Search at size: from a thousand chunks to a million, in one language and in fifty, with and without filters.

    python -m benchmarks.at_size                      # everything; the JSON goes to docs/benchmarks/at_size.json
    python -m benchmarks.at_size --sizes 1000 10000   # a quick look
    python -m benchmarks.at_size --plot               # docs/benchmarks/at_size.png from the JSON (extra `plot`)

Texts and vectors are those of `benchmarks/many_passages.py`: real words in fifty languages, vectors of jv3-mini
multiplied; queries are real. With fifty languages the first has 22 % of the chunks and the last 0.4 %. A search
is `retrieve`, all that happens after the question is embedded: both legs, relevance, grouping, texts. Each index
is searched in a process of its own, which reports its first search, its memory after all of them, and times.
Recall@10 is against exact search in the same order: all stored rows, by z-score.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.many_passages import LANGUAGES, QUERIES, SPACELESS, RealPassages, real_passages, spread
from benchmarks.measure import machine
from jv3search.indexes import IndexReader, LedgerRow, Manifest, open_reader, open_writer
from jv3search.location import IndexLocation
from jv3search.search.normalization import cohort_statistics
from jv3search.search.retrieval import SearchOptions, SearchRequest, retrieve
from jv3search.types import Chunk, Document, EmbeddedDocument, Embedding, Filter, Mode, Source, Span, unit_rows

RESULTS = Path(__file__).parents[1] / "docs" / "benchmarks"
SIZES = (1_000, 10_000, 100_000, 1_000_000)
CHUNKS_A_DOCUMENT = 20
AT_ONCE = 200  # documents stored in one transaction
K = 10
FOLDERS = {"10%": 0.1, "1%": 0.01, "0.1%": 0.001}  # and their share of the documents
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROOT = "/corpus"


@dataclass(frozen=True)
class Stored:
    """What the index holds, by chunk id less one."""

    rows: NDArray[np.float16]
    languages: NDArray[np.str_]
    folders: NDArray[np.str_]


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--languages", type=int, nargs="+", default=(1, len(LANGUAGES)))
    parser.add_argument("--work", type=Path, help="folder to build the indexes in")
    parser.add_argument("--json", type=Path, default=RESULTS / "at_size.json")
    parser.add_argument("--plot", action="store_true", help="draw what was measured, measure nothing")
    parser.add_argument("--search", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.search:
        print(json.dumps(searched(options.search)))
    elif options.plot:
        plot(json.loads(options.json.read_text()), options.json.with_suffix(".png"))
    else:
        measure(options)


def measure(options: argparse.Namespace) -> None:
    """All sizes, each result written as soon as it is there."""
    result: dict[str, Any] = {
        "machine": f"{platform.machine()}, {machine()}",
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "k": K,
        "runs": [],
    }
    for languages in options.languages:
        real = real_passages(languages)
        for chunks in options.sizes:
            work = Path(tempfile.mkdtemp(prefix="jv3-at-size-", dir=options.work))
            try:
                result["runs"].append(run(work, real, chunks))
            finally:
                shutil.rmtree(work)
            options.json.parent.mkdir(parents=True, exist_ok=True)
            options.json.write_text(json.dumps(result, indent=1) + "\n")
            print(table(result["runs"][-1]), file=sys.stderr, flush=True)
    print(json.dumps(result, indent=1))


def run(work: Path, real: Sequence[RealPassages], chunks: int) -> dict[str, Any]:
    """One index: what it costs to build, and what a process that searches it says."""
    stored, costs = build(work / "index", real, chunks)
    questions, rows = asked(real)
    with open_reader(work / "index") as reader:
        right = {name: exact(reader, stored, rows, where) for name, where in filters(questions).items()}
    (work / "questions.json").write_text(json.dumps({"asked": questions, "right": right}))
    np.save(work / "questions.npy", rows)
    command = [sys.executable, "-m", "benchmarks.at_size", "--search", str(work)]
    (work / "began").write_text(str(time.time()))
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return {"chunks": chunks, "languages": len(real), **costs, **json.loads(done.stdout)}


def build(
    index: Path | IndexLocation, real: Sequence[RealPassages], chunks: int
) -> tuple[Stored, dict[str, float]]:
    """Store documents of one language each, in an order by chance, and build the vector index."""
    folder = IndexLocation.of(index).folder
    rng = np.random.default_rng(20)
    manifest = Manifest("jv3-mini", "0" * 64, "retrieval.passage", "", "late", 256, real[0].rows.shape[1], 1)
    kept: list[tuple[NDArray[np.float16], str, str]] = []
    spent = 0.0
    with open_writer(index, manifest) as writer:
        waiting = documents(real, chunks, rng)
        while batch := [document for document, _ in zip(waiting, range(AT_ONCE), strict=False)]:
            began = time.perf_counter()
            with writer.writing() as transaction:
                for document in batch:
                    transaction.replace(document, done_row(document))
            spent += time.perf_counter() - began
            kept += [
                (one.embeddings.astype(np.float16), one.language, one.source.uri.split("/")[2]) for one in batch
            ]
        began = time.perf_counter()
    closing = time.perf_counter() - began
    sizes = [len(rows) for rows, _, _ in kept]
    stored = Stored(
        np.concatenate([rows for rows, _, _ in kept]),
        np.repeat([language for _, language, _ in kept], sizes),
        np.repeat([place for _, _, place in kept], sizes),
    )
    costs = {
        "store_s": spent,
        "close_s": closing,  # learns the lists, fills them, measures how many to look into
        "index_mb": size(folder, "*"),
        "vectors_mb": size(folder, "*.faiss"),
    }
    return stored, costs


def documents(real: Sequence[RealPassages], chunks: int, rng: np.random.Generator) -> Iterator[EmbeddedDocument]:
    """Documents of twenty chunks, the last of a language shorter."""
    counts = dict(zip(range(len(real)), spread(chunks, len(real)), strict=True))
    order = [number for number, count in counts.items() for _ in range(-(-count // CHUNKS_A_DOCUMENT))]
    rng.shuffle(order)
    for at, number in enumerate(order):
        many = min(counts[number], CHUNKS_A_DOCUMENT)
        counts[number] -= many
        passages = real[number].more_texts(many, rng)
        yield document(at, real[number], passages, real[number].more_rows(many, rng), place(rng))


def place(rng: np.random.Generator) -> str:
    """The folder of a document."""
    return str(rng.choice([*FOLDERS, "rest"], p=[*FOLDERS.values(), 1 - sum(FOLDERS.values())]))


def document(
    at: int, real: RealPassages, passages: Sequence[str], rows: Embedding, folder: str
) -> EmbeddedDocument:
    """One, with its passages as chunks."""
    ends = np.cumsum([len(passage) for passage in passages]).tolist()
    chunks = tuple(
        Chunk(Span(end - len(passage), end), real.language, 60)
        for end, passage in zip(ends, passages, strict=True)
    )
    text = "".join(passages)
    source = Source(f"{ROOT}/{folder}/{at}.txt", f"{at:064x}", len(text), NOW)
    return EmbeddedDocument(source, Document(text, f"Document {at}", "txt"), real.language, chunks, rows)


def done_row(embedded: EmbeddedDocument) -> LedgerRow:
    """Its ledger row."""
    return LedgerRow(embedded.source.uri, embedded.source.digest, "done", NOW, chunks=len(embedded.chunks))


def asked(real: Sequence[RealPassages]) -> tuple[list[tuple[str, str, str]], Embedding]:
    """(question, its first words, language) and the questions' unit rows."""
    each = -(-QUERIES // len(real))
    questions = [
        (text, first_words(text, of_one.language), of_one.language)
        for of_one in real
        for text in of_one.questions[:each]
    ]
    return questions, unit_rows(np.concatenate([of_one.question_rows[:each] for of_one in real]))


def first_words(text: str, language: str) -> str:
    """As many as people type."""
    return text[:12] if language in SPACELESS else " ".join(text.split()[:6])


def filters(questions: Sequence[Sequence[str]]) -> dict[str, Filter]:
    """None, folders, and the language of the last question, which has the fewest chunks."""
    found = {"none": Filter()}
    found |= {name: Filter(under=frozenset({f"{ROOT}/{name}"})) for name in FOLDERS}
    if len({language for _, _, language in questions}) > 1:
        found["a language"] = Filter(languages=frozenset({questions[-1][2]}))
    return found


def exact(reader: IndexReader, stored: Stored, rows: Embedding, where: Filter) -> list[list[int]]:
    """The ids of the K chunks with the highest z-scores for each query, of all that a filter admits."""
    with reader.snapshot() as index:
        languages, samples = index.languages(), index.language_samples()
    offsets = np.stack([cohort_statistics(samples, row).offsets(languages) for row in rows])
    code_of = {name: code for code, name in enumerate(languages.names)}
    codes = np.array([code_of[name] for name in stored.languages])
    admitted = np.ones(len(stored.rows), bool)
    if where.under:
        admitted &= np.isin(stored.folders, [folder.rpartition("/")[2] for folder in where.under])
    if where.languages:
        admitted &= np.isin(stored.languages, sorted(where.languages))
    ids = np.flatnonzero(admitted) + 1
    best_ids, best = np.zeros((len(rows), 0), np.int64), np.zeros((len(rows), 0), np.float32)
    for start in range(0, len(ids), 50_000):
        part = ids[start : start + 50_000]
        scores = rows @ unit_rows(stored.rows[part - 1]).T - offsets[:, codes[part - 1]]
        best = np.concatenate([best, scores], axis=1)
        best_ids = np.concatenate([best_ids, np.broadcast_to(part, scores.shape)], axis=1)
        top = np.argpartition(-best, min(K, best.shape[1] - 1), axis=1)[:, :K]
        best, best_ids = np.take_along_axis(best, top, 1), np.take_along_axis(best_ids, top, 1)
    found: list[list[int]] = best_ids.tolist()
    return found


class Embedded:
    """An encoder that has the vector of each question ready."""

    def __init__(self, vectors: dict[str, Embedding]) -> None:
        self._vectors = vectors

    def encode_query(self, text: str) -> Embedding:
        """The vector that was made before."""
        return self._vectors[text]


def searched(work: Path) -> dict[str, Any]:
    """In a process of its own: the first search, all searches, memory."""
    told = json.loads((work / "questions.json").read_text())
    rows = np.load(work / "questions.npy")
    encoder = Embedded({text: row for (text, _, _), row in zip(told["asked"], rows, strict=True)})
    opened = time.perf_counter()
    with open_reader(work / "index") as reader:
        ask(reader, encoder, told["asked"][0], Filter(), "dense")
        first = {
            "first_search_s": time.perf_counter() - opened,
            "first_search_from_start_of_python_s": time.time() - float((work / "began").read_text()),
            "memory_after_first_mb": memory(),
        }
        every = filters(told["asked"])
        dense = {
            name: timed(reader, encoder, told["asked"], where, "dense", told["right"][name])
            for name, where in every.items()
        }
        alone = faiss_alone(reader, rows)
        after_dense = memory()
        hybrid = {
            name: timed(reader, encoder, told["asked"][::2], where, "hybrid", None)
            for name, where in every.items()
        }
    return {
        **first,
        "dense": dense,
        "faiss_alone": alone,
        "memory_after_dense_mb": after_dense,
        "hybrid": hybrid,
        "memory_mb": memory(),
    }


def ask(reader: IndexReader, encoder: Embedded, question: Sequence[str], where: Filter, mode: Mode) -> list[int]:
    """The ids of the hits."""
    text, words, language = question
    request = SearchRequest(text, text, words, language, where)
    found = retrieve(reader, encoder, request, SearchOptions(k=K, mode=mode))  # type: ignore[arg-type]
    return [hit.chunk_id for hit in found.hits]


def timed(
    reader: IndexReader,
    encoder: Embedded,
    questions: Sequence[Sequence[str]],
    where: Filter,
    mode: Mode,
    right: Sequence[Sequence[int]] | None,
) -> dict[str, float]:
    """Milliseconds of the first search with a filter and of all later ones; recall where `right` is known."""
    began = time.perf_counter()
    ask(reader, encoder, questions[0], where, mode)
    first = 1e3 * (time.perf_counter() - began)
    spent, busy, shares = [], [], []
    for number, question in enumerate(questions):
        began, worked = time.perf_counter(), time.thread_time()
        found = ask(reader, encoder, question, where, mode)
        spent.append(1e3 * (time.perf_counter() - began))
        busy.append(1e3 * (time.thread_time() - worked))
        if right is not None and right[number]:
            shares.append(len(set(found) & set(right[number])) / len(right[number]))
    figures = {"first_ms": first, **quantiles(spent, busy)}
    return figures | ({"recall": statistics.mean(shares)} if shares else {})


def faiss_alone(reader: IndexReader, rows: Embedding) -> dict[str, float]:
    """The vector index by itself, asked for as many as a search asks it for."""
    spent, busy = [], []
    with reader.snapshot() as index:
        for row in rows:
            offsets = cohort_statistics(index.language_samples(), row).offsets(index.languages())
            began, worked = time.perf_counter(), time.thread_time()
            index.vectors.nearest(row, 66, Filter(), offsets)
            spent.append(1e3 * (time.perf_counter() - began))
            busy.append(1e3 * (time.thread_time() - worked))
    return quantiles(spent, busy)


def quantiles(spent: Sequence[float], busy: Sequence[float]) -> dict[str, float]:
    """Of milliseconds; those of the processor are what it would take on an idle machine."""
    return {
        "p50_ms": statistics.median(spent),
        "p95_ms": statistics.quantiles(spent, n=20)[-1],
        "cpu_p50_ms": statistics.median(busy),
        "cpu_p95_ms": statistics.quantiles(busy, n=20)[-1],
    }


def memory() -> dict[str, float]:
    """Megabytes of this process: its own, and files that are mapped and may be dropped at any time."""
    status = Path("/proc/self/status")
    if not status.exists():
        return {}
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return {
        name: int(lines[key].split()[0]) / 1024 for name, key in (("anonymous", "RssAnon"), ("mapped", "RssFile"))
    }


def size(folder: Path, pattern: str) -> float:
    """Megabytes."""
    return sum(path.stat().st_size for path in folder.glob(pattern)) / 1e6


def table(figures: dict[str, Any]) -> str:
    """For people."""
    lines = [
        f"{figures['chunks']:,} chunks, {figures['languages']} languages: stored in {figures['store_s']:.1f} s, "
        f"vector index {figures['close_s']:.1f} s, {figures['index_mb']:.0f} MB, of it vectors "
        f"{figures['vectors_mb']:.0f}; first search {figures['first_search_s']:.2f} s, from the start of Python "
        f"{figures['first_search_from_start_of_python_s']:.2f} s",
        f"memory {figures['memory_after_dense_mb']} after dense searches, {figures['memory_mb']} after all",
        f"FAISS alone: {figures['faiss_alone']}",
        "mode    filter         p50 ms   p95 ms   CPU p50  CPU p95 first ms  recall@10",
    ]
    for mode in ("dense", "hybrid"):
        for name, row in figures[mode].items():
            times = "".join(
                f"{row[key]:9.2f}" for key in ("p50_ms", "p95_ms", "cpu_p50_ms", "cpu_p95_ms", "first_ms")
            )
            lines.append(f"{mode:7} {name:10} {times}  {row.get('recall', float('nan')):9.3f}")
    return "\n".join(lines)


def plot(result: dict[str, Any], path: Path) -> None:
    """How times, recall and memory grow with the index."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, (times, recall, room) = pyplot.subplots(1, 3, figsize=(13, 4), layout="constrained")
    for languages in sorted({run["languages"] for run in result["runs"]}):
        runs = [run for run in result["runs"] if run["languages"] == languages]
        sizes = [run["chunks"] for run in runs]
        label = "1 language" if languages == 1 else f"{languages} languages"
        for mode, key in (("dense", "p50_ms"), ("dense", "p95_ms"), ("hybrid", "p50_ms"), ("hybrid", "p95_ms")):
            style = "--" if key == "p95_ms" else "-"
            spent = [run[mode]["none"][key] for run in runs]
            times.plot(sizes, spent, style, label=f"{mode} {key[:3]}, {label}")
        recall.plot(sizes, [run["dense"]["none"]["recall"] for run in runs], label=label)
        room.plot(sizes, [sum(run["memory_mb"].values()) for run in runs], label=f"memory, {label}")
        room.plot(sizes, [run["index_mb"] for run in runs], "--", label=f"disk, {label}")
    for axes, title in ((times, "milliseconds"), (recall, "recall@10, dense"), (room, "megabytes")):
        axes.set(xscale="log", xlabel="chunks", title=title)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    times.set_yscale("log")
    room.set_yscale("log")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
