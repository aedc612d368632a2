"""What one transaction does to the catalog: a document enters or leaves whole, with its ledger row."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import BigInteger, Integer, Text, bindparam, delete, insert, select, update

from jv3search.errors import InputError
from jv3search.indexes.catalog import links, pgvector, schema
from jv3search.indexes.catalog.schema import (
    BLOCK,
    body,
    chunk,
    document,
    embedding,
    index_info,
    ledger,
    tombstone,
)
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.manifest import Manifest
from jv3search.indexes.rows import LedgerRow
from jv3search.types import EmbeddedDocument

# Made once: putting a statement together takes longer than running it.
_URI = bindparam("wanted_uri", type_=Text)
_KEY = bindparam("key", type_=BigInteger)
_KEY_OF = select(document.c.id).where(document.c.uri == _URI)
_ADVANCE = update(index_info).values(
    generation=index_info.c.generation + 1,
    next_chunk=index_info.c.next_chunk + bindparam("chunks", type_=Integer),
)
_NOW = select(index_info.c.generation, index_info.c.next_chunk)
_BLOCKS_OF = select(embedding.c.first, embedding.c.chunks).where(embedding.c.document == _KEY)
_DROP = [
    *(delete(table).where(table.c.document == _KEY) for table in (embedding, chunk, body)),
    delete(document).where(document.c.id == _KEY),
]
_FORGET = delete(ledger).where(ledger.c.uri == _URI)
_ADD = {table.name: insert(table) for table in (document, body, chunk, embedding, tombstone, ledger)}


class WriteTransaction(ReadTransaction):
    """Changes to the catalog, kept together or not at all."""

    def create(self, manifest: Manifest, dimension: int, kind: str) -> None:
        """Make the tables of an empty index."""
        schema.metadata.create_all(self.connection, checkfirst=False)
        self.connection.execute(
            insert(index_info).values(
                id=1,
                schema=schema.VERSION,
                identity=uuid.uuid4().hex,
                manifest=asdict(manifest),
                dimension=dimension,
                kind=kind,
                generation=0,
                complete_since=0,
                next_chunk=1,
            )
        )
        if self.on_server:
            pgvector.create(self)

    def replace(self, embedded: EmbeddedDocument, row: LedgerRow) -> None:
        """Put a document in, in place of the one of the same uri if there is one."""
        generation, first = self._advance(len(embedded.chunks))
        self._drop(embedded.source.uri, generation)
        key = self._add_document(embedded)
        if embedded.chunks:
            self.connection.execute(_ADD["chunk"], _chunk_rows(embedded, key, first))
            self.connection.execute(_ADD["embedding"], _blocks(embedded, key, first, generation))
            self._add_searched(embedded, key, first)
        links.add_document(self, key, embedded.vectors)
        self.record([row])

    def move(self, old_uri: str, new_uri: str, row: LedgerRow) -> None:
        """Give a document another uri; what was there before leaves."""
        key = self._key(old_uri)
        if key is None:
            raise InputError(f"{old_uri} is not in the index, so it cannot become {new_uri}")
        if new_uri != old_uri:
            generation, _ = self._advance(0)
            self._drop(new_uri, generation)
            self.connection.execute(update(document).where(document.c.id == key).values(uri=new_uri))
            self.connection.execute(_FORGET, {"wanted_uri": old_uri})
        self.record([row])

    def remove(self, uri: str) -> bool:
        """Take a document and its ledger row out; False if there was neither."""
        stored = self._key(uri) is not None
        if stored:
            generation, _ = self._advance(0)
            self._drop(uri, generation)
        forgotten = self.connection.execute(_FORGET, {"wanted_uri": uri})
        return stored or forgotten.rowcount > 0

    def record(self, rows: Sequence[LedgerRow]) -> None:
        """Write ledger rows, each in place of its file's former one."""
        if rows:
            self.connection.execute(_FORGET, [{"wanted_uri": row.uri} for row in rows])
            self.connection.execute(_ADD["ledger"], [_values(row) for row in rows])

    def configure(self, dimension: int, kind: str) -> None:
        """Choose the vector index; every saved one is now out of date. The keywords still need the tombstones."""
        generation, _ = self._advance(0)
        self.connection.execute(
            update(index_info).values(dimension=dimension, kind=kind, complete_since=generation)
        )

    def remember(self, manifest: Manifest) -> None:
        """Say what made the index from now on."""
        self.connection.execute(update(index_info).values(manifest=asdict(manifest)))

    def _advance(self, chunks: int) -> tuple[int, int]:
        """A new generation, and the first of `chunks` ids that were never used before."""
        self.connection.execute(_ADVANCE, {"chunks": chunks})
        generation, next_chunk = self.connection.execute(_NOW).one()
        return generation, next_chunk - chunks

    def _key(self, uri: str) -> int | None:
        return self.connection.scalar(_KEY_OF, {"wanted_uri": uri})

    def _drop(self, uri: str, generation: int) -> None:
        key = self._key(uri)
        if key is None:
            return
        gone = [
            {"first": first, "chunks": chunks, "generation": generation}
            for first, chunks in self.connection.execute(_BLOCKS_OF, {"key": key})
        ]
        if gone:
            self.connection.execute(_ADD["tombstone"], gone)
        links.remove_document(self, key)
        if self.on_server:
            pgvector.drop(self, key)
        for statement in _DROP:
            self.connection.execute(statement, {"key": key})

    def _add_searched(self, embedded: EmbeddedDocument, key: int, first: int) -> None:
        if self.on_server:
            languages = [part.language for part in embedded.chunks]
            pgvector.add(self, first, key, languages, embedded.embeddings)

    def _add_document(self, embedded: EmbeddedDocument) -> int:
        source, read = embedded.source, embedded.document
        values = {
            "uri": source.uri,
            "digest": source.digest,
            "title": read.title,
            "format": read.format,
            "language": embedded.language,
            "size": source.size,
            "modified": source.modified,
            "ingested_at": datetime.now(UTC),
            "pages": len(read.pages),
            "chunks": len(embedded.chunks),
        }
        key = int(self.connection.execute(_ADD["document"], values).inserted_primary_key[0])  # type: ignore[index]
        pages = [page.as_row() for page in read.pages]
        sections = [section.as_row() for section in read.sections]
        texts = {"document": key, "pages": pages, "sections": sections, "text": read.text}
        self.connection.execute(_ADD["body"], texts)
        return key


def _values(row: LedgerRow) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in fields(row)}


def _chunk_rows(embedded: EmbeddedDocument, key: int, first: int) -> list[dict[str, Any]]:
    return [
        {
            "id": first + position,
            "document": key,
            "position": position,
            "start": part.span.start,
            "end": part.span.end,
            "language": part.language,
            "tokens": part.tokens,
            "page": part.page,
            "section": part.section,
        }
        for position, part in enumerate(embedded.chunks)
    ]


def _blocks(embedded: EmbeddedDocument, key: int, first: int, generation: int) -> list[dict[str, Any]]:
    rows = embedded.embeddings.astype("<f2")
    blocks = []
    for number, start in enumerate(range(0, len(rows), BLOCK)):
        blob = np.ascontiguousarray(rows[start : start + BLOCK]).tobytes()
        blocks.append(
            {
                "document": key,
                "number": number,
                "first": first + start,
                "chunks": min(BLOCK, len(rows) - start),
                "generation": generation,
                "crc32": zlib.crc32(blob),
                "rows": blob,
            }
        )
    return blocks
