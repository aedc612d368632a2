"""Uploads being read: one job at a time, in a process of its own; what waits meanwhile is the next job."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from jv3search import jobs
from jv3search.errors import IndexLocked, JV3SearchError
from jv3search.jobs import Job
from jv3search.location import IndexLocation

_MOST_WAITING = 64  # uploads; more would only wait for the model
_KEPT = 1000  # ingests that can still be asked about
_LOOK_SECONDS = 0.2  # as often as a job writes how far it is


class ManyWaiting(JV3SearchError):
    """Too many uploads are waiting to be read."""

    retry_after = 5  # seconds: a process that reads starts in two

    def __init__(self) -> None:
        super().__init__(f"{_MOST_WAITING} uploads are waiting to be read: try again in {self.retry_after} s")


@dataclass(frozen=True, slots=True)
class Ingest:
    """Files that were uploaded together; `job` reads them, and others that waited with them. None: not yet."""

    id: str
    paths: tuple[Path, ...]
    job: Job | None = None


class Ingests:
    """The uploads of one index; safe for several threads."""

    def __init__(self, index: Path | IndexLocation, model: str = "") -> None:
        self._index = index
        self._model = model  # of an index that an upload makes
        self._ingests: dict[str, Ingest] = {}
        self._waiting: list[str] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = False

    @property
    def waiting(self) -> int:
        """Uploads that nothing has begun to read."""
        return len(self._waiting)

    def check(self) -> None:
        """ManyWaiting if nothing can be taken now."""
        if self.waiting >= _MOST_WAITING:
            raise ManyWaiting

    def add(self, paths: Sequence[Path]) -> Ingest:
        """Have some files read as soon as what is being read is done."""
        ingest = Ingest(uuid.uuid4().hex, tuple(paths))
        with self._lock:
            self._ingests[ingest.id] = ingest
            self._waiting.append(ingest.id)
            for old in [key for key, one in self._ingests.items() if one.job and not one.job.running][:-_KEPT]:
                del self._ingests[old]
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="jv3search-uploads", daemon=True)
                self._thread.start()
        return ingest

    def get(self, key: str) -> Ingest | None:
        """An ingest as it is now; None if there was none, or if it was long ago."""
        return self._ingests.get(key)

    def close(self) -> None:
        """Have what waits read too; the last job goes on by itself."""
        self._closing = True
        thread = self._thread
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        while batch := self._taken():
            self._read(batch)

    def _taken(self) -> list[str]:
        with self._lock:
            batch, self._waiting = self._waiting, []
            if not batch:
                self._thread = None
        return batch

    def _read(self, batch: Sequence[str]) -> None:
        paths = dict.fromkeys(path for key in batch for path in self._ingests[key].paths)
        job = self._started(list(paths))
        self._tell(batch, job)
        while job.running and not (self._closing and not self._waiting):
            time.sleep(_LOOK_SECONDS)
            job = _now(self._index, job)
            self._tell(batch, job)

    def _started(self, paths: Sequence[Path]) -> Job:
        """The job that reads some files, when one that runs already is done."""
        while True:
            try:
                return jobs.start(self._index, paths, self._model)
            except IndexLocked:
                time.sleep(_LOOK_SECONDS)
            except JV3SearchError as error:
                now = datetime.now(UTC)
                return Job(tuple(map(str, paths)), now, "failed", message=str(error), finished=now)

    def _tell(self, batch: Sequence[str], job: Job) -> None:
        with self._lock:
            for key in batch:
                self._ingests[key] = replace(self._ingests[key], job=job)


def _now(index: Path | IndexLocation, job: Job) -> Job:
    """How far a job is; if another began before its end was seen, only that it is over."""
    seen = jobs.current(index)
    if seen is not None and seen.started == job.started:
        return seen
    return replace(job, phase="done", message="another ingest began at once; see documents for what came of these")
