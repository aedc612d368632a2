"""A process of one library, started by `benchmarks.peers.libraries`: it builds an index, or searches in one.

python -m benchmarks.peers.store "FAISS, flat" build ROWS FOLDER
python -m benchmarks.peers.store "FAISS, flat" search QUERIES FOLDER    prints a line at the first answer
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.peers.stores import STORES
from benchmarks.peers.vectors import K


def main() -> None:
    """Build or search, and print JSON."""
    name, action, numbers, folder = sys.argv[1:]
    rows = np.load(numbers, mmap_mode="r")
    if action == "build":
        STORES[name].build(rows, Path(folder))
        return
    search = STORES[name].opened(Path(folder))
    queries = [np.array(row) for row in rows]
    search(queries[0], K)
    print(json.dumps({}), flush=True)
    found, milliseconds = [], []
    for query in queries:
        began = time.perf_counter()
        found.append(search(query, K))
        milliseconds.append(1e3 * (time.perf_counter() - began))
    print(json.dumps({"found": found, "milliseconds": milliseconds}), flush=True)


if __name__ == "__main__":
    main()
