"""A search from a cold start with jv3-mini, and the share of it that is spent importing libraries.

    python -m benchmarks.cold_start [--rounds 5]

Every search is a process of its own over an index of the sample documents. Importing is measured in such a process
too: the same modules are imported and nothing else is done. Beside stand a search with the engine torch, and
`--help` for what needs no library.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import machine

SAMPLES = Path(__file__).parent.parent / "ingest" / "samples"
IMPORTS = (
    "import jv3search.cli.search, jv3search.knowledge_base, jv3search.indexes.index, "
    "jv3search.indexes.vectors.faiss, jv3search.encoders.jina_v3.encoder, "
    "jv3search.encoders.jina_v3.openvino_engine, jv3search.text.language, jv3search.readers"
)


def seconds(command: list[str]) -> float:
    """Wall time of one process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    """Medians of a few rounds, in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        index = ["--index", f"{scratch}/kb"]
        seconds(["-m", "jv3search", "ingest", str(SAMPLES), *index, "--model", "jv3-mini"])
        search = ["-m", "jv3search", "search", "Wie repariere ich ein Fahrrad?", *index]
        commands = {
            "search": search,
            "with torch": [*search, "--engine", "torch"],
            "imports alone": ["-c", IMPORTS],
            "torch alone": ["-c", "import torch"],
            "help": ["-m", "jv3search", "--help"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(options.rounds):
            for name, command in commands.items():
                times[name].append(seconds(command))
    medians = {name: round(statistics.median(values), 3) for name, values in times.items()}
    print(f"{machine()}; medians of {options.rounds}, seconds")
    for name, value in medians.items():
        print(f"{name:14} {value:7.2f}")
    print(f"share of importing: {medians['imports alone'] / medians['search']:.0%}")
    print(json.dumps(medians))


if __name__ == "__main__":
    main()
