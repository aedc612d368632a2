"""safetensors files as NumPy arrays of what they store: NumPy has no bfloat16, so its bits stand in uint16."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, TensorSpec, safe_open, serialize_file

from jv3search.errors import ModelError

Stored = NDArray[Any]
"""A tensor as its file has it: float32, float16, or the bits of bfloat16 in uint16."""

_BFLOAT16 = np.dtype("<u2")
_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": _BFLOAT16}


def is_bfloat16(tensor: Stored) -> bool:
    """Whether an array holds the bits of bfloat16."""
    return tensor.dtype == _BFLOAT16


def widened(tensor: Stored) -> NDArray[np.float32]:
    """The same numbers in float32, exactly: bfloat16 is the upper half of a float32."""
    if is_bfloat16(tensor):
        return (tensor.astype(np.uint32) << 16).view(np.float32)
    return tensor.astype(np.float32, copy=False)


def read_tensors(path: Path) -> dict[str, Stored]:
    """All tensors of a file, one after the other; ModelError if it is absent, damaged or not of floats."""
    try:
        safe_open(path, framework="np", backend="pread")  # refuses a header that does not fit the file
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length))
            header.pop("__metadata__", None)
            return {name: _tensor(file, 8 + length, path, name, facts) for name, facts in header.items()}
    except FileNotFoundError:
        raise ModelError(f"{path} is missing: {path.parent} is not a complete checkpoint") from None
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} is damaged or not a safetensors file ({error}): fetch it again") from None


def write_tensors(path: Path, tensors: Mapping[str, Stored]) -> None:
    """A safetensors file with arrays as `read_tensors` gives them."""
    kinds = {np.dtype("<f4"): "float32", np.dtype("<f2"): "float16", _BFLOAT16: "bfloat16"}
    rows = {
        name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()
    }  # in memory while it is written
    specs = {
        name: TensorSpec(dtype=kinds[row.dtype], shape=row.shape, data_ptr=row.ctypes.data, data_len=row.nbytes)
        for name, row in rows.items()
    }
    serialize_file(specs, path, {"format": "pt"})


def _tensor(file: BinaryIO, begin: int, path: Path, name: str, facts: dict[str, Any]) -> Stored:
    dtype = _DTYPES.get(facts["dtype"])
    if dtype is None:
        kinds = ", ".join(_DTYPES)
        raise ModelError(f"{path}: the tensor {name} is of type {facts['dtype']}; only {kinds} are supported")
    first, last = facts["data_offsets"]
    file.seek(begin + first)
    return np.fromfile(file, dtype, (last - first) // dtype.itemsize).reshape(facts["shape"])
