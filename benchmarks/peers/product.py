"""A process of one product, started by `python -m benchmarks.peers`: it ingests, answers, or shows its vectors.

python -m benchmarks.peers.product txtai ingest JOB     JOB: a file with JSON
python -m benchmarks.peers.product txtai answer JOB     prints a line when the first answer is there
python -m benchmarks.peers.product txtai vectors JOB
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.peers.products import Found, Models, Search

PRODUCTS = {
    "jv3search": "jv3search",
    "LangChain, FAISS": "langchain_faiss",
    "LlamaIndex, Chroma": "llama_index_chroma",
    "txtai": "txtai",
}
"""Name -> module below `products`."""

VARIANTS = {"jv3search, dense": "jv3search_dense", "jv3search, naive": "jv3search_naive"}
"""Other ways to search with jv3search, of which only the quality is measured."""


def main() -> None:
    """Do one job and print JSON."""
    name, action, job = sys.argv[1:]
    module = import_module(f"benchmarks.peers.products.{(PRODUCTS | VARIANTS)[name]}")
    given = json.loads(Path(job).read_text(encoding="utf-8"))
    models = Models(*map(Path, given["models"]))
    if action == "ingest":
        module.ingest(Path(given["documents"]), Path(given["index"]), models, given["chunk_tokens"])
    elif action == "answer":
        _answer(module.opened(Path(given["index"]), models), given["queries"])
    else:
        passages, queries = module.vectors(given["passages"], given["queries"], models)
        _say({"passages": passages, "queries": queries})


def _answer(search: Search, queries: list[tuple[str, int, str | None]]) -> None:
    """The first answer at once, then every query on its own: passages and milliseconds."""
    _say({"first": search(*queries[0])})
    found: list[list[Found]] = []
    milliseconds: list[float] = []
    for query in queries:
        began = time.perf_counter()
        found.append(search(*query))
        milliseconds.append(1e3 * (time.perf_counter() - began))
    _say({"found": found, "milliseconds": milliseconds})


def _say(value: dict[str, Any]) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main()
