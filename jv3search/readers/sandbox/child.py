"""The child process: reads documents one after the other until its input ends, within hard limits.

Run by the door as `python -m jv3search.readers.sandbox.child <bytes of memory>`.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
from typing import BinaryIO

from jv3search.errors import ReadError
from jv3search.readers.dispatch import read, render
from jv3search.readers.sandbox import wire

_GRACE = 2  # seconds past the limit after which a child whose parent is gone ends itself


def main() -> None:
    """Serve requests; the end of standard input is the end of this process."""
    requests, answers = _private_pipes()
    _harden(int(sys.argv[1]))
    _send(answers, {"ready": True})
    while header := requests.read(wire.HEADER.size):
        size, data_size = wire.HEADER.unpack(header)
        note, data = requests.read(size), requests.read(data_size)
        if len(data) < data_size:  # the parent died in the middle of its question
            return
        _serve(_load(note), data, answers)


def _serve(request: dict[str, object], data: bytes, answers: BinaryIO) -> None:
    raw, png = wire.raw_of(request, data), b""
    signal.alarm(int(raw.limits.seconds) + _GRACE)  # its default action ends even a stuck C library
    try:
        page = wire.page_of(request)
        if page is None:
            note = wire.document_note(read(raw))
        else:
            image = render(raw, page)
            note, png = wire.image_note(image), image.png
    except ReadError as error:
        note = wire.error_note(error)
    except MemoryError:
        os._exit(wire.OUT_OF_MEMORY)  # what a failed allocation left behind is not to be trusted
    except BaseException as error:  # a panic in Rust (calamine) is no Exception
        note = wire.error_note(ReadError(f"{raw.name} is damaged: the parser gave up ({type(error).__name__})"))
    _send(answers, note, png)
    signal.alarm(0)


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the parent, moved away from where a chatty library would print."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    void = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(void, standard)
    return requests, answers


def _harden(memory: int) -> None:
    tempfile.tempdir = os.devnull  # nothing may be written, so nothing is looked for either
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    bounds = {resource.RLIMIT_NOFILE: 64, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0}
    if sys.platform == "linux":  # elsewhere the address space cannot be limited
        bounds[resource.RLIMIT_AS] = memory
    for kind, bound in bounds.items():
        resource.setrlimit(kind, (bound, bound))


def _load(body: bytes) -> dict[str, object]:
    note: dict[str, object] = json.loads(body)
    return note


def _send(answers: BinaryIO, note: dict[str, object], data: bytes = b"") -> None:
    answers.write(wire.frame(note, data))
    answers.flush()


if __name__ == "__main__":
    main()
