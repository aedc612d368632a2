"""GPUs as PyTorch sees them: whether there is one, and whether its memory is enough."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from jv3search.errors import ModelError

MOST_TOKENS = 32_768  # of one pass: half as many reach 95 % of the speed, more give nothing
_TOKEN_WIDTHS = 24  # hidden sizes that one token takes at the peak of a pass; about 20 were measured
_INSTEAD = "or choose the engine openvino"


def has_cuda() -> bool:
    """Whether this PyTorch can use an NVIDIA GPU."""
    return torch.cuda.is_available()


def require_device(device: str) -> None:
    """ModelError, with what to do, unless PyTorch can use the device "cuda", "mps" or "cpu"."""
    if device == "mps" and not torch.backends.mps.is_available():
        raise ModelError(f"PyTorch {torch.__version__} sees no GPU of Apple's: mend that, {_INSTEAD}")
    if device != "cuda" or torch.cuda.is_available():
        return
    if torch.version.cuda is None and torch.version.hip is None:
        raise ModelError(
            f"PyTorch {torch.__version__} was built without CUDA: install a build for GPUs (make run GPU=1), "
            f"{_INSTEAD}"
        )
    raise ModelError(
        f"PyTorch {torch.__version__} sees no GPU: nvidia-smi says if its driver works; mend it, {_INSTEAD}"
    )


def pass_tokens(device: torch.device, weights: int, hidden: int, least: int) -> int:
    """How many tokens one pass may have beside `weights` bytes; ModelError if not even `least` fit.

    `hidden` is the bytes of one token's state. Half of what is free is left to others, on a device that tells.
    """
    if device.type != "cuda":
        return least
    free, _ = torch.cuda.mem_get_info(device)
    a_token = _TOKEN_WIDTHS * hidden
    if free < weights + least * a_token:
        raise ModelError(_too_little(device, f"the model needs {(weights + least * a_token) / 1e9:.1f}"))
    return max(least, min(MOST_TOKENS, (free - weights) // 2 // a_token))


@contextmanager
def memory_told(device: torch.device) -> Iterator[None]:
    """ModelError in place of PyTorch's own error when the device's memory is full."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise ModelError(_too_little(device, "this needs more")) from None


def _too_little(device: torch.device, needed: str) -> str:
    if device.type != "cuda":
        return f"the memory of the device {device} is full: close what else uses it, {_INSTEAD}"
    free, total = torch.cuda.mem_get_info(device)
    return (
        f"the GPU {torch.cuda.get_device_name(device)} has {free / 1e9:.1f} of its {total / 1e9:.1f} GB free, and "
        f"{needed}: close what else uses it (nvidia-smi lists it), {_INSTEAD}"
    )
