"""Search alone: libraries for vectors and jv3search's own dense search, on the same vectors.

    python -m benchmarks.peers.libraries [--sizes 1000 10000 100000] [--limit 120] [--only NAME ...]

Adds 1,000,000 with `--sizes 1000 10000 100000 1000000 --limit 900`. Prints a table, and writes
docs/benchmarks/libraries.json. See docs/benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import RESULTS
from benchmarks.peers.documents import WORK
from benchmarks.peers.processes import THREADS, machine, run
from benchmarks.peers.stores import STORES
from benchmarks.peers.vectors import nearest, noisy, real, recall

SIZES = (1_000, 10_000, 100_000)
_PACKAGES = ("jv3search", "faiss-cpu", "usearch", "lancedb", "chromadb", "qdrant-client")


def main() -> None:
    """Every library at every size, size by size; print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--every", type=int, default=6, help="take the vectors of every n-th page")
    parser.add_argument("--limit", type=float, default=120, help="seconds that one process may take")
    parser.add_argument("--only", nargs="*", default=list(STORES), help="names of libraries")
    parser.add_argument("--out", type=Path, default=RESULTS / "libraries.json")
    options = parser.parse_args()
    facts = machine()
    WORK.mkdir(parents=True, exist_ok=True)
    chunks, queries = real(options.every)
    measured: dict[str, dict[str, Any]] = {name: {} for name in options.only}
    for size in options.sizes:
        with tempfile.TemporaryDirectory(prefix="jv3search-libraries-", dir=WORK) as work:
            rows, asked = Path(work) / "rows.npy", Path(work) / "queries.npy"
            np.save(asked, queries)
            wanted = nearest(noisy(chunks, size, rows), queries)
            for name, of in measured.items():
                if not any("over_limit" in row for row in of.values()):
                    print(f"{size:,} rows: {name} ...", file=sys.stderr)
                    of[str(size)] = _measured(name, rows, asked, wanted, options.limit)
    result = {
        "machine": facts,
        "threads": THREADS,
        "versions": {package: version(package) for package in _PACKAGES},
        "vectors": {"real": len(chunks), "queries": len(queries), "dimension": chunks.shape[1]},
        "limit_s": options.limit,
        "libraries": measured,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(measured))


def _measured(name: str, rows: Path, asked: Path, wanted: NDArray[np.int64], limit: float) -> dict[str, Any]:
    """One library at one size; what it did not do in time is said, not left out."""
    with tempfile.TemporaryDirectory(prefix="store-", dir=rows.parent) as folder:
        try:
            built = run("benchmarks.peers.store", name, "build", str(rows), folder, limit=limit)
            searched = run("benchmarks.peers.store", name, "search", str(asked), folder, limit=limit)
        except TimeoutError as error:
            print(error, file=sys.stderr)
            return {"over_limit": limit}
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    answers = searched.lines[1]
    return {
        "build_s": round(built.seconds, 2),
        "build_mb": round(built.megabytes),
        "disk_mb": round(size / 1e6, 1),
        "first_answer_s": round(searched.line_seconds[0], 2),
        "search_mb": round(searched.megabytes),
        "p50_ms": round(statistics.median(answers["milliseconds"]), 3),
        "p95_ms": round(statistics.quantiles(answers["milliseconds"], n=20)[-1], 3),
        "recall": round(recall(answers["found"], wanted), 4),
    }


def table(measured: dict[str, dict[str, Any]]) -> str:
    """For people."""
    lines = [f"{'':20}{'rows':>10}  build s   MB   disk MB  first s     MB   p50 ms    p95 ms  recall@10"]
    for name, sizes in measured.items():
        for size, row in sizes.items():
            if "over_limit" in row:
                lines.append(f"{name:20}{int(size):>10,}  not done in {row['over_limit']:.0f} s")
                continue
            lines.append(
                f"{name:20}{int(size):>10,}{row['build_s']:9.1f}{row['build_mb']:6}{row['disk_mb']:9.1f}"
                f"{row['first_answer_s']:9.2f}{row['search_mb']:7}{row['p50_ms']:9.2f}{row['p95_ms']:10.2f}"
                f"{row['recall']:9.3f}"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
