"""Rows of token ids -> token states -> pooled vectors, in groups of similar length so that little is padding."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from transformers import JinaEmbeddingsV3Model

from training.sampling import Row

GROUP_TOKENS = 6144  # of one forward pass, padding included
Span = tuple[int, int]


def groups(rows: list[Row]) -> Iterator[list[int]]:
    """Indices of rows of similar length, up to a number of tokens."""
    group: list[int] = []
    for number in sorted(range(len(rows)), key=lambda n: len(rows[n])):
        if group and (len(group) + 1) * len(rows[number]) > GROUP_TOKENS:
            yield group
            group = []
        group.append(number)
    if group:
        yield group


def places(rows: list[Row], starts: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """(for every cell of a rectangle its place in the flat row of all tokens, mask) of some rows."""
    lengths = np.array([len(row) for row in rows])
    across = np.arange(lengths.max())[None]
    mask = across < lengths[:, None]
    return torch.from_numpy(np.where(mask, starts[:, None] + across, 0)), torch.from_numpy(mask)


def token_states(model: JinaEmbeddingsV3Model, embedded: Tensor, mask: Tensor | None) -> Tensor:
    """The last hidden states; the matrix products in bfloat16, several times faster on today's processors."""
    with torch.autocast(embedded.device.type, torch.bfloat16):
        states: Tensor = model(inputs_embeds=embedded, attention_mask=mask).last_hidden_state
    return states.float()


def look_up(model: JinaEmbeddingsV3Model, rows: list[Row]) -> Tensor:
    """The word embeddings of all rows, one after the other: one look-up makes one gradient of the table."""
    device = next(model.parameters()).device
    ids = torch.from_numpy(np.concatenate(rows).astype(np.int64)).to(device)
    words: Tensor = model.embeddings.word_embeddings(ids)
    return words


def embed(model: JinaEmbeddingsV3Model, rows: list[Row]) -> Tensor:
    """The mean of all token states of every row."""
    words = look_up(model, rows)
    starts = np.cumsum([0] + [len(row) for row in rows[:-1]])
    parts, order = [], []
    for group in groups(rows):
        cells, mask = (t.to(words.device) for t in places([rows[n] for n in group], starts[group]))
        states = token_states(model, F.embedding(cells, words), None if mask.all() else mask.long())
        weight = mask.unsqueeze(-1).to(states.dtype)
        parts.append((states * weight).sum(1) / weight.sum(1))
        order += group
    return torch.cat(parts)[torch.tensor(order).argsort().to(words.device)]


def embed_spans(model: JinaEmbeddingsV3Model, rows: list[Row], spans: list[list[Span]]) -> Tensor:
    """The mean token state of every span of every row, in order: late chunking.

    Günther et al., "Late Chunking: Contextual Chunk Embeddings Using Long-Context Embedding Models" (2024).
    """
    words = torch.split(look_up(model, rows), [len(row) for row in rows])
    found = []
    for embedded, wanted in zip(words, spans, strict=True):
        states = token_states(model, embedded[None], None)[0]
        found += [states[a:b].mean(0) for a, b in wanted]
    return torch.stack(found)
