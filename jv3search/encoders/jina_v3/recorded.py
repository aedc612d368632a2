"""CUDA graphs: the pass of a short row recorded once, then launched as a whole."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

RECORDED_LENGTHS = (16, 32, 64, 128, 256, 512)
"""Rows are filled up to the next of these; a longer row keeps the GPU busy as it is."""


class RecordedPass:
    """A network's pass over one row of at most `size` tokens; for one thread at a time.

    What fills the row up is packed as a second text, so that the first one never sees it.
    """

    def __init__(self, model: nn.Module, size: int, device: torch.device) -> None:
        self._ids = torch.zeros(1, size, dtype=torch.int64, device=device)
        self._ends = torch.tensor([0, size, size], dtype=torch.int32, device=device)
        arguments = {
            "position_ids": torch.arange(size, device=device)[None],
            "ends": self._ends,
            "longest": size,
        }
        aside = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(aside):  # once without recording: libraries set themselves up
            last_states(model, self._ids, arguments)
        torch.cuda.current_stream(device).wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._states = last_states(model, self._ids, arguments)

    def states(self, ids: NDArray[np.int64]) -> Tensor:
        """(T, hidden) on the device, until the next call."""
        self._ids[0, : len(ids)] = torch.from_numpy(ids)
        self._ends[1] = len(ids)
        self._graph.replay()
        return self._states[: len(ids)]


def last_states(model: nn.Module, ids: Tensor, arguments: dict[str, object]) -> Tensor:
    """(T, hidden): the last hidden states of ids (1, T)."""
    states: Tensor = model(input_ids=ids, **arguments).last_hidden_state
    return states[0]
