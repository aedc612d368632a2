"""Searching an index while it may be growing: every search sees the catalog as it is at that moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from jv3search.errors import JV3SearchError, ReadInterrupted
from jv3search.indexes import keyword_cache, milvus_vectors, server_vectors, vector_cache
from jv3search.indexes.cached_vectors import CachedVectors
from jv3search.indexes.catalog import chunks, documents, embeddings, ledger, links
from jv3search.indexes.catalog.catalog import Catalog
from jv3search.indexes.catalog.context import read_context
from jv3search.indexes.catalog.index_info import read_info, stamp
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.keyword_cache import KeywordCache
from jv3search.indexes.keywords.snapshot import KeywordSnapshot, OpenKeywords
from jv3search.indexes.milvus_vectors import MilvusVectors
from jv3search.indexes.rows import Context, DocumentRow, LedgerRow, Status
from jv3search.indexes.search_cache import SearchCache
from jv3search.indexes.snapshot import IndexSnapshot
from jv3search.indexes.status import read_status
from jv3search.indexes.vectors.port import Vectors
from jv3search.indexes.vectors.snapshot import VectorSnapshot
from jv3search.location import MilvusLocation
from jv3search.types import Chunk, Document, Embedding, Filter, Hit, Task, unit_rows

if TYPE_CHECKING:
    from jv3search.indexes.vectors.milvus import Milvus

_EVERYTHING = Filter()


class IndexReader:
    """An index to search, from any number of threads. `notices` are for the user to see."""

    def __init__(
        self, catalog: Catalog, folder: Path, milvus: MilvusLocation | None = None, vector_engine: str = "faiss"
    ) -> None:
        self._catalog = catalog
        self._folder = folder
        self._milvus_at = milvus
        self._milvus: Milvus | None = None
        self._vector_engine = vector_engine
        self._refreshing = threading.Lock()
        self._opening_keywords = threading.Lock()
        self._snapshot: VectorSnapshot | None = None
        self._keywords: KeywordCache | None = None
        self._cache = SearchCache()
        self._rebuild: threading.Thread | None = None
        self.notices: list[str] = []
        with catalog.read() as transaction:
            self.manifest = read_info(transaction).manifest
        catalog.require_format()  # of an older index a reader knows no more than what made it

    @property
    def dimension(self) -> int:
        """The dimension that is searched now."""
        with self._catalog.read() as transaction:
            return read_info(transaction).dimension

    @property
    def kind(self) -> str:
        """How it is searched now: "auto", "flat" or "ivf"."""
        with self._catalog.read() as transaction:
            return read_info(transaction).kind

    def stamp(self) -> tuple[str, int]:
        """Identity and generation: equal stamps, equal contents."""
        with self._catalog.read() as transaction:
            return stamp(transaction)

    @contextmanager
    def snapshot(self) -> Iterator[IndexSnapshot]:
        """One state of the index for everything that belongs together: one read transaction of the catalog."""
        with ExitStack() as stack:
            with self._refreshing:  # so that no thread sees an older catalog than the vectors are of
                transaction = stack.enter_context(self._catalog.read())
                keywords = self._keywords_of(transaction)
                vectors = self._vectors(transaction, keywords)
            dimension = read_info(transaction).dimension
            try:
                yield IndexSnapshot(self.manifest, dimension, transaction, vectors, keywords, self._cache)
            except ReadInterrupted:
                self._snapshot = None  # what it is based on may be gone
                raise

    def translations(self, ids: Sequence[int], where: Filter = _EVERYTHING) -> dict[int, list[Hit]]:
        """As `IndexSnapshot.translations`, of the index as it is now."""
        with self.snapshot() as snapshot:
            return snapshot.translations(ids, where)

    def status(self) -> Status:
        """The index at a glance."""
        with ExitStack() as stack:
            with self._refreshing:
                transaction = stack.enter_context(self._catalog.read())
                keywords = self._keywords_of(transaction)
            return read_status(transaction, self._folder, keywords(), self._vectors_in_milvus(transaction))

    def documents(self) -> list[DocumentRow]:
        """Every document, sorted by uri."""
        with self._catalog.read() as transaction:
            return documents.document_rows(transaction)

    def uris_with(self, parts: Sequence[str]) -> list[str]:
        """The uris in which one of some parts occurs, in any order; ASCII letters may differ in case."""
        with self._catalog.read() as transaction:
            return documents.uris_with(transaction, parts)

    def ledger(self, uris: Sequence[str] | None = None) -> list[LedgerRow]:
        """What came of every file, or of some, sorted by uri."""
        with self._catalog.read() as transaction:
            return ledger.ledger_rows(transaction, uris)

    def document(self, uri: str) -> Document:
        """A document as it was read; InputError if it is not in the index."""
        with self._catalog.read() as transaction:
            return documents.read_document(transaction, uri)

    def text(self, uri: str) -> str:
        """A document's text; InputError if it is not in the index."""
        return self.document(uri).text

    def chunks(self, uri: str) -> list[Chunk]:
        """A document's chunks in reading order; empty if it is not in the index."""
        with self._catalog.read() as transaction:
            return chunks.chunks_of(transaction, uri)

    def chunk_ids(self, uri: str) -> list[int]:
        """The ids of a document's chunks in reading order; empty if it is not in the index."""
        with self._catalog.read() as transaction:
            return [int(key) for key in chunks.chunk_ids_of(transaction, uri)]

    def embeddings(self, uri: str) -> Embedding:
        """The full-size unit rows of a document's chunks in reading order, as they are stored."""
        with self._catalog.read() as transaction:
            ids = chunks.chunk_ids_of(transaction, uri)
            _, rows = embeddings.rows_of(transaction, ids, self.manifest.dimension)
            return unit_rows(rows, self.manifest.dimension)

    def context(self, chunk_id: int, neighbours: int | None) -> Context:
        """A chunk among so many neighbours on either side (None: all of its section), none outside its section.

        InputError if the chunk is not in the index.
        """
        with self._catalog.read() as transaction:
            return read_context(transaction, chunk_id, neighbours)

    def document_vectors(self, task: Task) -> tuple[list[str], Embedding]:
        """The uris of all documents that have a vector under `task`, sorted, and (N, dimension) unit rows."""
        with self._catalog.read() as transaction:
            found, rows = documents.document_vectors(transaction, task, self.manifest.dimension)
            return [uri for _, uri, _ in found], unit_rows(rows, self.manifest.dimension)

    def document_means(self) -> dict[str, Embedding]:
        """By uri, the (dimension,) unit mean of all of a document's passages."""
        with self._catalog.read() as transaction:
            sums = embeddings.document_sums(transaction, self.manifest.dimension)
            uris = documents.uris_by_id(transaction)
            return {uris[key]: unit_rows(total) for key, total in sums.items()}

    def translations_of(self, uri: str) -> list[tuple[str, str, float]]:
        """(uri, language, score) of the documents that are translations of one, best first."""
        with self._catalog.read() as transaction:
            return links.translated_documents(transaction, uri)

    def every_translation(self) -> dict[str, list[tuple[str, str, float]]]:
        """As `translations_of`, by uri, of each document that has any."""
        with self._catalog.read() as transaction:
            return links.every_translation(transaction)

    def close(self) -> None:
        """Let go of the index."""
        rebuild = self._rebuild
        if rebuild is not None:
            rebuild.join()
        if self._milvus is not None:
            self._milvus.close()
        self._catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _keywords_of(self, transaction: ReadTransaction) -> OpenKeywords:
        """Opened now, for files of a later state do not serve; of an index on a server when they are needed.

        Whoever searches a server by meaning alone need not wait until the keywords are made on this machine.
        """
        if not transaction.on_server:
            opened = self._refreshed_keywords(transaction)
            return lambda: opened

        def open_keywords() -> KeywordSnapshot:
            with self._opening_keywords:
                return self._refreshed_keywords(transaction)

        return open_keywords

    def _vectors(self, transaction: ReadTransaction, keywords: OpenKeywords) -> Vectors:
        if transaction.on_server and self._milvus_at is None:
            return server_vectors.opened(transaction, keywords, self.manifest, self._cache)
        cached = self._refreshed(transaction)
        kind = CachedVectors if self._milvus_at is None else MilvusVectors
        return kind(cached, transaction, keywords, self._cache, self.manifest.dimension)

    def _refreshed(self, transaction: ReadTransaction) -> VectorSnapshot:
        snapshot = self._snapshot
        if snapshot is not None and (snapshot.identity, snapshot.generation) == stamp(transaction):
            return snapshot
        read_info(transaction).manifest.require(
            self.manifest, transaction.where
        )  # it may have been made anew by another model
        snapshot = None if snapshot is None else vector_cache.refreshed(snapshot, transaction)
        self._snapshot = snapshot or self._opened(transaction)
        if self._snapshot.stale and self._rebuild is None:
            self._rebuild = threading.Thread(target=self._build_aside, name="jv3search-rebuild", daemon=True)
            self._rebuild.start()
        return self._snapshot

    def _refreshed_keywords(self, transaction: ReadTransaction) -> KeywordSnapshot:
        self._keywords = keyword_cache.opened(self._folder, transaction, self.notices, self._keywords)
        return self._keywords.snapshot

    def _opened(self, transaction: ReadTransaction) -> VectorSnapshot:
        if self._milvus_at is not None:
            return milvus_vectors.opened(self._connected(self._milvus_at), transaction)
        snapshot, new = vector_cache.opened(self._folder, transaction, self.notices)
        if new:
            vector_cache.save(self._folder, snapshot, [])  # a reader need not have the right to
        return vector_cache.on_engine(snapshot, self._vector_engine)

    def _connected(self, at: MilvusLocation) -> Milvus:
        if self._milvus is None:
            self._milvus = milvus_vectors.connected(at)
        return self._milvus

    def _vectors_in_milvus(self, transaction: ReadTransaction) -> str | None:
        """What the status says of them; None if they are not there."""
        if self._milvus_at is None:
            return None
        try:
            return milvus_vectors.described(self._connected(self._milvus_at), transaction)
        except JV3SearchError as error:
            return str(error)

    def _build_aside(self) -> None:
        """Build the vectors again while searches go on with the old ones and what came since."""
        try:
            with self._catalog.read() as transaction:
                if self._nothing_newer(transaction):
                    return
                snapshot = self._opened(transaction)
            with self._refreshing:
                self._snapshot = snapshot  # the next search tops it up
        except JV3SearchError as error:
            self.notices.append(str(error))
        finally:
            self._rebuild = None

    def _nothing_newer(self, transaction: ReadTransaction) -> bool:
        """Whether Milvus, where only writers build, has no more than what is searched."""
        snapshot = self._snapshot
        if self._milvus is None or snapshot is None:
            return False
        return not milvus_vectors.newer(self._milvus, transaction, snapshot)
