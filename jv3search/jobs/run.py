"""The process of a job, from inside: `python -m jv3search.jobs.run`, which only `jobs.start` calls."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING, Any

from jv3search.config import load_settings
from jv3search.errors import JV3SearchError
from jv3search.indexes import FAILURES
from jv3search.jobs import record
from jv3search.jobs.record import Job
from jv3search.location import IndexLocation

if TYPE_CHECKING:
    from jv3search.indexes import LedgerRow

_NICE = 5  # whoever searches meanwhile comes first
_INTERVAL = 0.2  # seconds between two records, except where the phase changes
_LOCK_SECONDS = 10.0  # to wait for another writer, of a removal say


class _Report:
    """The job's record, kept up to date."""

    def __init__(self, index: IndexLocation, job: Job) -> None:
        self.index = index
        self.job = job
        self._written = 0.0

    def phase(self, phase: record.Phase, **values: Any) -> None:
        """A new phase, written at once."""
        self.job = replace(self.job, phase=phase, **values)
        self._write()

    def compared(self) -> None:
        """One more file is compared with the index."""
        self.job = replace(self.job, step=self.job.step + 1)
        self._write_if_due()

    def finished(self, row: LedgerRow) -> None:
        """One more file is done with, one way or another."""
        self.job = replace(
            self.job,
            step=self.job.step + 1,
            stored=self.job.stored + (row.state == "done"),
            failed=self.job.failed + (row.state in FAILURES),
            last=row.uri,
        )
        self._write_if_due()

    def _write_if_due(self) -> None:
        if time.monotonic() - self._written >= _INTERVAL:
            self._write()

    def _write(self) -> None:
        record.write(self.index.folder, self.job)
        self._written = time.monotonic()


def main(index: IndexLocation) -> int:
    """Do the job that the record of an index describes; exit status 0 only if it was done to its end."""
    job = record.read(index.folder)
    if job is None or not job.running:
        print(f"there is no job to do in {index}", file=sys.stderr)  # noqa: T201 - the job's log
        return 2
    report = _Report(index, job)
    _end_on_signals(report)
    report.phase("comparing", pid=os.getpid())
    os.nice(_NICE)
    try:
        message = _ingest(report)
    except KeyboardInterrupt:
        report.phase("stopped", finished=record.now())
    except (JV3SearchError, OSError) as error:
        report.phase("failed", message=str(error), finished=record.now())
    except Exception as error:
        traceback.print_exc()
        report.phase("failed", message=f"{type(error).__name__}: {error}"[:500], finished=record.now())
    else:
        report.phase("done", message=message, finished=record.now())
    return 0 if report.job.phase == "done" else 1


def _ingest(report: _Report) -> str:
    """What `jv3search ingest` does; returns what the user should know."""
    from jv3search import knowledge_base
    from jv3search.ingest.pipeline import Progress

    progress = Progress(
        on_found=lambda found: report.phase("comparing", total=len(found.files)),
        on_compared=report.compared,
        on_plan=lambda plan: report.phase("reading", step=0, total=len(plan.files)),
        on_row=report.finished,
    )
    with knowledge_base.open(report.index, create=True, read_url="") as kb:
        outcome = kb.ingest(*report.job.paths, wait=_LOCK_SECONDS, progress=progress)
    return " ".join(outcome.notices)


def _end_on_signals(report: _Report) -> None:
    """Ctrl-C's signal and the system's: end as soon as what is in hand is put down. Only the first one counts."""

    def end(number: int, frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        report.phase("stopping")
        raise KeyboardInterrupt

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, end)  # set anew: a shell's background processes start with SIGINT ignored


if __name__ == "__main__":
    sys.exit(main(load_settings({}).index))
