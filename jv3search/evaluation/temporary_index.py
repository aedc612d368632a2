"""Indexes made for one evaluation and deleted afterwards: another pooling, another dimension.

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

import numpy as np

from jv3search.encoders.late_chunking import token_ranges
from jv3search.encoders.port import ChunkedText, Encoder
from jv3search.evaluation.beir import CorpusDocument
from jv3search.evaluation.cached_encoder import cut
from jv3search.indexes import IndexReader, LedgerRow, Manifest, open_reader, open_writer
from jv3search.ingest.prepare import opening, split
from jv3search.types import UNKNOWN_LANGUAGE, Chunk, Document, EmbeddedDocument, Embedding, Source

Pooling = Literal["late", "naive"]
Step = Callable[[], None]

_AT_ONCE = 64  # documents embedded together
_NOW = datetime(2000, 1, 1, tzinfo=UTC)  # no evaluation looks at dates


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Where an index can be made that is deleted afterwards."""
    with TemporaryDirectory(prefix="jv3search-eval-") as folder:
        yield Path(folder) / "index"


def index_corpus(
    folder: Path,
    corpus: Sequence[CorpusDocument],
    encoder: Encoder,
    manifest: Manifest,
    pooling: Pooling,
    step: Step,
) -> IndexReader:
    """A new index of a data set's corpus, `uri` the id of each document; none without a word in it."""
    return _made(folder, replace(manifest, pooling=pooling), _embedded(corpus, encoder, manifest, pooling), step)


def with_pooling(folder: Path, reader: IndexReader, encoder: Encoder, pooling: Pooling, step: Step) -> IndexReader:
    """The same documents and chunks, embedded again in another way."""
    documents = (
        replace(stored, embeddings=rows)
        for stored in _stored(reader)
        for rows in _embed([(stored.document, stored.chunks)], encoder, pooling)
    )
    return _made(folder, replace(reader.manifest, pooling=pooling), documents, step)


def with_dimension(folder: Path, reader: IndexReader, dimension: int, step: Step) -> IndexReader:
    """The same index as if the model had made only `dimension` values: none is left to score again with."""
    documents = (replace(d, embeddings=cut(d.embeddings, dimension)) for d in _stored(reader))
    return _made(folder, replace(reader.manifest, dimension=dimension), documents, step)


def _made(folder: Path, manifest: Manifest, documents: Iterable[EmbeddedDocument], step: Step) -> IndexReader:
    with open_writer(folder, manifest) as writer:
        for document in documents:
            writer.replace(document, _row(document))
            step()
    return open_reader(folder)


def _row(document: EmbeddedDocument) -> LedgerRow:
    return LedgerRow(document.source.uri, document.source.digest, "done", _NOW)


def _stored(reader: IndexReader) -> Iterator[EmbeddedDocument]:
    """Everything in an index, as it was when it was stored."""
    for row in reader.documents():
        source = Source(row.uri, row.digest, row.size, row.modified)
        chunks = tuple(reader.chunks(row.uri))
        yield EmbeddedDocument(source, reader.document(row.uri), row.language, chunks, reader.embeddings(row.uri))


def _embedded(
    corpus: Sequence[CorpusDocument], encoder: Encoder, manifest: Manifest, pooling: Pooling
) -> Iterator[EmbeddedDocument]:
    for start in range(0, len(corpus), _AT_ONCE):
        split = [_split(of, encoder, manifest.chunk_tokens) for of in corpus[start : start + _AT_ONCE]]
        batch = [document for document in split if document.chunks]
        rows = _embed([(document.document, document.chunks) for document in batch], encoder, pooling)
        for document, embeddings in zip(batch, rows, strict=True):
            yield replace(document, embeddings=embeddings)


def _split(of: CorpusDocument, encoder: Encoder, chunk_tokens: int) -> EmbeddedDocument:
    """A document of the corpus with its chunks, in the language it was said to be in, not embedded yet."""
    text = "\n\n".join(part for part in (of.title, of.text) if part.strip())
    document = Document(text, of.title, "txt")
    _, chunks, _ = split(document, encoder, chunk_tokens)
    if of.language != UNKNOWN_LANGUAGE:
        chunks = tuple(replace(chunk, language=of.language) for chunk in chunks)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    source = Source(of.id, digest, len(text), _NOW)
    unknown = np.zeros((len(chunks), encoder.dimension), np.float32)
    return EmbeddedDocument(source, document, of.language, chunks, unknown)


def _embed(
    documents: Sequence[tuple[Document, Sequence[Chunk]]], encoder: Encoder, pooling: Pooling
) -> list[Embedding]:
    """A (chunks, dimension) array for each document."""
    if not documents:
        return []
    if pooling == "late":
        return encoder.encode_documents([_passages(document, chunks, encoder) for document, chunks in documents])
    texts = [chunk.span.of(document.text) for document, chunks in documents for chunk in chunks]
    ends = np.cumsum([len(chunks) for _, chunks in documents])
    return np.split(encoder.encode(texts, "retrieval.passage"), ends[:-1])


def _passages(document: Document, chunks: Sequence[Chunk], encoder: Encoder) -> ChunkedText:
    tokens = encoder.tokenize(document.text)
    spans = [chunk.span for chunk in chunks]
    return ChunkedText(tokens, token_ranges(tokens, spans), opening(document.sections, spans))
