"""What a job says of itself: one small JSON file in the index's folder, always whole."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

Phase = Literal["starting", "comparing", "reading", "stopping", "done", "stopped", "failed", "died"]
"""`comparing` files with the index, `reading` (and embedding) the new ones; `died` is seen by others only."""

ENDED: frozenset[Phase] = frozenset({"done", "stopped", "failed", "died"})

_FILE = "job.json"


@dataclass(frozen=True, slots=True)
class Job:
    """One ingest: what it reads, how far it is, how it ended.

    `step` of `total` files are through the present phase; `stored` are new or changed in the index, `failed` have
    a reason in the ledger; `last` is the file finished last. `message` says why it failed, or what to know.
    """

    paths: tuple[str, ...]
    started: datetime
    phase: Phase = "starting"
    pid: int = 0
    step: int = 0
    total: int = 0
    stored: int = 0
    failed: int = 0
    last: str = ""
    message: str = ""
    finished: datetime | None = None

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.phase not in ENDED


def read(folder: Path) -> Job | None:
    """The record of the last job of an index; None if there was none, or if somebody spoilt the file."""
    try:
        values = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        return _job(values)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write(folder: Path, job: Job) -> None:
    """Put the record in place of the one before, at once."""
    path = folder / _FILE
    aside = path.with_suffix(".new")
    aside.write_text(json.dumps(asdict(job), default=datetime.isoformat, ensure_ascii=False), encoding="utf-8")
    aside.replace(path)


def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


def _job(values: dict[str, Any]) -> Job:
    finished = values["finished"]
    times = {
        "started": datetime.fromisoformat(values["started"]),
        "finished": datetime.fromisoformat(finished) if finished else None,
    }
    known = {field.name: values[field.name] for field in fields(Job)}
    return Job(**known | times | {"paths": tuple(values["paths"])})
