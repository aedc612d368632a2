"""The process of a job, from outside: begin it, look at it, stop it."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from jv3search.errors import IndexLocked, StorageError
from jv3search.jobs import record
from jv3search.jobs.record import Job
from jv3search.location import IndexLocation

_LOCK = "job.lock"
LOG = "job.log"

_LOOK_SECONDS = 0.5  # another tab may hold the lock for the moment it looks at it
_EXIT_SECONDS = 10.0  # a process that has done its job still has to leave its libraries
_START_SECONDS = 30.0  # for Python to start, on a machine that is busy otherwise


def start(index: Path | IndexLocation, paths: Sequence[Path], model: str = "") -> Job:
    """Begin to ingest `paths` into `index` in a process of its own; IndexLocked while another job runs there.

    `model` is for an index that is made now; without it, that of the settings.
    """
    index = IndexLocation.of(index).resolved()
    folder = index.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        before = record.read(folder)
        lock = _take(folder, fcntl.LOCK_EX, _EXIT_SECONDS if before and not before.running else _LOOK_SECONDS)
    except OSError as error:
        raise StorageError(f"cannot write to {folder}: {error.strerror}; check its permissions") from error
    if lock is None:
        raise IndexLocked(f"documents are being read into {index} already: wait until that is done, or stop it")
    job = Job(tuple(str(path.resolve()) for path in paths), record.now())
    try:
        record.write(folder, job)
        process = _spawn(index, lock, model)
    except OSError as error:
        raise StorageError(f"the process cannot be started in {folder}: {error}") from error
    finally:
        os.close(lock)  # the process holds it now
    threading.Thread(target=process.wait, name="jv3search-job", daemon=True).start()  # leaves no zombie
    return job


def current(index: Path | IndexLocation) -> Job | None:
    """The job that runs, or the last one that did; one whose process is gone without a word has died."""
    folder = IndexLocation.of(index).folder
    job = record.read(folder)
    if job is None or not job.running or _held(folder):
        return job
    job = record.read(folder)  # it may have ended between the two looks
    return replace(job, phase="died", message=_last_words(folder)) if job and job.running else job


def stop(index: Path | IndexLocation) -> None:
    """Ask the job that runs to end, as Ctrl-C does; nothing happens if none runs."""
    deadline = time.monotonic() + _START_SECONDS
    job = current(index)
    while job and job.running and not job.pid and time.monotonic() < deadline:
        time.sleep(0.05)
        job = current(index)
    if job and job.running and job.pid:
        try:
            os.kill(job.pid, signal.SIGINT)
        except ProcessLookupError:  # it has just ended
            return


def _spawn(index: IndexLocation, lock: int, model: str) -> subprocess.Popen[bytes]:
    """The process has a session of its own: neither Ctrl-C in our terminal nor its closing reaches it."""
    given = {"JV3SEARCH_INDEX": index.secret, "JV3SEARCH_MODEL": model}  # arguments are for everybody to see
    environment = os.environ | {name: value for name, value in given.items() if value}
    with (index.folder / LOG).open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "jv3search.jobs.run"],
            stdin=subprocess.DEVNULL,
            env=environment,
            stdout=log,
            stderr=log,
            pass_fds=[lock],
            start_new_session=True,
        )


def _take(folder: Path, kind: int, seconds: float = 0.0) -> int | None:
    """An open file that holds the job's lock; None if a job still holds it after `seconds`."""
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(handle)
                return None
            time.sleep(0.02)
        else:
            return handle


def _held(folder: Path) -> bool:
    """Whether a job's process is alive."""
    try:
        handle = _take(folder, fcntl.LOCK_SH)
    except OSError:  # a folder we may only read: believe the record
        return True
    if handle is None:
        return True
    os.close(handle)
    return False


def _last_words(folder: Path) -> str:
    try:
        lines = (folder / LOG).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1][:500] if lines else ""
