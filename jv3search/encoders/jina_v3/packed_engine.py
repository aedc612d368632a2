"""The jina-embeddings-v3 network on a GPU: rows packed without padding, adapters merged, pooled on the device."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jv3search.encoders.engine import Row
from jv3search.encoders.jina_v3.checkpoint import read_checkpoint
from jv3search.encoders.jina_v3.config import SCALING, CheckpointConfig
from jv3search.encoders.jina_v3.devices import memory_told, pass_tokens, require_device
from jv3search.encoders.jina_v3.fit import Adapter
from jv3search.encoders.jina_v3.packed_attention import BY_KERNEL, packed_arguments, packed_attention, to_device
from jv3search.encoders.jina_v3.recorded import RECORDED_LENGTHS, RecordedPass, last_states
from jv3search.encoders.jina_v3.stored import Stored, is_bfloat16
from jv3search.encoders.jina_v3.views import build_view
from jv3search.encoders.late_chunking import TokenRange
from jv3search.types import Task

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}

_WORDS = "embeddings.word_embeddings"
_COMPILE_TOKENS = 4096  # a pass of fewer waits for the processor, not for the GPU
COMPILE_SECONDS = 60.0  # compiling takes 17 s on an H100 and then saves a quarter: repaid after as long again


class PackedEngine:
    """A checkpoint in either published layout, on the device "cuda", "mps" or, for tests, "cpu".

    `precision` is that of weights and products; sums are float32. Each task in use has its layers on the device,
    its adapter merged into them; the word embeddings are there once. One call runs at a time. After
    `compile_seconds` of work the layers are compiled. ModelError for a checkpoint that does not fit, a device that
    is not there, or one with too little memory.
    """

    packs = True

    def __init__(
        self,
        folder: Path,
        config: CheckpointConfig,
        device: str = "cuda",
        precision: str = "bf16",
        compile_seconds: float = COMPILE_SECONDS,
    ) -> None:
        require_device(device)
        self.precision = precision
        self._config = config
        self._device = torch.device(device)
        self._dtype = DTYPES[precision]
        self._attention = packed_attention(self._device, self._dtype)
        checkpoint = read_checkpoint(folder, config)
        self._adapters = checkpoint.adapters
        self._base = {name: _tensor(stored) for name, stored in checkpoint.base.items()}
        width = self._dtype.itemsize
        weights = sum(tensor.numel() for tensor in self._base.values()) * width
        self.batch_tokens = pass_tokens(self._device, weights, config.dimension * width, config.max_tokens)
        self._alone = threading.Lock()
        self._merged: dict[Task | None, dict[str, Tensor]] = {}
        self._models: dict[tuple[Task | None, bool], nn.Module] = {}
        self._recorded: dict[tuple[Task | None, int], RecordedPass] = {}
        self._compile_at = compile_seconds if self._attention == BY_KERNEL else float("inf")
        self._worked = 0.0
        with memory_told(self._device):
            self._words = self._base.pop(f"{_WORDS}.weight").to(self._device, self._dtype)

    @torch.no_grad()
    def states(self, rows: Sequence[Row]) -> list[NDArray[np.float32]]:
        """The last hidden states of each row: (T, hidden)."""
        return self.sums(rows, [[(at, at + 1) for at in range(len(row.ids))] for row in rows])

    @torch.no_grad()
    def sums(self, rows: Sequence[Row], ranges: Sequence[Sequence[TokenRange]]) -> list[NDArray[np.float32]]:
        """(ranges, hidden) for each row: the float32 sums of its states over half-open ranges of its tokens."""
        found: dict[int, NDArray[np.float32]] = {}
        for task in dict.fromkeys(row.task for row in rows):
            places = [place for place, row in enumerate(rows) if row.task == task]
            with self._alone, memory_told(self._device):
                began = time.monotonic()
                states = self._states(task, [rows[place].ids for place in places])
                lengths = [len(rows[place].ids) for place in places]
                sums = _summed(states, lengths, [ranges[place] for place in places])
                self._worked += time.monotonic() - began
            found.update(zip(places, sums, strict=True))
        return [found[place] for place in range(len(rows))]

    def _states(self, task: Task | None, rows: Sequence[NDArray[np.int64]]) -> Tensor:
        """(T, hidden): the states of all rows, one after the other, on the device."""
        if len(rows) == 1 and len(rows[0]) <= RECORDED_LENGTHS[-1] and self._attention == BY_KERNEL:
            return self._replayed(task, rows[0])
        ids = to_device(np.concatenate(rows), self._device)[None]
        arguments = packed_arguments([len(row) for row in rows], self._attention, self._device)
        if ids.shape[1] >= _COMPILE_TOKENS and self._worked >= self._compile_at:
            try:
                return last_states(self._model(task, compiled=True), ids, arguments)
            except torch._dynamo.exc.TorchDynamoException as error:  # no C compiler, no headers of Python, ...
                self._compile_at = float("inf")
                reason = str(error).strip().split("\n")[0]
                warnings.warn(f"PyTorch cannot compile here, so the model runs slower: {reason}", stacklevel=2)
        return last_states(self._model(task), ids, arguments)

    def _replayed(self, task: Task | None, ids: NDArray[np.int64]) -> Tensor:
        """One short row by a recorded pass: to launch its hundreds of kernels singly takes ten times as long."""
        size = next(length for length in RECORDED_LENGTHS if length >= len(ids))
        if (task, size) not in self._recorded:
            self._recorded[task, size] = RecordedPass(self._model(task), size, self._device)
        return self._recorded[task, size].states(ids)

    def _model(self, task: Task | None, compiled: bool = False) -> nn.Module:
        """The network of a task, made on first use; compiled or not, over the same tensors."""
        if task not in self._merged:
            self._merged[task] = self._merge(self._adapters[task] if task else {})
        if (task, compiled) not in self._models:
            words = self._adapters[task][_WORDS] if task else None
            model = build_view(self._config, self._merged[task], words and {_WORDS: words}, self._attention)
            for layer in model.get_submodule("layers").children() if compiled else ():
                layer.forward = torch.compile(layer.forward, dynamic=True)
            self._models[task, compiled] = model
        return self._models[task, compiled]

    def _merge(self, adapter: Adapter) -> dict[str, Tensor]:
        """The base's tensors on the device, updates added in float32; the word embeddings stay bare."""
        merged = {f"{_WORDS}.weight": self._words}
        for name, stored in self._base.items():
            tensor = stored.to(self._device)
            if (module := name.removesuffix(".weight")) in adapter:
                down, up = (self._floats(side) for side in adapter[module])
                update = SCALING * up @ down
                tensor = tensor.float() + (update.T if "embeddings" in module else update)
            merged[name] = tensor.to(self._dtype)
        return merged

    def _floats(self, stored: Stored) -> Tensor:
        return _tensor(stored).to(self._device).float()


def _summed(
    states: Tensor, lengths: Sequence[int], ranges: Sequence[Sequence[TokenRange]]
) -> list[NDArray[np.float32]]:
    """(T, hidden) states of rows of some lengths -> (ranges, hidden) sums of each row, added on the device."""
    starts = [0, *accumulate(lengths)]
    flat = [(start + a, a, b) for start, of_row in zip(starts, ranges, strict=False) for a, b in of_row]
    firsts = np.array([first for first, _, _ in flat], np.int64)
    sizes = np.array([b - a for _, a, b in flat], np.int64)
    owners = np.repeat(np.arange(len(flat)), sizes)
    cells = np.arange(len(owners)) - np.repeat(sizes.cumsum() - sizes - firsts, sizes)
    sums = torch.zeros(len(flat), states.shape[1], device=states.device)
    sums.index_add_(0, to_device(owners, states.device), states[to_device(cells, states.device)].float())
    return np.split(sums.cpu().numpy(), np.cumsum([len(of_row) for of_row in ranges])[:-1])


def _tensor(stored: Stored) -> Tensor:
    """A stored tensor as it is, in the memory where it is."""
    if is_bfloat16(stored):
        return torch.from_numpy(stored.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(stored)
