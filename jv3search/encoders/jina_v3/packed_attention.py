"""Texts one after the other in one row, each attending to itself alone: no padding, and no mask.

transformers calls these functions by their names in `_attn_implementation`; what the model's forward is given
beside its own arguments reaches them. In shapes, T is the tokens of all texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

try:
    from torch.nn.attention.varlen import varlen_attn
except ImportError:  # a PyTorch before 2.10
    varlen_attn = None  # type: ignore[assignment]

BY_KERNEL = "jv3search_packed"
ONE_BY_ONE = "jv3search_one_by_one"
_LEAST_LONGEST = 64


def packed_attention(device: torch.device, dtype: torch.dtype) -> str:
    """The name of the attention for a device: one kernel where PyTorch has it, else one text after another."""
    short = dtype in (torch.bfloat16, torch.float16)
    if device.type != "cuda" or not short or varlen_attn is None:
        return ONE_BY_ONE
    return BY_KERNEL if torch.cuda.get_device_capability(device) >= (8, 0) else ONE_BY_ONE


def packed_arguments(lengths: Sequence[int], attention: str, device: torch.device) -> dict[str, Any]:
    """What the model's forward is given beside the ids: where each text ends, and positions that restart."""
    ends = [0, *accumulate(lengths)]
    positions = to_device(np.arange(ends[-1]) - np.repeat(ends[:-1], lengths), device)
    if attention == ONE_BY_ONE:
        return {"position_ids": positions[None], "ends": ends}
    longest = max(_LEAST_LONGEST, 1 << (max(lengths) - 1).bit_length())  # few values: each may be compiled anew
    return {
        "position_ids": positions[None],
        "ends": to_device(np.array(ends, np.int32), device),
        "longest": longest,
    }


def to_device(array: np.ndarray[Any, np.dtype[Any]], device: torch.device) -> Tensor:
    """An array on a device; a GPU fetches it by itself, while the processor goes on."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def _by_kernel(
    _module: Any, query: Tensor, key: Tensor, value: Tensor, _mask: Any, ends: Tensor, longest: int, **_: Any
) -> tuple[Tensor, None]:
    """(1, heads, T, head) each -> (1, T, heads, head)."""
    query, key, value = (side[0].transpose(0, 1) for side in (query, key, value))
    return cast(Tensor, varlen_attn(query, key, value, ends, ends, longest, longest))[None], None


def _one_by_one(
    _module: Any, query: Tensor, key: Tensor, value: Tensor, _mask: Any, ends: list[int], **_: Any
) -> tuple[Tensor, None]:
    """(1, heads, T, head) each -> (1, T, heads, head)."""
    mixed = [
        F.scaled_dot_product_attention(query[:, :, a:b], key[:, :, a:b], value[:, :, a:b])
        for a, b in pairwise(ends)
    ]
    return torch.cat(mixed, dim=2).transpose(1, 2), None


for _name, _function in ((BY_KERNEL, _by_kernel), (ONE_BY_ONE, _one_by_one)):
    ALL_ATTENTION_FUNCTIONS.register(_name, _function)
    ALL_MASK_ATTENTION_FUNCTIONS.register(_name, lambda *_, **__: None)
