"""Kill a writing process at random moments and look what it left: python -m tests.indexes.kill_loop [KILLS]."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from jv3search.indexes import open_reader, open_writer
from jv3search.types import Filter
from tests.legs import keyword

from .corpus import MANIFEST, Oracle, check_dense, document, done, rows

NAMES = 40  # documents that are written again and again
QUERIES = rows(4, seed=97)


def write_until_killed(folder: Path, seed: int) -> None:
    """Replace, remove and reindex, saying before and after each commit what it is."""
    dice = random.Random(seed)
    version = seed * 1000
    while True:
        with open_writer(folder, MANIFEST, kind="flat", timeout=10) as writer:
            for _ in range(dice.randrange(1, 30)):
                version += 1
                uri = f"/{dice.randrange(NAMES)}"
                verb = dice.choice(("replace", "replace", "replace", "remove"))
                say("try", verb, uri, version)
                if verb == "replace":
                    embedded = document(uri, 1 + version % 30, seed=int(uri[1:]), version=version)
                    writer.replace(embedded, done(embedded))
                else:
                    writer.remove(uri)
                say("did", verb, uri, version)
            if dice.random() < 0.3:
                writer.reindex(dimension=dice.choice((16, 32)))


def say(*words: object) -> None:
    """One line, whole or not at all."""
    os.write(1, (json.dumps(words) + "\n").encode())


def kill_once(folder: Path, seed: int) -> list[list[object]]:
    """Start a writer, kill it within half a second of its first words, return what it said."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.indexes.kill_loop", "write", str(folder), str(seed)], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    first = child.stdout.readline()
    time.sleep(random.Random(seed).uniform(0, 0.5))
    child.send_signal(signal.SIGKILL)
    rest = child.stdout.read()
    child.stdout.close()
    child.wait()
    said = []
    for line in (first + rest).splitlines():
        with suppress(json.JSONDecodeError):
            said.append(json.loads(line))
    return said


def follow(held: dict[str, int], said: list[list[object]]) -> tuple[dict[str, int], dict[str, int]]:
    """The versions after all that was done, and after the one change that was perhaps done too."""
    held = dict(held)
    maybe = dict(held)
    for moment, verb, uri, version in said:
        after = {key: value for key, value in held.items() if key != uri}
        maybe = {**after, uri: version} if verb == "replace" else after
        if moment == "did":
            held = maybe
    return held, maybe


def found(folder: Path) -> dict[str, int]:
    """The versions in the index, after checking that every search finds just what they hold."""
    oracle = Oracle()
    with open_reader(folder) as reader:
        held = {row.uri: int(row.digest[32:], 16) for row in reader.documents()}
        for uri, version in held.items():
            embedded = document(uri, 1 + version % 30, seed=int(uri[1:]), version=version)
            assert reader.document(uri) == embedded.document
            assert tuple(reader.chunks(uri)) == embedded.chunks
            oracle.replace(embedded)
            words = Filter(phrases=(f"{version}.0",), under=frozenset((uri,)))
            assert [hit.uri for hit in keyword(reader, f"{version}", 2, words)] == [uri]
        assert reader.status().wordless == 0
        assert {row.uri for row in reader.ledger()} == set(held)
        assert reader.status().chunks == sum(len(one.chunks) for one in oracle.documents.values())
        for query in QUERIES:
            check_dense(reader, oracle, query, 8)
    return held


def run(folder: Path, kills: int, seed: int = 1) -> dict[str, int]:
    """Kill so often; AssertionError if an acknowledged document is lost, doubled, partial or not found."""
    held: dict[str, int] = {}
    acknowledged = 0
    for kill in range(kills):
        said = kill_once(folder, seed + kill)
        acknowledged += sum(words[0] == "did" for words in said)
        sure, maybe = follow(held, said)
        held = found(folder)
        assert held in (sure, maybe), f"kill {kill}: {held} is neither {sure} nor {maybe}"
    return {"kills": kills, "acknowledged": acknowledged, "lost": 0, "doubled": 0, "documents": len(held)}


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write_until_killed(Path(sys.argv[2]), int(sys.argv[3]))
    with tempfile.TemporaryDirectory() as work:
        print(run(Path(work) / "index", int(sys.argv[1]) if len(sys.argv) > 1 else 50))
