"""jv3search through its Python interface: hybrid search with late chunking, as it is by default."""

from __future__ import annotations

from pathlib import Path

import jv3search
from benchmarks.peers.products import Found, Models, Rows, Search
from jv3search.types import Filter, Mode

THREADS = 2


def ingest(documents: Path, index: Path, models: Models, chunk_tokens: int) -> None:
    """The folder as it is."""
    settings = {"model": str(models.checkpoint), "chunk_tokens": chunk_tokens, "threads": THREADS}
    with jv3search.open(index, create=True, **settings) as kb:
        kb.ingest(documents)


def opened(index: Path, models: Models, mode: Mode = "hybrid") -> Search:
    """A search by folders: a language has one in each book."""
    kb = jv3search.open(index, threads=THREADS)

    def search(query: str, k: int, language: str | None) -> list[Found]:
        where = Filter(under=_folders(kb, language)) if language else Filter()
        return [(_file(hit.uri), hit.text) for hit in kb.search(query, k=k, where=where, mode=mode)]

    return search


def _folders(kb: jv3search.KnowledgeBase, language: str) -> frozenset[str]:
    parents = {Path(row.uri).parent for row in kb.documents()}
    return frozenset(str(folder) for folder in parents if folder.name == language)


def _file(uri: str) -> str:
    return str(Path(*Path(uri).parts[-3:]))


def vectors(passages: list[str], queries: list[str], models: Models) -> tuple[Rows, Rows]:
    """By the engine that this machine gets."""
    from jv3search.encoders.models import load

    encoder = load(models.checkpoint, THREADS)
    return encoder.encode(passages, "retrieval.passage").tolist(), encoder.encode(
        queries, "retrieval.query"
    ).tolist()
