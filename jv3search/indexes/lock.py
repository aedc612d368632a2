"""One writer per folder: a file lock that the operating system frees when its holder dies."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from jv3search.errors import IndexLocked, StorageError

_NAME = "write.lock"


def acquire(folder: Path, timeout: float) -> FileLock:
    """The acquired lock of the index in `folder`; IndexLocked after `timeout` seconds of waiting."""
    lock = FileLock(folder / _NAME, thread_local=False)  # a writer may be closed by another thread
    try:
        lock.acquire(timeout=timeout, poll_interval=0.05)
    except Timeout:
        raise IndexLocked(
            f"{folder} is being written to by another process: wait until it has finished and try again"
        ) from None
    except OSError as error:
        raise StorageError(f"cannot write to {folder}: {error.strerror}; check its permissions") from error
    return lock
