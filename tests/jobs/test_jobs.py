"""An ingest in a process of its own: seen from everywhere, stopped, killed, and never two at a time."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jv3search import indexes, jobs
from jv3search.errors import IndexLocked
from tests.conftest import TEXTS

_PATIENCE = 120.0  # seconds; only a broken test waits so long


def until(condition, what):
    """The first true value of `condition`."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited in vain: {what}")


def ended(index):
    return until(lambda: (job := jobs.current(index)) and not job.running and job, "the job to end")


@pytest.fixture
def many(tmp_path):
    """More documents than are read before a test has done what it wants to do."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(400):
        for name, text in TEXTS.items():
            (folder / f"{number}.{name}").write_text(f"{text}\n\n{number} {text}", encoding="utf-8")
    return folder


@pytest.fixture
def index(tmp_path, monkeypatch):
    """Where a new index will be; whatever job a failed test left there is ended."""
    monkeypatch.setenv("JV3SEARCH_MODEL", "jv3-mini")
    folder = tmp_path / "kb"
    yield folder
    job = jobs.current(folder)
    if job and job.running:
        os.kill(job.pid, signal.SIGKILL)


def stored(index):
    with indexes.open_reader(index) as reader:
        return {Path(row.uri).name: row.language for row in reader.documents()}


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_job_outlives_who_started_it_and_the_next_reads_only_what_is_new(documents, index):
    (documents / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing else")
    assert jobs.current(index) is None
    code = "import sys, pathlib; from jv3search import jobs; jobs.start(pathlib.Path(sys.argv[1]), [pathlib.Path(sys.argv[2])])"
    subprocess.run([sys.executable, "-c", code, index, documents], check=True)
    job = ended(index)
    assert (job.phase, job.message) == ("done", "")
    assert (job.step, job.total, job.stored, job.failed) == (9, 9, 8, 1)
    assert job.paths == (str(documents.resolve()),)
    assert job.started < job.finished
    assert stored(index) == {name: name.split(".")[-2] for name in TEXTS}

    (documents / "new.uk.txt").write_text("Нові шрифти встановлюють у теку шрифтів.", encoding="utf-8")
    assert jobs.start(index, [documents / "new.uk.txt"]).running
    job = ended(index)
    assert (job.phase, job.total, job.stored) == ("done", 1, 1)
    assert len(stored(index)) == len(TEXTS) + 1
    assert until(lambda: gone(job.pid), "the process to be reaped, not left a zombie")


def test_a_job_reports_while_it_runs_and_refuses_a_second(many, index):
    jobs.start(index, [many])
    with pytest.raises(IndexLocked, match=r"already: wait until that is done, or stop it"):
        jobs.start(index, [many])
    job = until(lambda: (j := jobs.current(index)).phase == "reading" and j.stored and j, "a stored document")
    assert job.total == 3200
    assert 0 < job.step < job.total
    assert job.last.startswith(str(many.resolve()))
    elsewhere = (
        "import sys, pathlib; from jv3search import jobs; print(jobs.current(pathlib.Path(sys.argv[1])).phase)"
    )
    seen = subprocess.run([sys.executable, "-c", elsewhere, index], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "reading"
    jobs.stop(index)
    jobs.stop(index)  # a second click changes nothing
    job = ended(index)
    assert (job.phase, job.message) == ("stopped", "")
    assert 0 < job.stored <= len(stored(index)) < job.total


def test_a_killed_job_has_died_and_the_next_goes_on(many, index):
    jobs.start(index, [many])
    job = until(lambda: (j := jobs.current(index)).stored and j, "a stored document")
    os.kill(job.pid, signal.SIGKILL)
    dead = until(lambda: (j := jobs.current(index)).phase == "died" and j, "its death to show")
    assert not dead.running
    assert jobs.current(index).phase == "died"
    before = stored(index)
    assert before
    kept = sorted(before)[0]
    jobs.start(index, [many / kept])
    job = ended(index)
    assert (job.phase, job.stored, job.step) == ("done", 0, 1)


def test_a_job_that_cannot_be_done_says_why(tmp_path, index):
    (tmp_path / "nothing").mkdir()
    jobs.start(index, [tmp_path / "nothing"])
    job = ended(index)
    assert job.phase == "failed"
    assert "there is no document in" in job.message


def test_a_spoilt_record_is_no_job(tmp_path):
    for text in ("", "{", "[]", '"x"', json.dumps({"paths": [], "started": "yesterday"})):
        (tmp_path / "job.json").write_text(text)
        assert jobs.current(tmp_path) is None
