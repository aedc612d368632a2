"""OpenVINO's runtime without its model converter, whose import reports the use of OpenVINO over the network.

`import openvino` imports `openvino.tools.ovc` where it can, which sends an event to Google Analytics unless the
user has opted out, and writes an identity into the home folder. openvino goes without it where that import fails.
jv3search writes its graph itself and needs no converter; for others in this process it can be imported afterwards.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_CONVERTER = "openvino.tools.ovc"


@contextmanager
def _without_converter() -> Iterator[None]:
    if _CONVERTER in sys.modules:  # another library was faster, and what it did is done
        yield
        return
    sys.modules[_CONVERTER] = None  # type: ignore[assignment]  # importing it fails
    try:
        yield
    finally:
        del sys.modules[_CONVERTER]


with _without_converter():
    import openvino
    from openvino import opset13

__all__ = ["openvino", "opset13"]
