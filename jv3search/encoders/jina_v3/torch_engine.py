"""The jina-embeddings-v3 network on PyTorch and transformers: the reference for other engines."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jv3search.encoders.engine import Row
from jv3search.encoders.jina_v3.checkpoint import read_checkpoint
from jv3search.encoders.jina_v3.config import CheckpointConfig
from jv3search.encoders.jina_v3.stored import widened
from jv3search.encoders.jina_v3.views import build_view
from jv3search.encoders.late_chunking import TokenRange
from jv3search.types import Task


class TorchEngine:
    """A checkpoint in either published layout, in float32 on the CPU.

    `threads` are those of PyTorch in this whole process; 0 leaves them as they are. ModelError for a checkpoint
    that does not fit.
    """

    packs = False
    batch_tokens = 4096

    def __init__(self, folder: Path, config: CheckpointConfig, threads: int = 0) -> None:
        if threads:
            torch.set_num_threads(threads)
        self._config = config
        checkpoint = read_checkpoint(folder, config)
        self._adapters = checkpoint.adapters
        stored = checkpoint.base  # emptied on the way: both forms are never in memory together
        self._base = {name: torch.from_numpy(widened(stored.pop(name))) for name in list(stored)}
        self._views: dict[Task | None, nn.Module] = {}
        self._building = threading.Lock()

    def states(self, rows: Sequence[Row]) -> list[NDArray[np.float32]]:
        """The last hidden states of each row: (T, hidden)."""
        return [states.numpy() for states in self._states(rows)]

    @torch.inference_mode()
    def sums(self, rows: Sequence[Row], ranges: Sequence[Sequence[TokenRange]]) -> list[NDArray[np.float32]]:
        """(ranges, hidden) for each row: the float32 sums of its states over half-open ranges of its tokens."""
        return [_summed(states, of_row).numpy() for states, of_row in zip(self._states(rows), ranges, strict=True)]

    @torch.inference_mode()
    def _states(self, rows: Sequence[Row]) -> list[Tensor]:
        """One pass for the rows of each task, for each task is a module tree of its own."""
        found: dict[int, Tensor] = {}
        for task in dict.fromkeys(row.task for row in rows):
            places = [place for place, row in enumerate(rows) if row.task == task]
            found.update(zip(places, self._forward([rows[place].ids for place in places], task), strict=True))
        return [found[place] for place in range(len(rows))]

    def _forward(self, rows: Sequence[NDArray[np.int64]], task: Task | None) -> list[Tensor]:
        """Rows of ids -> their token states (T, hidden); the mask exists only when there is padding."""
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), int(self._config.sizes["pad_token_id"]))
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.from_numpy(row)
        lengths = torch.tensor([len(row) for row in rows])
        mask = None if bool((lengths == width).all()) else (torch.arange(width) < lengths[:, None]).long()
        states = self._view(task)(input_ids=ids, attention_mask=mask).last_hidden_state
        return [states[i, : len(row)] for i, row in enumerate(rows)]

    def _view(self, task: Task | None) -> nn.Module:
        with self._building:  # views are made on first use; a made one is never changed
            if task not in self._views:
                adapter = self._adapters[task] if task else None
                self._views[task] = build_view(self._config, self._base, adapter)
            return self._views[task]


def _summed(states: Tensor, ranges: Sequence[TokenRange]) -> Tensor:
    sums = torch.zeros(len(ranges), states.shape[-1])
    for place, (first, last) in enumerate(ranges):
        sums[place] = states[first:last].sum(0)
    return sums
