"""Writing to an index: one process at a time, one commit a document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from jv3search.errors import InputError, StorageError
from jv3search.indexes import keyword_cache, milvus_vectors, server_vectors, vector_cache
from jv3search.indexes.catalog.catalog import Catalog
from jv3search.indexes.catalog.chunks import chunk_ids_of, chunks_of
from jv3search.indexes.catalog.documents import digests, read_document
from jv3search.indexes.catalog.embeddings import rows_of
from jv3search.indexes.catalog.index_info import IndexInfo, read_info
from jv3search.indexes.catalog.ledger import ledger_rows
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.catalog.write_transaction import WriteTransaction
from jv3search.indexes.keyword_cache import KeywordCache
from jv3search.indexes.manifest import Manifest
from jv3search.indexes.rows import LedgerRow
from jv3search.types import Document, EmbeddedDocument, Embedding, Span

if TYPE_CHECKING:
    from jv3search.indexes.vectors.milvus import Milvus

KINDS = ("auto", "flat", "ivf")
SERVER_KINDS = ("auto", "flat", "hnsw")


class IndexWriter:
    """An index to write to; it holds the index's lock until closed. `notices` are for the user to see."""

    def __init__(self, catalog: Catalog, folder: Path, manifest: Manifest, milvus: Milvus | None = None) -> None:
        self._catalog = catalog
        self._folder = folder
        self._milvus = milvus
        self._on_server = catalog.on_server
        self._new_chunks = 0
        self._keywords: KeywordCache | None = None
        self.manifest = manifest
        self.notices: list[str] = []

    def known(self) -> dict[str, LedgerRow]:
        """The ledger, by uri."""
        with self._catalog.read() as transaction:
            return {row.uri: row for row in ledger_rows(transaction)}

    def documents(self) -> dict[str, str]:
        """The digest of every document in the index, by uri."""
        with self._catalog.read() as transaction:
            return digests(transaction)

    def embeddings_of(self, uri: str, document: Document, spans: Sequence[Span]) -> Embedding | None:
        """The rows (spans, dimension) of a stored document with this text, sections and chunks, else None."""
        with self._catalog.read() as transaction:
            if [chunk.span for chunk in chunks_of(transaction, uri)] != list(spans):
                return None
            stored = read_document(transaction, uri)
            if (stored.text, stored.sections) != (document.text, document.sections):
                return None
            _, rows = rows_of(transaction, chunk_ids_of(transaction, uri), self.manifest.dimension)
            return rows.astype(np.float32)

    def replace(self, embedded: EmbeddedDocument, row: LedgerRow) -> None:
        """Put a document in, in place of its former self, with its ledger row: one commit."""
        self._check(embedded, row)
        with self._catalog.write() as transaction:
            transaction.replace(embedded, row)
        self._new_chunks += len(embedded.chunks)
        if self._new_chunks >= keyword_cache.AT_ONCE:  # so that no search has to make up for a whole ingest
            self._save_keywords()

    def move(self, old_uri: str, new_uri: str, row: LedgerRow) -> None:
        """A moved file keeps its chunks; InputError if `old_uri` is not in the index."""
        with self._catalog.write() as transaction:
            transaction.move(old_uri, new_uri, row)

    def record(self, *rows: LedgerRow) -> None:
        """Write ledger rows and nothing else: one commit for all of them."""
        if rows:
            with self._catalog.write() as transaction:
                transaction.record(rows)

    def remove(self, uri: str) -> bool:
        """Take a document and its ledger row out; False if the index knew neither."""
        with self._catalog.write() as transaction:
            return transaction.remove(uri)

    def reading(self) -> AbstractContextManager[ReadTransaction]:
        """A transaction that reads, for what is done beside storing documents."""
        return self._catalog.read()

    def writing(self) -> AbstractContextManager[WriteTransaction]:
        """A transaction that writes: all changes are kept at its end, or none."""
        return self._catalog.write()

    def reindex(self, *, dimension: int | None = None, kind: str | None = None) -> None:
        """Search at another dimension or in another way from now on: nothing is embedded again."""
        check_search(self.manifest, dimension, kind, on_server=self._on_server)
        if self._milvus is not None:  # before it is searched so
            with self._catalog.read() as transaction:
                wanted = _configured(read_info(transaction), dimension, kind)
                milvus_vectors.build(self._milvus, transaction, wanted)
        with self._catalog.write() as transaction:
            wanted = _configured(read_info(transaction), dimension, kind)
            transaction.configure(wanted.dimension, wanted.kind)
            if transaction.on_server:
                server_vectors.build(transaction)
        if self._on_server or self._milvus is not None:
            return
        with self._catalog.read() as transaction:
            snapshot = vector_cache.built(transaction, read_info(transaction))
        vector_cache.save(self._folder, snapshot, self.notices)

    @contextmanager
    def remade(self, manifest: Manifest) -> Iterator[WriteTransaction]:
        """A transaction that must put every document in again, as `manifest` makes them; the index is then its."""
        with self.writing() as transaction:
            before = read_info(transaction)
            transaction.remember(manifest)
            transaction.configure(min(before.dimension, manifest.dimension), before.kind)
            if transaction.on_server:
                server_vectors.empty(transaction)
            yield transaction
        self.manifest = manifest

    def close(self) -> None:
        """Save vectors and keywords if they are out of date, and free the lock; documents are safe before this."""
        try:
            self._save_vectors()
            self._save_keywords()
        finally:
            if self._milvus is not None:
                self._milvus.close()
            self._close_catalog()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _check(self, embedded: EmbeddedDocument, row: LedgerRow) -> None:
        uri, shape = embedded.source.uri, embedded.embeddings.shape
        if row.uri != uri:
            raise ValueError(f"a ledger row of {row.uri} for {uri}")
        if shape[1] != self.manifest.dimension:
            raise InputError(f"{uri} has embeddings of {shape[1]} values, the index of {self.manifest.dimension}")
        if not all(np.isfinite(rows).all() for rows in (embedded.embeddings, *embedded.vectors.values())):
            raise InputError(f"{uri} has embeddings that are not finite numbers")
        for task, vector in embedded.vectors.items():
            if vector.shape != (self.manifest.dimension,):
                raise InputError(
                    f"{uri}: {len(vector)} values under {task}, the index has {self.manifest.dimension}"
                )

    def _save_vectors(self) -> None:
        try:
            if self._milvus is not None:
                with self._catalog.read() as transaction:
                    milvus_vectors.save(self._milvus, transaction)
                return
            if self._on_server:
                server_vectors.save(self._catalog)
                return
            with self._catalog.read() as transaction:
                snapshot, new = vector_cache.opened(self._folder, transaction, self.notices)
            if new and len(snapshot):
                vector_cache.save(self._folder, snapshot, self.notices)
        except StorageError as error:
            self.notices.append(str(error))

    def _save_keywords(self) -> None:
        self._new_chunks = 0
        try:
            with self._catalog.read() as transaction:
                self._keywords = keyword_cache.save(self._folder, transaction, self.notices, self._keywords)
            if self._on_server:
                server_vectors.keep_samples(self._catalog)
        except StorageError as error:
            self.notices.append(str(error))

    def _close_catalog(self) -> None:
        try:
            self._catalog.close()
        except StorageError as error:  # the log stays, with all that was committed
            self.notices.append(str(error))


def _configured(info: IndexInfo, dimension: int | None, kind: str | None) -> IndexInfo:
    return info._replace(dimension=dimension or info.dimension, kind=kind or info.kind)


def check_search(manifest: Manifest, dimension: int | None, kind: str | None, *, on_server: bool) -> None:
    """InputError unless an index made by `manifest` can be searched so."""
    kinds = SERVER_KINDS if on_server else KINDS
    if dimension is not None and not 1 <= dimension <= manifest.dimension:
        raise InputError(f"dimension {dimension} is not between 1 and {manifest.dimension}, the model's full size")
    if kind is not None and kind not in kinds:
        where = "a database" if on_server else "a folder"
        raise InputError(f"kind {kind!r} is not one of {', '.join(kinds)}, those of an index in {where}")
