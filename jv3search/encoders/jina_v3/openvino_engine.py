"""The jina-embeddings-v3 network on OpenVINO: faster on a CPU than PyTorch, and started in a moment."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jv3search.encoders.engine import Row
from jv3search.encoders.jina_v3.checkpoint import read_checkpoint
from jv3search.encoders.jina_v3.config import CheckpointConfig
from jv3search.encoders.jina_v3.fit import parameter_shapes
from jv3search.encoders.jina_v3.openvino_cache import compiled
from jv3search.encoders.jina_v3.openvino_graph import build_graph, ranks
from jv3search.encoders.jina_v3.openvino_runtime import openvino as ov
from jv3search.encoders.late_chunking import TokenRange
from jv3search.errors import ModelError
from jv3search.types import Task

_LARGE = 100_000_000  # parameters; a smaller model gains from bfloat16 only with AMX, and is compiled in a moment
_STEP = 16  # lengths are rounded up to it: OpenVINO keeps code and weights for each shape that it has seen
_HIDDEN = -1e9  # added to the scores of padding; finite, for infinities may become NaN in bfloat16


_log = logging.getLogger(__name__)


class OpenVinoEngine:
    """A checkpoint in either published layout, on the CPU; the same numbers on every run.

    `threads` 0 is one a core. `precision` is f32, bf16, or int8, which keeps the layers' weights in 8 bits and
    computes in bf16 if the model is large and the CPU can. ModelError for a checkpoint that does not fit, or bf16
    on a CPU without it.
    """

    packs = False
    batch_tokens = 1024  # 256 reach 90 % of the speed of 1,024; 4,096 are slower, for they leave the caches

    def __init__(self, folder: Path, config: CheckpointConfig, threads: int = 0, precision: str = "f32") -> None:
        core = ov.Core()
        self.precision = precision
        self._products = _products(config, precision)
        self._pad = int(config.sizes["pad_token_id"])
        self._graph = compiled(
            core, folder, self._properties(threads), precision, lambda: _built(folder, config, precision)
        )
        self._gates = _gates(self._graph.ranks)
        self._requests = threading.local()  # an infer request must not be used by two threads at once

    def states(self, rows: Sequence[Row]) -> list[NDArray[np.float32]]:
        """The last hidden states of each row: (T, hidden)."""
        return [states.copy() for states in self._views(rows)]

    def sums(self, rows: Sequence[Row], ranges: Sequence[Sequence[TokenRange]]) -> list[NDArray[np.float32]]:
        """(ranges, hidden) for each row: the float32 sums of its states over half-open ranges of its tokens."""
        return [_summed(states, of_row) for states, of_row in zip(self._views(rows), ranges, strict=True)]

    def _properties(self, threads: int) -> dict[str, str | int | bool]:
        """Pinning is off: pinned to the same cores, two processes would wait for each other."""
        properties: dict[str, str | int | bool] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": self._products,
            "ENABLE_CPU_PINNING": False,
        }
        return properties | {"INFERENCE_NUM_THREADS": threads} if threads else properties

    def _views(self, rows: Sequence[Row]) -> list[NDArray[np.float32]]:
        """The states of each row, in memory that the next pass of this thread overwrites."""
        longest = max(len(row.ids) for row in rows)
        ids = np.full((len(rows), longest + -longest % _STEP), self._pad, np.int64)
        mask = np.full((len(rows), 1, 1, ids.shape[1]), _HIDDEN, np.float32)
        for i, row in enumerate(rows):
            ids[i, : len(row.ids)] = row.ids
            mask[i, ..., : len(row.ids)] = 0
        gate = np.stack([self._gates[row.task] for row in rows])
        results = self._request().infer([ids, mask, gate], share_inputs=True, share_outputs=True)
        return [results[0][i, : len(row.ids)] for i, row in enumerate(rows)]

    def _request(self) -> ov.InferRequest:
        if not hasattr(self._requests, "own"):
            self._requests.own = self._graph.model.create_infer_request()
        return self._requests.own


def _built(folder: Path, config: CheckpointConfig, precision: str) -> tuple[ov.Model, dict[Task, int]]:
    """The graph of a checkpoint, and the rank of each task's adapter."""
    if _is_large(config):  # a warning is what is seen on stderr where nobody has set logging up
        _log.warning("%s is compiled for this processor, which takes some seconds, once", folder.name)
    checkpoint = read_checkpoint(folder, config)
    of_tasks = ranks(checkpoint)
    return build_graph(checkpoint, config, short_weights=precision == "int8"), of_tasks


def auto_precision(config: CheckpointConfig) -> str:
    """bf16 on a CPU with matrix units for it (AMX), of a large model with any instructions for it; else f32."""
    return "bf16" if has_bf16() and (_is_large(config) or has_amx()) else "f32"


def _is_large(config: CheckpointConfig) -> bool:
    return sum(math.prod(shape) for shape in parameter_shapes(config.sizes).values()) > _LARGE


def has_bf16() -> bool:
    """Whether this CPU has instructions for bfloat16."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def has_amx() -> bool:
    """Whether this CPU multiplies matrices of bfloat16 in units of their own; looked for on Linux only."""
    cpus = Path("/proc/cpuinfo")
    return cpus.exists() and "amx_bf16" in cpus.read_text(encoding="utf-8").split()


def _products(config: CheckpointConfig, precision: str) -> str:
    """What the CPU computes in."""
    if precision == "int8":
        return "bf16" if _is_large(config) and has_bf16() else "f32"
    if precision == "bf16" and not has_bf16():
        raise ModelError("this CPU has no instructions for bf16: use the precision f32, or auto")
    return precision


def _gates(of_tasks: dict[Task, int]) -> dict[Task | None, NDArray[np.float32]]:
    """(1, ranks) for each task: ones at the places of its adapter; zeros for the base."""
    places = np.repeat(np.arange(len(of_tasks)), list(of_tasks.values()))
    gates: dict[Task | None, NDArray[np.float32]] = {None: np.zeros((1, len(places)), np.float32)}
    return gates | {task: (places == i)[None].astype(np.float32) for i, task in enumerate(of_tasks)}


def _summed(states: NDArray[np.float32], ranges: Sequence[TokenRange]) -> NDArray[np.float32]:
    """Summed in float64: NumPy adds rows one after the other, which would lose digits over thousands of them."""
    sums = np.empty((len(ranges), states.shape[1]), np.float32)
    for place, (first, last) in enumerate(ranges):
        sums[place] = states[first:last].sum(axis=0, dtype=np.float64)
    return sums
