"""The jina-embeddings-v3 encoder: plain and late-chunked embeddings from one pooled forward pass.

An embedding is the float32 mean of the token states in its range, cut to the dimension asked for and then
normalised (Matryoshka: Kusupati et al. 2022, arXiv 2205.13147). A plain embedding is the range over all
tokens, <s>, instruction and </s> included; a late chunk is the range of its span.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jv3search.encoders.batching import token_batches
from jv3search.encoders.jina_v3.checkpoint import read_checkpoint
from jv3search.encoders.jina_v3.config import TASKS, read_config
from jv3search.encoders.jina_v3.tokenizer import load_tokenizer, tokenize
from jv3search.encoders.jina_v3.views import build_view
from jv3search.encoders.late_chunking import (
    TokenizedText,
    TokenRange,
    Window,
    overlapping,
    token_ranges,
    windows,
)
from jv3search.encoders.port import Passage, TokenStates
from jv3search.errors import InputError
from jv3search.types import Embedding, Span, Task

_BATCH_TOKENS = 4096  # per forward pass, padding included; a longer window runs alone
_OVERLAP_SHARE = 16  # windows overlap by a sixteenth: 512 of 8,192 tokens, the reference's default
_MOST_CHARACTERS = 32  # a token, at the very most: longer texts are refused before they are tokenised


class JinaV3Encoder:
    """A checkpoint in either published layout, ready to encode; safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = read_config(folder)
        self._tokenizer = load_tokenizer(folder)
        self._checkpoint = read_checkpoint(folder)
        self._views: dict[Task | None, nn.Module] = {}
        self._building = threading.Lock()

    @property
    def dimension(self) -> int:
        """Size of a full embedding."""
        return self.config.dimension

    @property
    def max_tokens(self) -> int:
        """The most tokens one forward pass sees; longer documents are run in overlapping windows."""
        return self.config.max_tokens

    def tokenize(self, text: str) -> TokenizedText:
        """`text` with the passage instruction and special tokens, for `encode_passages`."""
        return self._tokenize(text, "retrieval.passage")

    def encode_passages(
        self, passages: Sequence[Passage], *, on_tokens: Callable[[int], None] | None = None
    ) -> list[Embedding]:
        """Late chunking under retrieval.passage: one (spans, dimension) array of unit rows a document.

        Raises InputError for spans that overlap, are unsorted, lie outside the text or have no token.
        """
        ranges = [token_ranges(tokens, spans) for tokens, spans in passages]
        texts = [tokens.ids for tokens, _ in passages]
        pooled = self._pool(texts, ranges, "retrieval.passage", on_tokens)
        return [_finish(rows, self.dimension) for rows in pooled]

    def encode_document(self, text: str, spans: Sequence[Span], *, dimension: int | None = None) -> Embedding:
        """One document by late chunking: (spans, dimension) unit rows."""
        size = self._dimension(dimension)
        tokens = self.tokenize(text)
        (rows,) = self._pool([tokens.ids], [token_ranges(tokens, spans)], "retrieval.passage", None)
        return _finish(rows, size)

    def encode_query(self, text: str) -> Embedding:
        """(dimension,) unit vector of a question under retrieval.query."""
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
        tokens = [self._one_window(text, task) for text in texts]
        pooled = self._pool([t.ids for t in tokens], [[(0, len(t))] for t in tokens], task, None)
        return _finish(torch.cat(pooled), size)

    def encode_tokens(self, texts: Sequence[str], task: Task) -> list[TokenStates]:
        """The states of each text's own tokens, in the caller's order; long texts are windowed."""
        tokens = [self._tokenize(text, task) for text in texts]
        kept: list[list[Tensor]] = [[] for _ in texts]
        for chosen, states in self._passes([of_text.ids for of_text in tokens], task):
            for (i, window), state in zip(chosen, states, strict=True):
                kept[i].append(state[window.skip :])
        own = [slice(of_text.first, of_text.last) for of_text in tokens]
        return [
            TokenStates(of_text.offsets[part], torch.cat(parts)[part].numpy())
            for of_text, part, parts in zip(tokens, own, kept, strict=True)
        ]

    def token_ids(self, text: str) -> list[int]:
        """Ids of `text` with <s> and </s> but without an instruction."""
        ids: list[int] = self._tokenize(text, None).ids.tolist()
        return ids

    @torch.inference_mode()
    def token_states(
        self, ids: Sequence[int], task: Task | None, *, mask: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """(tokens, dimension) last hidden states of token ids as they are; `mask` 0 hides a token."""
        attention = None if mask is None else torch.tensor([mask])
        output = self._view(task)(input_ids=torch.tensor([ids]), attention_mask=attention)
        states: NDArray[np.float32] = output.last_hidden_state[0].numpy()
        return states

    def _one_window(self, text: str, task: Task | None) -> TokenizedText:
        if not text.strip():
            raise InputError("the text to embed is empty or blank")
        if len(text) > self.max_tokens * _MOST_CHARACTERS:
            raise InputError(f"the text has {len(text):,} characters; the model reads {self.max_tokens:,} tokens")
        try:
            text.encode()
        except UnicodeEncodeError:  # lone surrogates: what Python makes of bytes that are no UTF-8
            raise InputError(f"the text {text[:40]!r} is not valid Unicode; was it typed in UTF-8?") from None
        tokens = self._tokenize(text, task)
        if len(tokens) > self.max_tokens:
            raise InputError(
                f"the text {text[:40]!r}… has {len(tokens):,} tokens, the model reads {self.max_tokens:,}: "
                "shorten it, or ingest it as a document (long documents are windowed)"
            )
        return tokens

    def _tokenize(self, text: str, task: Task | None) -> TokenizedText:
        instruction = self.config.instructions[task] if task else ""
        return tokenize(self._tokenizer, instruction, text)

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
    ) -> list[Tensor]:
        """ids (T,) and token ranges of each text -> (ranges, hidden) means, summed window by window."""
        sums = [torch.zeros(len(of_text), self.dimension) for of_text in ranges]
        for chosen, states in self._passes(texts, task):
            for (i, window), state in zip(chosen, states, strict=True):
                for chunk, a, b in overlapping(ranges[i], window):
                    sums[i][chunk] += state[a:b].sum(0)
            if on_tokens:
                on_tokens(sum(len(window) - window.skip for _, window in chosen))
        return [
            total / torch.tensor([b - a for a, b in of_text]).unsqueeze(1)
            for total, of_text in zip(sums, ranges, strict=True)
        ]

    def _passes(
        self, texts: Sequence[NDArray[np.int64]], task: Task | None
    ) -> Iterator[tuple[list[tuple[int, Window]], list[Tensor]]]:
        """Forward passes over the windows of some texts: (text, window) of each row, and its states.

        A text's windows come in their order, for they never grow shorter before the last one.
        """
        overlap = self.max_tokens // _OVERLAP_SHARE
        jobs = [(i, w) for i, ids in enumerate(texts) for w in windows(len(ids), self.max_tokens, overlap)]
        for batch in token_batches([len(window) for _, window in jobs], _BATCH_TOKENS):
            chosen = [jobs[j] for j in batch]
            yield chosen, self._forward([texts[i][w.start : w.end] for i, w in chosen], task)

    @torch.inference_mode()
    def _forward(self, rows: Sequence[NDArray[np.int64]], task: Task | None) -> list[Tensor]:
        """Rows of ids -> their token states (T, hidden); the mask exists only when there is padding."""
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), int(self.config.sizes["pad_token_id"]))
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.from_numpy(row)
        lengths = torch.tensor([len(row) for row in rows])
        mask = None if bool((lengths == width).all()) else (torch.arange(width) < lengths[:, None]).long()
        states = self._view(task)(input_ids=ids, attention_mask=mask).last_hidden_state
        return [states[i, : len(row)] for i, row in enumerate(rows)]

    def _view(self, task: Task | None) -> nn.Module:
        with self._building:  # views are made on first use; a made one is never changed
            if task not in self._views:
                adapter = self._checkpoint.adapters[task] if task else None
                self._views[task] = build_view(self.config, self._checkpoint.base, adapter)
            return self._views[task]


def _finish(rows: Tensor, dimension: int) -> Embedding:
    """Cut first, normalise after: the other order gives rows that are no longer unit vectors."""
    unit: Embedding = torch.nn.functional.normalize(rows[:, :dimension], dim=-1).numpy()
    return unit
