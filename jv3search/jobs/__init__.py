"""Ingesting in a process of its own, which goes on when the page, the browser or the server that began it is gone.

    job = start(index, [folder])      # IndexLocked while another job runs
    job = current(index)              # what any tab, any process sees: running, done, stopped, failed or died
    stop(index)                       # as Ctrl-C would: what was stored stays

The job's lock lies in the index's folder on this machine and is held by the process itself, so the system frees it
however the process ends; its record, a small JSON file beside the lock, tells how far it came.
"""

from __future__ import annotations

from jv3search.jobs.process import current, start, stop
from jv3search.jobs.record import Job, Phase

__all__ = ["Job", "Phase", "current", "start", "stop"]
