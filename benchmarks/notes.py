"""Ingest of small notes with jv3-mini: seconds of processor time, of the reading child too, and of a second run.

    python -m benchmarks.notes [--notes 2200]

The notes are everyday sentences in 21 languages, a few a note. In the second run every file is unchanged.
"""

from __future__ import annotations

import argparse
import csv
import random
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import jv3search
from benchmarks.measure import machine

TEXTS = Path(__file__).parent.parent / "training" / "everyday_texts"


def main() -> None:
    """Ingest twice and print what each took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notes", type=int, default=2200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "notes")
        write_notes(folder, options.notes)
        print(f"{machine()}; {options.notes} notes")
        for run in ("first", "unchanged"):
            began, cpu = time.perf_counter(), processor_seconds()
            with jv3search.open(Path(scratch, "index"), create=True, model="jv3-mini") as kb:
                kb.ingest(folder)
            seconds = time.perf_counter() - began
            print(f"{run:10} {processor_seconds() - cpu:7.1f} s of processor time, {seconds:7.1f} s")


def write_notes(folder: Path, count: int) -> None:
    """`count` text files, the same each time."""
    chooser = random.Random(0)
    every = sentences()
    folder.mkdir()
    for number, language in zip(range(count), _in_turns(sorted(every)), strict=False):
        chosen = chooser.sample(every[language], chooser.randint(1, 3))
        text = "\n\n".join(f"{question}\n{statement}" for question, statement in chosen)
        Path(folder, f"{number:05}-{language}.txt").write_text(text, encoding="utf-8")


def processor_seconds() -> float:
    """Of this process and of those it started that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


@cache
def sentences() -> dict[str, list[tuple[str, str]]]:
    """(question, statement) pairs by language."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path in sorted(TEXTS.glob("*.tsv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                found[row["language"]].append((row["question"], row["statement"]))
    return found


def _in_turns(languages: list[str]) -> Iterator[str]:
    while True:
        yield from languages


if __name__ == "__main__":
    main()
