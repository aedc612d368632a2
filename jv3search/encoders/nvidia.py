"""Whether there is an NVIDIA GPU, asked of its driver: importing PyTorch to ask would take seconds."""

from __future__ import annotations

import ctypes
import sys

_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


def has_nvidia_gpu() -> bool:
    """Whether a driver is installed and has a GPU for this process (CUDA_VISIBLE_DEVICES may hide them)."""
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
