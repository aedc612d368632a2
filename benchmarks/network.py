"""What goes through the network and what it costs: texts of random tokens, their operations, the device's peak."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from jv3search.encoders.jina_v3.config import CheckpointConfig
from jv3search.encoders.late_chunking import TokenizedText


def texts_of(lengths: list[int], config: CheckpointConfig) -> list[TokenizedText]:
    """Random tokens, <s> and </s> around them, of some lengths each."""
    rng = np.random.default_rng(2)
    texts = []
    for length in lengths:
        ids = rng.integers(4, config.sizes["vocab_size"] - 1, length)
        ids[0], ids[-1] = config.sizes["bos_token_id"], config.sizes["eos_token_id"]
        texts.append(TokenizedText("", ids, np.zeros((length, 2), np.int64), 1, length - 1))
    return texts


def operations(lengths: list[int], config: CheckpointConfig) -> float:
    """Floating-point operations of the products of some texts: two a weight and token, and the attention's."""
    hidden, inner = config.dimension, config.sizes["intermediate_size"]
    weights = 4 * hidden * hidden + 2 * hidden * inner
    return float(sum(config.sizes["num_hidden_layers"] * (2 * n * weights + 4 * n * n * hidden) for n in lengths))


def seconds(work: Callable[[], object], device: torch.device | None = None, runs: int = 1) -> float:
    """Median time of some runs, the device's own included."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        if device is not None and device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def peak_of(device: torch.device, dtype: torch.dtype, size: int, runs: int) -> float:
    """Operations a second of a matrix product of `size` cubed, on random data."""
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    seconds(lambda: a @ b, device, 3)
    return 2.0 * size**3 / seconds(lambda: a @ b, device, runs)
