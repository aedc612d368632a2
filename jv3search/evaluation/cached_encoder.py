"""An encoder as an evaluation needs it: cut to a Matryoshka dimension, embedding each query only once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from jv3search.encoders.late_chunking import TokenizedText, TokenRange
from jv3search.encoders.port import ChunkedText, Encoder, TokenStates
from jv3search.types import Embedding, Span, Task, unit_rows

_AT_ONCE = 64  # queries embedded together


class CachedEncoder:
    """Another encoder at `dimension`; queries it was told to remember are embedded in batches, once."""

    def __init__(self, encoder: Encoder, dimension: int | None = None) -> None:
        self._encoder = encoder
        self.dimension = encoder.dimension if dimension is None else dimension
        self._queries: dict[str, Embedding] = {}  # at full size

    def at(self, dimension: int) -> CachedEncoder:
        """The same encoder with the same memory at another dimension."""
        other = CachedEncoder(self._encoder, dimension)
        other._queries = self._queries
        return other

    def remember(self, queries: Iterable[str]) -> None:
        """Embed queries that will be asked several times; InputError for one that cannot be."""
        new = [query for query in dict.fromkeys(queries) if query not in self._queries]
        for start in range(0, len(new), _AT_ONCE):
            part = new[start : start + _AT_ONCE]
            self._queries.update(zip(part, self._encoder.encode(part, "retrieval.query"), strict=True))

    @property
    def max_tokens(self) -> int:
        """The most tokens one forward pass sees."""
        return self._encoder.max_tokens

    @property
    def batch_tokens(self) -> int:
        """How many tokens one forward pass takes at most."""
        return self._encoder.batch_tokens

    def tokenize(self, text: str, task: Task | None = "retrieval.passage") -> TokenizedText:
        """As the encoder does."""
        return self._encoder.tokenize(text, task)

    def tokenize_whole(self, text: str, task: Task | None) -> TokenizedText:
        """As the encoder does."""
        return self._encoder.tokenize_whole(text, task)

    def pool(
        self, texts: Sequence[TokenizedText], ranges: Sequence[Sequence[TokenRange]], task: Task | None
    ) -> list[NDArray[np.float32]]:
        """Means of token states at full size, not normalised."""
        return self._encoder.pool(texts, ranges, task)

    def encode_documents(
        self, documents: Sequence[ChunkedText], *, on_tokens: Callable[[int], None] | None = None
    ) -> list[Embedding]:
        """Late chunking: for each document a (spans, dimension) array."""
        rows = self._encoder.encode_documents(documents, on_tokens=on_tokens)
        return [cut(of_document, self.dimension) for of_document in rows]

    def encode_document(self, text: str, spans: Sequence[Span], *, dimension: int | None = None) -> Embedding:
        """One document by late chunking: (spans, dimension)."""
        return self._encoder.encode_document(text, spans, dimension=dimension or self.dimension)

    def encode_query(self, text: str) -> Embedding:
        """(dimension,) under retrieval.query, from memory if it was remembered."""
        known = self._queries.get(text)
        return cut(self._encoder.encode_query(text) if known is None else known, self.dimension)

    def encode(self, texts: Sequence[str], task: Task | None, *, dimension: int | None = None) -> Embedding:
        """(texts, dimension) by mean pooling, each text on its own."""
        return self._encoder.encode(texts, task, dimension=dimension or self.dimension)

    def encode_tokens(self, texts: Sequence[str], task: Task) -> list[TokenStates]:
        """Token states at full size."""
        return self._encoder.encode_tokens(texts, task)


def cut(rows: Embedding, dimension: int) -> Embedding:
    """Unit rows of the first `dimension` values."""
    return rows if rows.shape[-1] == dimension else unit_rows(rows, dimension)
