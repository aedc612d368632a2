"""Ingest on a Ray cluster of 1, 2 and 3 nodes on this machine, against the ingest without Ray, in one run.

    make test-ray                                             # once: Ray in an environment of its own
    .venv-ray/bin/python -m benchmarks.cluster [--notes 1000] [--nodes 1 2 3] [--rounds 1]

Small notes in 21 languages with jv3-mini. Each node is processes of its own, on loopback, with one CPU to give:
its encoder runs on one thread. `documents/min` is of the whole ingest, from asking for the cluster to the closed
index; `stored/min` leaves out the start: it counts from the first stored document to the last. Then a node is
killed after a quarter of the documents; and the process that was started is killed after half of them, and started
again. `embedded twice` counts shards that were made again, `lost` and `doubled` documents.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jv3search
from benchmarks.kills import ingest_command
from benchmarks.measure import machine
from benchmarks.notes import write_notes

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notes", type=int, default=1000)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    set_environment()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "notes")
        write_notes(folder, options.notes)
        print(f"{machine()}; {options.notes} notes")
        print(f"{'':22}{'documents/min':>15}{'stored/min':>12}")
        for number in range(options.rounds):
            report("without Ray", *timed(folder, Path(scratch, f"alone-{number}")))
            for count in options.nodes:
                with nodes(count):
                    index = Path(scratch, f"{count}-{number}")
                    report(f"{count} nodes", *timed(folder, index, on="auto", shards=Path(f"{index}-shards")))
        with nodes(3) as kill:
            said = after_a_dead_node(folder, Path(scratch, "dead"), options.notes, kill)
            print(f"a node killed: {', '.join(said)}")
        with nodes(2):
            said = after_a_kill(folder, Path(scratch, "killed"), options.notes)
            print(f"the process killed: {', '.join(said)}")


def set_environment() -> None:
    """Read when Ray is imported: everything on loopback, nothing sent, no token in the home folder."""
    os.environ |= {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "disabled",
    }


@contextmanager
def nodes(count: int) -> Iterator[Callable[[], None]]:
    """A cluster of so many nodes of one CPU for --on auto; gives what kills one of them."""
    warnings.simplefilter("ignore")
    from ray.cluster_utils import Cluster

    cluster: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    started = [cluster.add_node(num_cpus=1, wait=False) for _ in range(count)]
    cluster.wait_for_nodes()
    os.environ["RAY_ADDRESS"] = cluster.address
    try:
        yield lambda: cluster.remove_node(started.pop(), allow_graceful=False)
    finally:
        cluster.shutdown()
        del os.environ["RAY_ADDRESS"]


def timed(
    folder: Path, index: Path, on_file: Callable[[int], None] = lambda stored: None, **cluster: Any
) -> tuple[float, float]:
    """Documents a minute of an ingest, with and without its start; `on_file` is told how many are stored."""
    times: list[float] = []

    def stored(row: object) -> None:
        times.append(time.perf_counter())
        on_file(len(times))

    began = time.perf_counter()
    with jv3search.open(index, create=True, model="jv3-mini") as kb:
        kb.ingest(folder, on_file=stored, **cluster)
    seconds = time.perf_counter() - began
    return 60 * len(times) / seconds, 60 * len(times) / (times[-1] - times[0])


def report(name: str, whole: float, stored: float) -> None:
    """One line of the table."""
    print(f"{name:22}{whole:15,.0f}{stored:12,.0f}")


def after_a_dead_node(folder: Path, index: Path, notes: int, kill: Callable[[], None]) -> list[str]:
    """What an ingest lost or doubled though a node died in the middle."""

    def strike(stored: int) -> None:
        if stored == notes // 4:
            kill()

    whole, _ = timed(folder, index, strike, on="auto", shards=Path(f"{index}-shards"))
    return [f"{whole:,.0f} documents/min", *losses(folder, index)]


def after_a_kill(folder: Path, index: Path, notes: int) -> list[str]:
    """What was lost, doubled or embedded twice when an ingest is killed and started again."""
    shards = Path(f"{index}-shards")
    command = [*ingest_command(folder, index), "--on", "auto", "--shards", str(shards)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as run:
        while run.poll() is None and len(list(shards.rglob("*.parquet"))) < notes // 2:
            time.sleep(0.1)
        run.kill()
    time.sleep(5)  # for workers that had not noticed
    before = {path: path.stat().st_mtime_ns for path in shards.rglob("*.parquet")}
    timed(folder, index, on="auto", shards=shards)
    after = {path: path.stat().st_mtime_ns for path in shards.rglob("*.parquet")}
    twice = sum(after.get(path) != stamp for path, stamp in before.items()) + len(after) - notes
    return [f"{len(before)} shards were there", f"embedded twice {twice}", *losses(folder, index)]


def losses(folder: Path, index: Path) -> list[str]:
    """Documents of a folder that an index has not, or has more than once."""
    wanted = sorted(str(path) for path in folder.iterdir())
    with jv3search.open(index) as kb:
        uris = [row.uri for row in kb.documents()]
    return [f"lost {len(set(wanted) - set(uris))}", f"doubled {len(uris) - len(set(uris))}"]


if __name__ == "__main__":
    main()
