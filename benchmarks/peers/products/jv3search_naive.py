"""jv3search without late chunking: the same chunks, each embedded alone, searched by meaning only."""

from __future__ import annotations

from pathlib import Path

import jv3search
from benchmarks.peers.products import Models, Search
from benchmarks.peers.products import jv3search as plain
from jv3search.evaluation.temporary_index import with_pooling


def ingest(documents: Path, index: Path, models: Models, chunk_tokens: int) -> None:
    """From the documents and chunks of jv3search's index, which lies beside this one."""
    with jv3search.open(index.with_name("jv3search"), threads=plain.THREADS) as kb:
        with_pooling(index, kb.reader, kb.encoder, "naive", lambda: None).close()


def opened(index: Path, models: Models) -> Search:
    """By meaning alone."""
    return plain.opened(index, models, "dense")
