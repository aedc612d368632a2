"""jv3search as it is, searched by meaning only."""

from __future__ import annotations

from pathlib import Path

from benchmarks.peers.products import Models, Search
from benchmarks.peers.products import jv3search as plain


def ingest(documents: Path, index: Path, models: Models, chunk_tokens: int) -> None:
    """jv3search's index is searched, which lies beside this one."""


def opened(index: Path, models: Models) -> Search:
    """By meaning alone."""
    return plain.opened(index.with_name("jv3search"), models, "dense")
