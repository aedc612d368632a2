"""The jina-embeddings-v3 encoder: plain and late-chunked embeddings from one pooled forward pass.

An embedding is the float32 mean of the token states in its range, cut to the dimension asked for and then
normalised (Matryoshka: Kusupati et al. 2022, arXiv 2205.13147). A plain embedding is the range over all
tokens, <s>, instruction and </s> included; a late chunk is the range of its span.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from jv3search.encoders.batching import packed_batches, token_batches
from jv3search.encoders.engine import Engine, Row
from jv3search.encoders.jina_v3.config import TASKS, CheckpointConfig
from jv3search.encoders.jina_v3.tokenizer import JinaV3Tokenizer
from jv3search.encoders.late_chunking import (
    TokenizedText,
    TokenRange,
    Window,
    by_section,
    overlapping,
    token_ranges,
    windows,
)
from jv3search.encoders.port import LONGEST_TOKEN, ChunkedText, TokenStates
from jv3search.errors import InputError, TextTooLong
from jv3search.types import Embedding, Span, Task, unit_rows

_OVERLAP_SHARE = 16  # windows overlap by a sixteenth: 512 of 8,192 tokens, the reference's default


class JinaV3Encoder(JinaV3Tokenizer):
    """A checkpoint's tokenizer and instructions, and the engine that runs it; safe to share between threads."""

    def __init__(self, folder: Path, config: CheckpointConfig, tokenizer: Tokenizer, engine: Engine) -> None:
        super().__init__(config, tokenizer)
        self.folder = folder
        self._engine = engine

    @property
    def dimension(self) -> int:
        """Size of a full embedding."""
        return self.config.dimension

    @property
    def max_tokens(self) -> int:
        """The most tokens one forward pass sees; longer documents are run in overlapping windows."""
        return self.config.max_tokens

    @property
    def batch_tokens(self) -> int:
        """How many tokens one forward pass takes at most."""
        return self._engine.batch_tokens

    def tokenize_whole(self, text: str, task: Task | None) -> TokenizedText:
        """`text` for one forward pass; InputError for a blank one, TextTooLong for more than `max_tokens`."""
        if not text.strip():
            raise InputError("the text to embed is empty or blank")
        if len(text) > self.max_tokens * LONGEST_TOKEN:
            raise TextTooLong(f"the text has {len(text):,} characters; the model reads {self.max_tokens:,} tokens")
        try:
            text.encode()
        except UnicodeEncodeError:  # lone surrogates: what Python makes of bytes that are no UTF-8
            raise InputError(f"the text {text[:40]!r} is not valid Unicode; was it typed in UTF-8?") from None
        tokens = self.tokenize(text, task)
        if len(tokens) > self.max_tokens:
            raise TextTooLong(
                f"the text {text[:40]!r}… has {len(tokens):,} tokens, the model reads {self.max_tokens:,}: "
                "shorten it, or ingest it as a document (long documents are windowed)"
            )
        return tokens

    def pool(
        self, texts: Sequence[TokenizedText], ranges: Sequence[Sequence[TokenRange]], task: Task | None
    ) -> list[NDArray[np.float32]]:
        """(ranges, dimension) for each text: means of its token states, not normalised."""
        return self._pool([tokens.ids for tokens in texts], ranges, task, None)

    def encode_documents(
        self, documents: Sequence[ChunkedText], *, on_tokens: Callable[[int], None] | None = None
    ) -> list[Embedding]:
        """Late chunking under retrieval.passage: one (chunks, dimension) array of unit rows a document."""
        parts = [self._in_context(*document) for document in documents]
        texts = [ids for of_document in parts for ids, _ in of_document]
        ranges = [of_part for of_document in parts for _, of_part in of_document]
        rows = iter(self._pool(texts, ranges, "retrieval.passage", on_tokens))
        return [unit_rows(np.concatenate([next(rows) for _ in of_document])) for of_document in parts]

    def encode_document(self, text: str, spans: Sequence[Span], *, dimension: int | None = None) -> Embedding:
        """One document by late chunking: (spans, dimension) unit rows."""
        size = self._dimension(dimension)
        tokens = self.tokenize(text)
        (rows,) = self._pool([tokens.ids], [token_ranges(tokens, spans)], "retrieval.passage", None)
        return unit_rows(rows, size)

    def encode_query(self, text: str) -> Embedding:
        """(dimension,) unit vector of a query under retrieval.query."""
        row: Embedding = self.encode([text], "retrieval.query")[0]
        return row

    def encode(self, texts: Sequence[str], task: Task | None, *, dimension: int | None = None) -> Embedding:
        """(texts, dimension) unit rows by mean pooling, in the caller's order; task None is the bare base.

        Raises InputError for a blank text, one longer than the model reads, a task or dimension it has not.
        """
        size = self._dimension(dimension)
        if task is not None and task not in TASKS:
            raise InputError(f"there is no task {task!r}; choose one of {', '.join(TASKS)}, or none")
        if not texts:
            return np.empty((0, size), dtype=np.float32)
        tokens = [self.tokenize_whole(text, task) for text in texts]
        pooled = self._pool([t.ids for t in tokens], [[(0, len(t))] for t in tokens], task, None)
        return unit_rows(np.concatenate(pooled), size)

    def encode_tokens(self, texts: Sequence[str], task: Task) -> list[TokenStates]:
        """The states of each text's own tokens, in the caller's order; long texts are windowed."""
        tokens = [self.tokenize(text, task) for text in texts]
        kept: list[list[NDArray[np.float32]]] = [[] for _ in texts]
        for batch in self._batches([of_text.ids for of_text in tokens]):
            rows = [Row(tokens[i].ids[window.start : window.end], task) for i, window in batch]
            for (i, window), states in zip(batch, self._engine.states(rows), strict=True):
                kept[i].append(states[window.skip :])
        return [
            TokenStates(of_text.offsets[own], np.concatenate(parts)[own])
            for of_text, parts in zip(tokens, kept, strict=True)
            for own in (slice(of_text.first, of_text.last),)
        ]

    def token_ids(self, text: str) -> list[int]:
        """Ids of `text` with <s> and </s> but without an instruction."""
        ids: list[int] = self.tokenize(text, None).ids.tolist()
        return ids

    def token_states(self, ids: Sequence[int], task: Task | None) -> NDArray[np.float32]:
        """(tokens, dimension) last hidden states of token ids as they are."""
        (states,) = self._engine.states([Row(np.array(ids, np.int64), task)])
        return states

    def _in_context(
        self, tokens: TokenizedText, ranges: Sequence[TokenRange], opening: Sequence[int] = ()
    ) -> Sequence[tuple[NDArray[np.int64], Sequence[TokenRange]]]:
        """What is read as one: the whole document, or each of its sections."""
        if self.config.context == "section" and ranges:
            return by_section(tokens, ranges, opening, self.config.context_tokens)
        return [(tokens.ids, ranges)]

    def _dimension(self, dimension: int | None) -> int:
        if dimension is None:
            return self.dimension
        if not 1 <= dimension <= self.dimension:
            raise InputError(f"dimension {dimension} is not in 1..{self.dimension}, the sizes this model has")
        return dimension

    def _pool(
        self,
        texts: Sequence[NDArray[np.int64]],
        ranges: Sequence[Sequence[TokenRange]],
        task: Task | None,
        on_tokens: Callable[[int], None] | None,
    ) -> list[NDArray[np.float32]]:
        """ids (T,) and token ranges of each text -> (ranges, hidden) means, summed window by window."""
        totals = [np.zeros((len(of_text), self.dimension), np.float32) for of_text in ranges]
        for batch in self._batches(texts):
            rows = [Row(texts[i][window.start : window.end], task) for i, window in batch]
            inside = [list(overlapping(ranges[i], window)) for i, window in batch]
            sums = self._engine.sums(rows, [[(first, last) for _, first, last in of_row] for of_row in inside])
            for (i, _), of_row, of_ranges in zip(batch, inside, sums, strict=True):
                totals[i][[chunk for chunk, _, _ in of_row]] += of_ranges
            if on_tokens:
                on_tokens(sum(len(window) - window.skip for _, window in batch))
        return [
            total / np.array([[last - first] for first, last in of_text], np.float32).reshape(-1, 1)
            for total, of_text in zip(totals, ranges, strict=True)
        ]

    def _batches(self, texts: Sequence[NDArray[np.int64]]) -> Iterator[list[tuple[int, Window]]]:
        """(text, window) of the rows of each call of the engine.

        A text's windows come in their order, for they never grow shorter before the last one.
        """
        overlap = self.max_tokens // _OVERLAP_SHARE
        jobs = [(i, w) for i, ids in enumerate(texts) for w in windows(len(ids), self.max_tokens, overlap)]
        batches = packed_batches if self._engine.packs else token_batches
        for batch in batches([len(window) for _, window in jobs], self._engine.batch_tokens):
            yield [jobs[j] for j in batch]
