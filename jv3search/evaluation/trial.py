"""Indexes made for one evaluation, in a folder that is thrown away: another pooling, another dimension.

Naive pooling embeds each chunk's text alone, as systems without late chunking do; the chunks are the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from jv3search.encoders.late_chunking import join_tokenless
from jv3search.encoders.port import Encoder
from jv3search.errors import EmptyDocument
from jv3search.evaluation.beir import Passage
from jv3search.evaluation.variant import cut
from jv3search.indexes import LedgerRow, Reader, Recipe, open_reader, open_writer
from jv3search.ingest.chunking import chunk_spans
from jv3search.ingest.pipeline import make_chunks
from jv3search.types import UNKNOWN_LANGUAGE, Chunk, Document, EmbeddedDocument, Embedding, Source

Pooling = Literal["late", "naive"]
Step = Callable[[], None]

_NOW = datetime(2000, 1, 1, tzinfo=UTC)  # nobody asks a trial index for its dates


@contextmanager
def scratch() -> Iterator[Path]:
    """Where an index can be made that is deleted afterwards."""
    with TemporaryDirectory(prefix="jv3search-eval-") as folder:
        yield Path(folder) / "index"


def index_passages(
    folder: Path, passages: Sequence[Passage], encoder: Encoder, recipe: Recipe, pooling: Pooling, step: Step
) -> Reader:
    """A new index of a data set's corpus: one document a passage, `uri` its id."""
    return _made(folder, replace(recipe, pooling=pooling), _embedded(passages, encoder, recipe, pooling), step)


def pooled_anew(folder: Path, reader: Reader, encoder: Encoder, pooling: Pooling, step: Step) -> Reader:
    """The same documents and chunks, embedded again in another way."""
    documents = (replace(d, embeddings=_embed(d.document, d.chunks, encoder, pooling)) for d in _held(reader))
    return _made(folder, replace(reader.recipe, pooling=pooling), documents, step)


def cut_down(folder: Path, reader: Reader, dimension: int, step: Step) -> Reader:
    """The same index as if the model had made only `dimension` values: none is left to score again with."""
    documents = (replace(d, embeddings=cut(d.embeddings, dimension)) for d in _held(reader))
    return _made(folder, replace(reader.recipe, dimension=dimension), documents, step)


def _made(folder: Path, recipe: Recipe, documents: Iterable[EmbeddedDocument], step: Step) -> Reader:
    with open_writer(folder, recipe) as writer:
        for document in documents:
            writer.replace(document, _row(document))
            step()
    return open_reader(folder)


def _row(document: EmbeddedDocument) -> LedgerRow:
    return LedgerRow(document.source.uri, document.source.digest, "done", _NOW)


def _held(reader: Reader) -> Iterator[EmbeddedDocument]:
    """Everything in an index, as it was when it was stored."""
    for row in reader.documents():
        source = Source(row.uri, row.digest, row.size, row.modified)
        chunks = tuple(reader.chunks(row.uri))
        yield EmbeddedDocument(source, reader.document(row.uri), row.language, chunks, reader.embeddings(row.uri))


def _embedded(
    passages: Iterable[Passage], encoder: Encoder, recipe: Recipe, pooling: Pooling
) -> Iterator[EmbeddedDocument]:
    for passage in passages:
        text = "\n\n".join(part for part in (passage.title, passage.text) if part.strip())
        document = Document(text, passage.title, "txt")
        chunks = _chunks(document, passage, encoder, recipe.chunk_tokens)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        source = Source(passage.id, digest, len(text), _NOW)
        rows = _embed(document, chunks, encoder, pooling)
        yield EmbeddedDocument(source, document, passage.language, chunks, rows)


def _chunks(document: Document, passage: Passage, encoder: Encoder, chunk_tokens: int) -> tuple[Chunk, ...]:
    tokens = encoder.tokenize(document.text)
    spans = join_tokenless(tokens, chunk_spans(document, tokens.starts, chunk_tokens))
    if not spans:
        raise EmptyDocument(f"document {passage.id!r} of the corpus holds no word that the model knows")
    chunks, _ = make_chunks(document, tokens, spans)
    if passage.language == UNKNOWN_LANGUAGE:
        return chunks
    return tuple(replace(chunk, language=passage.language) for chunk in chunks)


def _embed(document: Document, chunks: Sequence[Chunk], encoder: Encoder, pooling: Pooling) -> Embedding:
    spans = [chunk.span for chunk in chunks]
    if pooling == "naive":
        return encoder.encode([span.of(document.text) for span in spans], "retrieval.passage")
    (rows,) = encoder.encode_passages([(encoder.tokenize(document.text), spans)])
    return rows
