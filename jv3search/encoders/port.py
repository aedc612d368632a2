"""What the rest of jv3search asks of an encoder; every implementation keeps every promise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from jv3search.encoders.late_chunking import TokenizedText, TokenRange
from jv3search.types import Embedding, Span, Task


class ChunkedText(NamedTuple):
    """A document as the encoder tokenised it, and the tokens that each of its chunks pools (`chunk_ranges`).

    `opening` are the numbers of the chunks that open a section, ascending.
    """

    tokens: TokenizedText
    ranges: Sequence[TokenRange]
    opening: Sequence[int] = ()


LONGEST_TOKEN = 32
"""Characters of a token, at the very most: what is longer than so many for each token cannot fit into a window."""


@dataclass(frozen=True, slots=True)
class TokenStates:
    """A text's own tokens, instruction and special tokens left out, as the model sees them in their context.

    offsets (T, 2): characters of the text a token stands for · states (T, dimension), not normalised.
    """

    offsets: NDArray[np.int64]
    states: NDArray[np.float32]


class Tokenizer(Protocol):
    """Texts in, the model's tokens out; no network is needed for it."""

    def tokenize(self, text: str, task: Task | None = "retrieval.passage") -> TokenizedText:
        """`text` with the task's instruction and special tokens, however long it is."""
        ...


class Encoder(Tokenizer, Protocol):
    """Texts and spans in, unit rows out. Two verbs for retrieval, so the wrong adapter cannot be picked."""

    @property
    def dimension(self) -> int:
        """Size of a full embedding."""
        ...

    @property
    def max_tokens(self) -> int:
        """The most tokens one forward pass sees; longer documents are run in overlapping windows."""
        ...

    @property
    def batch_tokens(self) -> int:
        """How many tokens one forward pass takes at most, for callers that collect texts: a GPU wants many."""
        ...

    def tokenize_whole(self, text: str, task: Task | None) -> TokenizedText:
        """`text` for one forward pass; InputError for a blank one, TextTooLong for more than `max_tokens`."""
        ...

    def pool(
        self, texts: Sequence[TokenizedText], ranges: Sequence[Sequence[TokenRange]], task: Task | None
    ) -> list[NDArray[np.float32]]:
        """(ranges, dimension) for each text: means of its token states, not normalised."""
        ...

    def encode_documents(
        self, documents: Sequence[ChunkedText], *, on_tokens: Callable[[int], None] | None = None
    ) -> list[Embedding]:
        """Late chunking under retrieval.passage: for each document a (chunks, dimension) array of unit rows.

        The context of a chunk is its document, or its section where the checkpoint says so.
        `on_tokens` is told the number of tokens after each forward pass.
        """
        ...

    def encode_document(self, text: str, spans: Sequence[Span], *, dimension: int | None = None) -> Embedding:
        """One document by late chunking: (spans, dimension)."""
        ...

    def encode_query(self, text: str) -> Embedding:
        """(dimension,) under retrieval.query."""
        ...

    def encode(self, texts: Sequence[str], task: Task | None, *, dimension: int | None = None) -> Embedding:
        """(texts, dimension) by mean pooling, each text on its own; None is the base without adapter."""
        ...

    def encode_tokens(self, texts: Sequence[str], task: Task) -> list[TokenStates]:
        """Token states of each text with its instruction, for late interaction; none for a blank text."""
        ...
