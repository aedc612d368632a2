"""Every document of an index embedded again, by another model, from the text that is stored: no file is read.

It is one transaction: searches go on in the old vectors until all new ones are there, and a run that is cut off
changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from jv3search.encoders.port import Encoder
from jv3search.indexes import DocumentRow, IndexReader, IndexWriter, Manifest
from jv3search.ingest.document_vectors import document_vectors
from jv3search.ingest.prepare import split
from jv3search.translations.linking import link_translations
from jv3search.types import EmbeddedDocument, Source


def embed_again(
    reader: IndexReader, writer: IndexWriter, encoder: Encoder, manifest: Manifest, step: Callable[[], None]
) -> None:
    """Make an index one that `manifest` made, with `encoder`; `step` is told of each document."""
    known = writer.known()
    with writer.remade(manifest) as transaction:
        for embedded in _embedded(reader, encoder, manifest.chunk_tokens):
            row = known[embedded.source.uri]
            transaction.replace(embedded, replace(row, chunks=len(embedded.chunks), language=embedded.language))
            step()
    link_translations(writer)


def _embedded(reader: IndexReader, encoder: Encoder, chunk_tokens: int) -> Iterator[EmbeddedDocument]:
    for row in reader.documents():
        yield _embed(row, reader, encoder, chunk_tokens)


def _embed(row: DocumentRow, reader: IndexReader, encoder: Encoder, chunk_tokens: int) -> EmbeddedDocument:
    """A stored document, split and embedded as if its file were read now."""
    document, source = reader.document(row.uri), Source(row.uri, row.digest, row.size, row.modified)
    text, chunks, language = split(document, encoder, chunk_tokens)
    if not chunks:  # no word that this model knows: it stays in the index, to be found by none
        return EmbeddedDocument(source, document, row.language, (), np.empty((0, encoder.dimension), np.float32))
    (rows,) = encoder.encode_documents([text])
    (vectors,) = document_vectors([(text.tokens, chunks, rows)], encoder)
    return EmbeddedDocument(source, document, language, chunks, rows, vectors)
