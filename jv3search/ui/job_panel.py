"""How far an ingest is: the same on every page, in every tab, whoever began it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath

import streamlit as st
from markupsafe import Markup

from jv3search import jobs
from jv3search.errors import IndexLocked
from jv3search.jobs import Job
from jv3search.ui import safe, state
from jv3search.ui.i18n import date, ngettext, number
from jv3search.ui.i18n import gettext as _

_RUNNING_SECONDS = 1.0
_IDLE_SECONDS = 5.0  # until a job that another tab began shows here
_SEEN = "job_seen_running"  # when the job that this session saw running began
_WAITING = "job_waiting"  # by index: paths to read when the job that runs there has ended


def begin(paths: Sequence[Path]) -> None:
    """Read these files and folders now, or when the job that runs has ended."""
    index = state.index_location()
    try:
        job = jobs.start(index, paths)
    except IndexLocked:
        st.session_state.setdefault(_WAITING, {}).setdefault(str(index), []).extend(paths)
    else:
        st.session_state[_SEEN] = job.started


def show() -> None:
    """Draw the panel; it draws itself again while there is something to follow."""
    job = jobs.current(state.index_location())
    seconds = _RUNNING_SECONDS if job and job.running else _IDLE_SECONDS
    st.fragment(_panel, run_every=seconds)(seconds)


def _panel(seconds: float) -> None:
    job = jobs.current(state.index_location())
    _follow(job, seconds)
    if job is None:
        return
    with st.container(border=job.running, key="job-panel"):
        if job.running:
            _show_running(job)
        else:
            _show_ended(job)


def _follow(job: Job | None, seconds: float) -> None:
    """Have the whole page drawn again when a job begins or ends; begin what waited for its end."""
    running = job is not None and job.running
    seen = st.session_state.get(_SEEN)
    if job and running:
        st.session_state[_SEEN] = job.started
        if seconds != _RUNNING_SECONDS:
            st.rerun()
        return
    waiting = st.session_state.get(_WAITING, {}).pop(str(state.index_location()), None)
    if waiting:
        begin(waiting)
        st.rerun()
    if job and seen == job.started:
        del st.session_state[_SEEN]
        st.rerun()


def _show_running(job: Job) -> None:
    words, button = st.columns([5, 1], vertical_alignment="center")
    with words:
        st.progress(_fraction(job), text=_now(job))
        if job.last and job.phase == "reading":
            safe.show(Markup('<p class="jv3-quiet">{}</p>').format(safe.name(PurePath(job.last).name)))
        st.caption(_("This goes on when you leave or close the page."))
    with button:
        if st.button(_("Stop"), icon=":material/stop_circle:", disabled=job.phase == "stopping", width="stretch"):
            jobs.stop(state.index_location())


def _now(job: Job) -> str:
    if job.phase == "starting":
        return _("Starting …")
    if job.phase == "stopping":
        return _("Stopping; what was read is kept …")
    counts = {"done": number(job.step), "total": number(job.total)}
    if job.phase == "comparing":
        return _("Looking for new and changed files: {done} of {total}").format(**counts)
    return _("Reading: {done} of {total} files").format(**counts)


def _fraction(job: Job) -> float:
    return min(1.0, job.step / job.total) if job.total else 0.0


def _show_ended(job: Job) -> None:
    stored = ngettext("{n} document added or updated", "{n} documents added or updated", job.stored)
    failed = ngettext("{n} file not read", "{n} files not read", job.failed)
    counts = ", ".join([stored, failed] if job.failed else [stored])
    when = date(job.finished or job.started)
    if job.phase == "done":
        line = _("Last read {date}: {counts}.").format(date=when, counts=counts)
        safe.show(Markup('<p class="jv3-quiet" role="status">{}</p>').format(line))
        if job.message:
            safe.notice("warning", job.message)
        return
    words = {
        "stopped": _("Stopped before the end: {counts}."),
        "failed": _("It could not be done: {message}"),
        "died": _("The last run ended unexpectedly: {counts}. What was read is kept. {message}"),
    }[job.phase]
    safe.notice("warning", words.format(counts=counts, message=job.message).strip())
    if st.button(_("Go on"), icon=":material/play_arrow:", key="job-go-on"):
        begin([Path(path) for path in job.paths])
        st.rerun()
