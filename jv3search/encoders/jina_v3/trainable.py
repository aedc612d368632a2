"""A view of a frozen checkpoint whose adapter can learn, and vectors that a loss can be taken of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from jv3search.encoders.batching import token_batches
from jv3search.encoders.jina_v3.checkpoint import read_checkpoint
from jv3search.encoders.jina_v3.config import SCALING, CheckpointConfig
from jv3search.encoders.jina_v3.fit import Adapter
from jv3search.encoders.jina_v3.stored import Stored, is_bfloat16, widened
from jv3search.encoders.jina_v3.views import build_view
from jv3search.types import Task

_GROUP_TOKENS = {"cuda": 8192}  # of one pass: what a step needs in memory, however many texts it has
_USUAL_TOKENS = 2048  # elsewhere: at full size in float32 some 7 GB


class _Adapted(nn.Module):
    """A frozen module plus its update, as in `views`, but with a gradient for the update's two halves."""

    def __init__(self, base: nn.Module, down: nn.Parameter, up: nn.Parameter) -> None:
        super().__init__()
        self.base, self.down, self.up = base, down, up

    def forward(self, x: Tensor) -> Tensor:
        low = F.embedding(x, self.down.T) if isinstance(self.base, nn.Embedding) else F.linear(x, self.down)
        plain: Tensor = self.base(x)
        return plain + F.linear(low, SCALING * self.up)


@dataclass(frozen=True, slots=True, eq=False)
class TrainableAdapter:
    """The network with the adapter of one task; only the adapter's parameters have a gradient.

    `pairs` are (down, up) by the native name of the module, in float32; `stored` is what they began as. With
    `bf16`, products are in bfloat16.
    """

    network: nn.Module
    pairs: dict[str, tuple[nn.Parameter, nn.Parameter]]
    stored: Adapter
    pad: int
    bf16: bool

    @property
    def device(self) -> torch.device:
        """Where it learns."""
        return next(iter(self.pairs.values()))[0].device

    def parameters(self) -> list[nn.Parameter]:
        """Everything that learns, in a fixed order."""
        return [side for pair in self.pairs.values() for side in pair]

    def learned(self) -> Adapter:
        """What the adapter is by now, each tensor of the type that it was stored in."""
        return {
            name: (_stored(down, self.stored[name][0]), _stored(up, self.stored[name][1]))
            for name, (down, up) in self.pairs.items()
        }

    def groups(self, rows: Sequence[NDArray[np.int64]]) -> Iterator[list[int]]:
        """Places of rows of similar length that go through the network together."""
        budget = _GROUP_TOKENS.get(self.device.type, _USUAL_TOKENS)
        yield from token_batches([len(row) for row in rows], budget)

    def vectors(self, rows: Sequence[NDArray[np.int64]]) -> Tensor:
        """(rows, hidden) means of all token states, not normalised."""
        device = self.device
        lengths = torch.tensor([len(row) for row in rows])
        ids = torch.full((len(rows), int(lengths.max())), self.pad)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = torch.from_numpy(row)
        mask = (torch.arange(ids.shape[1]) < lengths[:, None]).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=self.bf16):
            # A mask only where there is padding: attention without one is faster.
            states = self.network(ids.to(device), attention_mask=None if mask.all() else mask.long())
        weights = mask[..., None].float()
        means: Tensor = (states.last_hidden_state.float() * weights).sum(1) / weights.sum(1)
        return means


def trainable_adapters(
    folder: Path, config: CheckpointConfig, tasks: Sequence[Task], device: str, bf16: bool = False
) -> dict[Task, TrainableAdapter]:
    """The adapters of some tasks over one frozen base, which is held in bfloat16 or float32.

    ModelError for a checkpoint that does not fit.
    """
    checkpoint = read_checkpoint(folder, config)
    precision = torch.bfloat16 if bf16 else torch.float32
    base = {name: _floats(stored).to(device, precision) for name, stored in checkpoint.base.items()}
    return {task: _woven(config, base, checkpoint.adapters[task], device, bf16) for task in dict.fromkeys(tasks)}


def _woven(
    config: CheckpointConfig, base: dict[str, Tensor], adapter: Adapter, device: str, bf16: bool
) -> TrainableAdapter:
    network = build_view(config, base, None)
    pairs = {}
    for name, (down, up) in adapter.items():
        pairs[name] = (_parameter(down, device), _parameter(up, device))
        parent, _, leaf = name.rpartition(".")
        setattr(network.get_submodule(parent), leaf, _Adapted(network.get_submodule(name), *pairs[name]))
    return TrainableAdapter(network, pairs, adapter, int(config.sizes["pad_token_id"]), bf16)


def _floats(stored: Stored) -> Tensor:
    return torch.from_numpy(widened(stored))


def _parameter(stored: Stored, device: str) -> nn.Parameter:
    return nn.Parameter(_floats(stored).clone().to(device))


def _stored(tensor: Tensor, like: Stored) -> Stored:
    """In bfloat16 where `like` is: NumPy has its bits only."""
    values = tensor.detach().cpu().contiguous()
    if is_bfloat16(like):
        return values.to(torch.bfloat16).view(torch.int16).numpy().view(like.dtype)
    return values.numpy().astype(like.dtype)
