"""A stand-in for a GPU: its tensors name a device of their own and refuse to meet those of the CPU, as CUDA's do.

The numbers are computed on the CPU. PyTorch lets one backend be written in Python (its key is PrivateUse1):
new tensors come through a fallback kernel, everything else through `__torch_dispatch__`.
"""

from __future__ import annotations

import torch
from torch.utils import _pytree as pytree
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

NAME = "pretended"
aten = torch.ops.aten
COPIES = {aten.copy_.default, aten._to_copy.default}
INDEXED = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}
RESIZING = ("arange", "arange.start", "arange.start_step", "eye", "eye.m")  # made empty, then resized: not here
_kept: list[torch.library.Library] = []  # a library that is collected takes its kernels along


class Pretended(torch.Tensor):
    """A tensor of the device around one of the CPU."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, raw):
        return torch.Tensor._make_wrapper_subclass(
            cls, raw.shape, strides=raw.stride(), dtype=raw.dtype, device=f"{NAME}:0"
        )

    def __init__(self, raw):
        self.raw = raw

    @classmethod
    def __torch_dispatch__(cls, op, types, args=(), kwargs=None):
        return kernel(op, *args, **(kwargs or {}))


class Backend(_DummyBackendModule):
    """What autocast asks a device."""

    def get_amp_supported_dtype(self):
        return [torch.bfloat16]


def stranger(op, tensors):
    """A tensor of the CPU where CUDA accepts none: numbers of no dimension and indices may come from there."""
    if op in COPIES:
        return None
    met = tensors[:1] if op in INDEXED else tensors
    return next((t for t in met if not isinstance(t, Pretended) and t.dim()), None)


def kernel(op, *args, **kwargs):
    """Compute on the CPU, give back tensors of the device, or of the CPU where that was asked for."""
    flat, spec = pytree.tree_flatten((args, kwargs))
    found = stranger(op, [value for value in flat if isinstance(value, torch.Tensor)])
    if found is not None:
        raise RuntimeError(f"{op}: a tensor of the CPU, {tuple(found.shape)}, meets one of the device")
    raws = [on_cpu(value) for value in flat]
    inner_args, inner_kwargs = pytree.tree_unflatten(raws, spec)
    made = op(*inner_args, **inner_kwargs)
    if kwargs.get("device") is not None and kwargs["device"].type == "cpu":
        return made
    outer = {id(raw): value for raw, value in zip(raws, flat, strict=True) if isinstance(value, torch.Tensor)}
    return pytree.tree_map_only(torch.Tensor, lambda t: outer[id(t)] if id(t) in outer else Pretended(t), made)


def on_cpu(value):
    """The value as the CPU's kernels take it."""
    if isinstance(value, torch.device):
        return torch.device("cpu")
    return value.raw if isinstance(value, Pretended) else value


def register():
    """Make `torch.device(NAME)` known; once a process."""
    _setup_privateuseone_for_python_backend(NAME, Backend())
    every, some = torch.library.Library("_", "IMPL"), torch.library.Library("aten", "IMPL")
    every.fallback(kernel, "PrivateUse1")
    every.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
    for name in RESIZING:
        packet, _, overload = name.partition(".")
        op = getattr(getattr(aten, packet), overload or "default")
        some.impl(name, lambda *args, op=op, **kwargs: kernel(op, *args, **kwargs), "PrivateUse1")
    _kept.extend((every, some))
