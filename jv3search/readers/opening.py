"""Opening: the one place that touches the file system, and only ever a regular file."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from jv3search.errors import EmptyDocument, ReadError
from jv3search.readers.sandbox.limits import Limits, megabytes

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO must not block us

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

_REASONS = {
    errno.ELOOP: "is a symbolic link; give the file it points to",
    errno.ENOENT: "does not exist",
    errno.EACCES: "may not be read: permission denied",
    errno.ENXIO: "is a socket or a device, not a file",
}


def fetch(path: Path, limits: Limits | None = None) -> bytes:
    """The bytes of a regular file, read once; links, folders, pipes and oversized files are refused."""
    limits = limits or Limits()
    with os.fdopen(_open(path), "rb") as file:
        _check_size(path, os.fstat(file.fileno()).st_size, limits)
        data = file.read(limits.file + 1)
    _check_size(path, len(data), limits)  # it may have grown meanwhile
    return data


def peek(path: Path, *, edge: int) -> tuple[bytes, bytes]:
    """The first and the last `edge` bytes of a regular file."""
    with os.fdopen(_open(path), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise EmptyDocument(f"{printable(path)} is empty (0 bytes)")
        head = file.read(edge)
        file.seek(max(0, size - edge))
        return head, file.read(edge)


def printable(path: Path | str) -> str:
    """A path for messages: bytes that are no UTF-8 become U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")


def _open(path: Path) -> int:
    try:
        handle = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = _REASONS.get(getattr(error, "errno", 0) or 0, f"cannot be opened: {error}")
        raise ReadError(f"{printable(path)} {reason}") from error
    kind = stat.S_IFMT(os.fstat(handle).st_mode)
    if kind != stat.S_IFREG:
        os.close(handle)
        raise ReadError(f"{printable(path)} is {_KINDS.get(kind, 'not a regular file')}, not a file")
    return handle


def _check_size(path: Path, size: int, limits: Limits) -> None:
    if size == 0:
        raise EmptyDocument(f"{printable(path)} is empty (0 bytes)")
    if size > limits.file:
        limit = megabytes(limits.file)
        raise ReadError(f"{printable(path)} is {megabytes(size)}; the limit for one file is {limit}")
