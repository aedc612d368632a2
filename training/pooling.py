"""Texts as token ids -> token states -> pooled vectors.

A CPU reads texts of similar length in groups, so that little is padding. A GPU reads all of them in one pass, one
after the other without padding ("packed"), each attending to itself alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from transformers import JinaEmbeddingsV3Model
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from training.sampling import Row

GROUP_TOKENS = 6144  # of one forward pass, padding included
PACKED = "packed"  # the name of the attention below
Span = tuple[int, int]


@dataclass
class Texts:
    """Rows of token ids, one after the other."""

    flat: NDArray[np.uint16]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, rows: list[Row]) -> Texts:
        """The rows joined."""
        return cls(np.concatenate(rows), np.array([len(row) for row in rows], np.int64))

    def rows(self) -> list[Row]:
        """The rows apart."""
        return np.split(self.flat, np.cumsum(self.lengths)[:-1])

    def halves(self) -> tuple[Texts, Texts]:
        """The first half of the rows, and the second."""
        half = len(self.lengths) // 2
        cut = int(self.lengths[:half].sum())
        return Texts(self.flat[:cut], self.lengths[:half]), Texts(self.flat[cut:], self.lengths[half:])

    def ids(self, device: torch.device | str) -> Tensor:
        """All ids on a device; they travel as 16 bits."""
        short = torch.from_numpy(self.flat.view(np.int16)).to(device, non_blocking=True)
        return short.int().bitwise_and_(0xFFFF)


def packed_attention(
    _module: Any, query: Tensor, key: Tensor, value: Tensor, _mask: Any, ends: Tensor, longest: int, **_: Any
) -> tuple[Tensor, None]:
    """Attention within each of the texts that stand one after the other, as transformers calls it."""
    query, key, value = (side[0].transpose(0, 1).to(value.dtype) for side in (query, key, value))
    if query.device.type == "cuda":
        from torch.nn.attention.varlen import varlen_attn

        return cast(Tensor, varlen_attn(query, key, value, ends, ends, longest, longest))[None], None
    return one_by_one(query, key, value, ends.tolist())[None], None


def one_by_one(query: Tensor, key: Tensor, value: Tensor, ends: list[int]) -> Tensor:
    """The same where there is no kernel for it: slow, for a test to compare with."""
    pieces = []
    for a, b in pairwise(ends):
        q, k, v = (side[a:b].transpose(0, 1)[None] for side in (query, key, value))
        pieces.append(F.scaled_dot_product_attention(q, k, v)[0].transpose(0, 1))
    return torch.cat(pieces)


ALL_ATTENTION_FUNCTIONS.register(PACKED, packed_attention)
ALL_MASK_ATTENTION_FUNCTIONS.register(PACKED, lambda *_, **__: None)


def pack(model: JinaEmbeddingsV3Model, compiled: bool = False) -> None:
    """Let a model read texts without padding from now on."""
    model.config._attn_implementation = PACKED
    if compiled:
        for layer in model.layers:
            layer.forward = torch.compile(layer.forward, dynamic=True)


def is_packed(model: JinaEmbeddingsV3Model) -> bool:
    """Whether a model reads texts without padding."""
    return bool(model.config._attn_implementation == PACKED)


def short_products(device: torch.device) -> torch.autocast:
    """Matrix products in bfloat16 where that is faster: on a GPU, and on a processor with AMX.

    With AVX-512's bfloat16 alone they are slower than in float32: 92 against 142 GFLOP/s on two cores.
    """
    fast = device.type != "cpu" or torch.cpu.get_capabilities()["amx_bf16"]
    return torch.autocast(device.type, torch.bfloat16, enabled=bool(fast))


def packed_states(model: JinaEmbeddingsV3Model, texts: Texts) -> tuple[Tensor, Tensor]:
    """(states of all tokens, number of the text each belongs to) in one pass."""
    device = next(model.parameters()).device
    lengths = torch.from_numpy(texts.lengths).to(device, non_blocking=True)
    total = len(texts.flat)
    ends = F.pad(lengths.cumsum(0), (1, 0))
    owners = torch.repeat_interleave(lengths, output_size=total)
    places = torch.arange(total, device=device) - ends[owners]
    longest = 1 << max(6, int(texts.lengths.max() - 1).bit_length())  # few numbers: each is compiled anew
    words = model.embeddings.word_embeddings(texts.ids(device))
    with short_products(device):
        states: Tensor = model(
            inputs_embeds=words[None], position_ids=places[None], ends=ends.int(), longest=longest
        ).last_hidden_state
    return states[0].float(), owners


def means(states: Tensor, owners: Tensor, count: int) -> Tensor:
    """The mean state of each of `count` owners."""
    sums = states.new_zeros(count, states.shape[1]).index_add(0, owners, states)
    sizes = states.new_zeros(count).index_add(0, owners, states.new_ones(len(owners)))
    return sums / sizes[:, None]


def packed_spans(model: JinaEmbeddingsV3Model, texts: Texts, spans: list[list[Span]]) -> Tensor:
    """The mean token state of every span of every text, all texts read in one pass."""
    starts = (np.cumsum(texts.lengths) - texts.lengths).tolist()
    flat = [(start + a, start + b) for start, wanted in zip(starts, spans, strict=True) for a, b in wanted]
    states, _ = packed_states(model, texts)
    cells = torch.from_numpy(np.concatenate([np.arange(a, b) for a, b in flat])).to(states.device)
    owners = torch.from_numpy(np.repeat(np.arange(len(flat)), [b - a for a, b in flat])).to(states.device)
    return means(states[cells], owners, len(flat))


def groups(rows: list[Row], tokens: int = GROUP_TOKENS) -> Iterator[list[int]]:
    """Indices of rows of similar length, up to a number of tokens with their padding."""
    group: list[int] = []
    for number in sorted(range(len(rows)), key=lambda n: len(rows[n])):
        if group and (len(group) + 1) * len(rows[number]) > tokens:
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
    """The last hidden states."""
    with short_products(embedded.device):
        states: Tensor = model(inputs_embeds=embedded, attention_mask=mask).last_hidden_state
    return states.float()


def look_up(model: JinaEmbeddingsV3Model, texts: Texts) -> Tensor:
    """The word embeddings of all texts, one after the other: one look-up makes one gradient of the table."""
    words: Tensor = model.embeddings.word_embeddings(texts.ids(next(model.parameters()).device))
    return words


def embed(model: JinaEmbeddingsV3Model, texts: Texts) -> Tensor:
    """The mean of all token states of every text."""
    if is_packed(model):
        return means(*packed_states(model, texts), len(texts.lengths))
    rows, words = texts.rows(), look_up(model, texts)
    starts = np.cumsum(texts.lengths) - texts.lengths
    parts, order = [], []
    for group in groups(rows):
        cells, mask = (t.to(words.device) for t in places([rows[n] for n in group], starts[group]))
        states = token_states(model, F.embedding(cells, words), None if mask.all() else mask.long())
        weight = mask.unsqueeze(-1).to(states.dtype)
        parts.append((states * weight).sum(1) / weight.sum(1))
        order += group
    return torch.cat(parts)[torch.tensor(order).argsort().to(words.device)]


def embed_spans(model: JinaEmbeddingsV3Model, texts: Texts, spans: list[list[Span]]) -> Tensor:
    """The mean token state of every span of every text, in order: late chunking.

    Günther et al., "Late Chunking: Contextual Chunk Embeddings Using Long-Context Embedding Models" (2024).
    """
    if is_packed(model):
        return packed_spans(model, texts, spans)
    words = torch.split(look_up(model, texts), texts.lengths.tolist())
    found = []
    for embedded, wanted in zip(words, spans, strict=True):
        states = token_states(model, embedded[None], None)[0]
        found += [states[a:b].mean(0) for a, b in wanted]
    return torch.stack(found)
