"""txtai: Segmentation by chonkie's sentence chunker, Embeddings with content in SQLite and vectors in FAISS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from txtai import Embeddings
from txtai.pipeline import Segmentation

from benchmarks.peers.products import Found, Models, Rows, Search, pages


def ingest(documents: Path, index: Path, models: Models, chunk_tokens: int) -> None:
    """Split, embed, save."""
    tokenizer = Tokenizer.from_file(str(models.passages / "tokenizer.json"))
    split = Segmentation(chunker="sentence", tokenizer=tokenizer, chunk_size=chunk_tokens, cleantext=False)

    def chunks() -> Iterator[dict[str, Any]]:
        for file, language, text in pages(documents):
            yield from ({"text": words, "file": file, "language": language} for words in split(text))

    with Embeddings(path=str(models.passages), content=True) as embeddings:
        embeddings.index(chunks())
        embeddings.save(str(index))


def opened(index: Path, models: Models) -> Search:
    """The saved index with the model for queries."""
    embeddings = Embeddings()
    embeddings.load(str(index), config={"path": str(models.queries)})
    candidates = embeddings.count()  # a filter is applied to so many nearest chunks

    def search(query: str, k: int, language: str | None) -> list[Found]:
        where = f"similar(:query, {candidates}) and language = :language" if language else "similar(:query)"
        statement = f"select file, text, score from txtai where {where} limit {k}"
        rows = embeddings.search(statement, k, parameters={"query": query, "language": language})
        return [(row["file"], row["text"]) for row in rows]

    return search


def vectors(passages: list[str], queries: list[str], models: Models) -> tuple[Rows, Rows]:
    """By its own pooling over transformers."""
    documents, asked = Embeddings(path=str(models.passages)), Embeddings(path=str(models.queries))
    rows = documents.batchtransform(passages, category="data"), asked.batchtransform(queries, category="query")
    return [list(map(float, row)) for row in rows[0]], [list(map(float, row)) for row in rows[1]]
