"""From prepared documents to embedded ones; what was embedded before is not embedded again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from jv3search.encoders.port import Encoder
from jv3search.indexes import IndexWriter
from jv3search.ingest.document_vectors import document_vectors
from jv3search.ingest.prepare import Prepared
from jv3search.types import EmbeddedDocument, Embedding, Source

_KEPT = 16 << 20  # bytes of embeddings kept for copies that come later in the run: 16,000 chunks of jv3-mini


class Known:
    """Embeddings that an index has of the same text in the same chunks: of the same file, or of a copy of it."""

    def __init__(self, writer: IndexWriter) -> None:
        self._writer = writer
        self._digests = writer.documents()
        self._by_digest = {digest: uri for uri, digest in self._digests.items()}

    def uri(self, source: Source) -> str | None:
        """The document of the index that may have them; None if there is none."""
        return source.uri if source.uri in self._digests else self._by_digest.get(source.digest)

    def __call__(self, item: Prepared) -> Embedding | None:
        """The rows (chunks, dimension) of a document that the index has, else None."""
        uri = self.uri(item.source)
        if uri is None:
            return None
        return self._writer.embeddings_of(uri, item.document, [chunk.span for chunk in item.chunks])


class Embedder:
    """Embeds documents by late chunking.

    A chunk's embedding depends on its document. So they are reused where text, chunks and sections are the same:
    those of a copy before in this run, and those that `known` has.
    """

    def __init__(
        self,
        encoder: Encoder,
        known: Callable[[Prepared], Embedding | None],
        on_tokens: Callable[[int], None],
    ) -> None:
        self._encoder, self._of_others, self._on_tokens = encoder, known, on_tokens
        self._kept: OrderedDict[bytes, Embedding] = OrderedDict()

    def embed(self, batch: Sequence[Prepared]) -> list[EmbeddedDocument]:
        """The documents with their embeddings, in order."""
        known = {item.key: self._known(item) for item in batch}
        new = {item.key: item for item in batch if known[item.key] is None}
        made = self._encoder.encode_documents([item.text for item in new.values()], on_tokens=self._on_tokens)
        self._keep(dict(zip(new, made, strict=True)))
        found = known | dict(zip(new, made, strict=True))
        return self._embedded([(item, rows) for item in batch if (rows := found[item.key]) is not None])

    def _embedded(self, documents: Sequence[tuple[Prepared, Embedding]]) -> list[EmbeddedDocument]:
        parts = [(item.tokens, item.chunks, rows) for item, rows in documents]
        return [
            EmbeddedDocument(item.source, item.document, item.language, item.chunks, rows, vectors)
            for (item, rows), vectors in zip(documents, document_vectors(parts, self._encoder), strict=True)
        ]

    def _known(self, item: Prepared) -> Embedding | None:
        if item.key in self._kept:
            self._kept.move_to_end(item.key)
            return self._kept[item.key]
        return self._of_others(item)

    def _keep(self, made: dict[bytes, Embedding]) -> None:
        self._kept |= made
        while sum(rows.nbytes for rows in self._kept.values()) > _KEPT:
            self._kept.popitem(last=False)
