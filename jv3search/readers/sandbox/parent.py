"""The door: every document is parsed in a warm child process that can be killed.

A parser that crashes, hangs or eats memory costs its document, never the ingest: the next document
gets a new child.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

from jv3search.errors import ReadError
from jv3search.readers.opening import fetch, printable
from jv3search.readers.picture import PageImage, PageWanted
from jv3search.readers.sandbox import wire
from jv3search.readers.sandbox.limits import Limits, Raw, mebibytes, megabytes
from jv3search.types import Document

_START_SECONDS = 30.0  # to import Python's own modules on a machine that is busy otherwise
_CHUNK = 1 << 16
_MOST_IMAGE = 32 << 20  # bytes of a drawn page; noise of 6 million pixels has 18 MB as PNG
_ANSWER_FACTOR = 4  # an answer is JSON: escapes, spans and titles on top of the text


class SandboxedReader:
    """Reads documents in a child process; one at a time, from any thread; close it when done."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._child: _Child | None = None
        self._lock = threading.Lock()

    def read(self, path: Path) -> Document:
        """The document in a file; ReadError, UnsupportedFormat or EmptyDocument say why not."""
        return self.read_bytes(fetch(path, self.limits), printable(path.name))

    def read_bytes(self, data: bytes, name: str) -> Document:
        """The document in bytes that `fetch` got from a file called `name`."""
        most = self.limits.text * _ANSWER_FACTOR + _CHUNK
        body, _ = self._ask(wire.request(Raw(data, name, self.limits)), name, most)
        return wire.answer(body)

    def draw(self, data: bytes, name: str, page: PageWanted) -> PageImage:
        """A page of a PDF as an image, with some passages found on it; ReadError says why not."""
        body, png = self._ask(wire.request(Raw(data, name, self.limits), page), name, _MOST_IMAGE)
        return wire.image_answer(body, png)

    def _ask(self, request: bytes, name: str, most: int) -> tuple[bytes, bytes]:
        with self._lock:
            child = self._warm()
            try:
                answer = child.ask(request, self.limits, most)
            except ReadError as error:
                self._retire()
                raise ReadError(f"{name}: {error}") from error
            except BaseException:  # Ctrl-C in the middle of an answer
                self._retire()
                raise
            if child.served >= self.limits.files_per_child:
                self._retire()
            return answer

    def close(self) -> None:
        """End the child, if there is one; a later read would start another."""
        with self._lock:
            self._retire()

    def __enter__(self) -> SandboxedReader:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_child", None) is not None:
            self._retire()

    def _warm(self) -> _Child:
        if self._child is not None and not self._child.alive():
            self._retire()
        if self._child is None:
            self._child = _Child(self.limits)
        return self._child

    def _retire(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.end()


class _Child:
    """One child process and its two pipes."""

    def __init__(self, limits: Limits) -> None:
        self.served = 0
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "jv3search.readers.sandbox.child", str(limits.memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            process_group=0,  # the terminal's Ctrl-C is not for the child
        )
        for pipe in (self._stdin, self._stdout):
            os.set_blocking(pipe.fileno(), False)
        try:
            self._answer(b"", time.monotonic() + _START_SECONDS, most=1000)
        except BaseException:
            self.end()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: bytes, limits: Limits, most: int) -> tuple[bytes, bytes]:
        """The JSON and the data of the answer to one request; ReadError if the child dies or takes too long."""
        self.served += 1
        try:
            return self._answer(request, time.monotonic() + limits.seconds, most=most)
        except TimeoutError as error:
            raise ReadError(f"reading took longer than {limits.seconds:g} seconds, the limit") from error
        except EOFError as error:
            raise ReadError(self._obituary(limits)) from error

    def end(self) -> None:
        """Kill the process by its id and wait for it; close the pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._stdin, self._stdout):
            try:
                pipe.close()
            except OSError:  # nobody is left to read what was still to be written
                continue

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def _answer(self, request: bytes, deadline: float, *, most: int) -> tuple[bytes, bytes]:
        """Write the request and read one frame, whichever the pipes are ready for."""
        rest, got = memoryview(request), bytearray()
        with selectors.DefaultSelector() as ready:
            ready.register(self._stdout, selectors.EVENT_READ)
            if rest:
                ready.register(self._stdin, selectors.EVENT_WRITE)
            while True:
                for key, _ in ready.select(_left(deadline)):
                    if key.fileobj is self._stdout:
                        got += self._receive()
                    else:
                        rest = rest[self._write(rest) :]
                        if not rest:
                            ready.unregister(self._stdin)
                message = _message(got, most)
                if message is not None:
                    return message

    def _receive(self) -> bytes:
        data = os.read(self._stdout.fileno(), _CHUNK)
        if not data:
            raise EOFError
        return data

    def _write(self, rest: memoryview) -> int:
        try:
            return os.write(self._stdin.fileno(), rest[:_CHUNK])
        except BrokenPipeError as error:
            raise EOFError from error

    def _obituary(self, limits: Limits) -> str:
        """Why the child is dead, in words."""
        status, memory = self._process.wait(), mebibytes(limits.memory)
        if status == wire.OUT_OF_MEMORY:
            return f"parsing it needs more than {memory} of memory, the limit"
        if status >= 0:
            return f"the parser ended unexpectedly (status {status})"
        number = -status
        name = signal.Signals(number).name
        hint = f"; it may have needed more than {memory} of memory"
        return f"the parser crashed (signal {number}, {name}){hint if number in (6, 9) else ''}"


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _message(got: bytearray, most: int) -> tuple[bytes, bytes] | None:
    """The JSON and the data of a complete frame, or None while more is to come."""
    if len(got) < wire.HEADER.size:
        return None
    size, extra = wire.HEADER.unpack_from(got)
    if size + extra > most:
        raise ReadError(f"the parser's answer is larger than {megabytes(most)}")
    end = wire.HEADER.size + size
    if len(got) < end + extra:
        return None
    return bytes(got[wire.HEADER.size : end]), bytes(got[end : end + extra])


def _environment() -> dict[str, str]:
    """The parent's environment and import path; numpy's threads would reserve address space for nothing."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return os.environ | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
