"""What one transaction does to the catalog: a document enters or leaves whole, with its ledger row."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import delete, insert, select, update

from jv3search.errors import InputError
from jv3search.indexes import schema
from jv3search.indexes.recipe import Recipe
from jv3search.indexes.rows import LedgerRow
from jv3search.indexes.schema import BLOCK, body, chunk, document, embedding, index_info, ledger, tombstone
from jv3search.indexes.view import View
from jv3search.types import EmbeddedDocument


class Change(View):
    """Changes to the catalog, kept together or not at all."""

    def create(self, recipe: Recipe, dimension: int, kind: str) -> None:
        """Make the tables of an empty index."""
        schema.metadata.create_all(self.connection, checkfirst=False)
        self.connection.execute(
            insert(index_info).values(
                id=1,
                schema=schema.VERSION,
                identity=uuid.uuid4().hex,
                recipe=asdict(recipe),
                dimension=dimension,
                kind=kind,
                generation=0,
                complete_since=0,
                next_chunk=1,
            )
        )

    def replace(self, embedded: EmbeddedDocument, row: LedgerRow) -> None:
        """Put a document in, in place of the one of the same uri if there is one."""
        generation, first = self._advance(len(embedded.chunks))
        self._drop(embedded.source.uri, generation)
        key = self._add_document(embedded)
        if embedded.chunks:
            self.connection.execute(insert(chunk), _chunk_rows(embedded, key, first))
            self.connection.execute(insert(embedding), _blocks(embedded, key, first, generation))
        self.note([row])

    def move(self, old_uri: str, new_uri: str, row: LedgerRow) -> None:
        """Give a document another uri; what was there before leaves."""
        key = self.connection.scalar(select(document.c.id).where(document.c.uri == old_uri))
        if key is None:
            raise InputError(f"{old_uri} is not in the index, so it cannot become {new_uri}")
        if new_uri != old_uri:
            generation, _ = self._advance(0)
            self._drop(new_uri, generation)
            self.connection.execute(update(document).where(document.c.id == key).values(uri=new_uri))
            self.connection.execute(delete(ledger).where(ledger.c.uri == old_uri))
        self.note([row])

    def remove(self, uri: str) -> bool:
        """Take a document and its ledger row out; False if there was neither."""
        held = self.connection.scalar(select(document.c.id).where(document.c.uri == uri)) is not None
        if held:
            generation, _ = self._advance(0)
            self._drop(uri, generation)
        forgotten = self.connection.execute(delete(ledger).where(ledger.c.uri == uri))
        return held or forgotten.rowcount > 0

    def note(self, rows: Sequence[LedgerRow]) -> None:
        """Write ledger rows, each in place of its file's former one."""
        for row in rows:
            self.connection.execute(delete(ledger).where(ledger.c.uri == row.uri))
        if rows:
            self.connection.execute(insert(ledger), [asdict(row) for row in rows])

    def settle(self, dimension: int, kind: str) -> None:
        """Choose how the index is searched; tombstones are dropped, for every accelerator is now out of date."""
        generation, _ = self._advance(0)
        self.connection.execute(
            update(index_info).values(dimension=dimension, kind=kind, complete_since=generation)
        )
        self.connection.execute(delete(tombstone))

    def _advance(self, chunks: int) -> tuple[int, int]:
        """A new generation, and the first of `chunks` ids that were never used before."""
        self.connection.execute(
            update(index_info).values(
                generation=index_info.c.generation + 1, next_chunk=index_info.c.next_chunk + chunks
            )
        )
        now = self.connection.execute(select(index_info.c.generation, index_info.c.next_chunk)).one()
        return now.generation, now.next_chunk - chunks

    def _drop(self, uri: str, generation: int) -> None:
        key = self.connection.scalar(select(document.c.id).where(document.c.uri == uri))
        if key is None:
            return
        blocks = select(embedding.c.first, embedding.c.chunks).where(embedding.c.document == key)
        gone = [
            {"first": first, "chunks": count, "generation": generation}
            for first, count in self.connection.execute(blocks)
        ]
        if gone:
            self.connection.execute(insert(tombstone), gone)
        for table in (embedding, chunk, body):
            self.connection.execute(delete(table).where(table.c.document == key))
        self.connection.execute(delete(document).where(document.c.id == key))

    def _add_document(self, embedded: EmbeddedDocument) -> int:
        source, read = embedded.source, embedded.document
        added = self.connection.execute(
            insert(document).values(
                uri=source.uri,
                digest=source.digest,
                title=read.title,
                format=read.format,
                language=embedded.language,
                size=source.size,
                modified=source.modified,
                ingested_at=datetime.now(UTC),
                pages=len(read.pages),
                chunks=len(embedded.chunks),
            )
        )
        key = int(added.inserted_primary_key[0])  # type: ignore[index]
        pages = [[page.number, page.span.start, page.span.end, page.label] for page in read.pages]
        sections = [[mark.title, mark.level, mark.span.start, mark.span.end] for mark in read.sections]
        self.connection.execute(insert(body).values(document=key, pages=pages, sections=sections, text=read.text))
        return key


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
