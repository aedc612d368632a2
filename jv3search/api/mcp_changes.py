"""MCP: the tools of `--write`, by which an agent changes the index; files stay as they are."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from jv3search import jobs
from jv3search.errors import InputError
from jv3search.indexes import FAILURES
from jv3search.ingest.roots import roots_of, within
from jv3search.jobs import Job
from jv3search.knowledge_base import KnowledgeBase

_WAIT_SECONDS = 20.0  # agents give up on a tool after a minute
_LOOK_SECONDS = 0.2
_MOST_FAILURES = 20


class Changes:
    """What an agent may change, over one knowledge base."""

    def __init__(self, kb: KnowledgeBase) -> None:
        self._kb = kb

    def ingest(
        self, path: Annotated[str, Field(description="A file or a folder, by its absolute path.")]
    ) -> dict[str, Any]:
        """Read a file, or all new and changed files below a folder, into the knowledge base.

        A long ingest goes on when this tool has answered, with the phase "reading": call ingest_progress then. In
        the end, "done", unreadable has the files that could not be read, and why.
        """
        roots = roots_of(self._kb.settings)
        found = within(Path(path), roots)
        if not found.exists():
            raise InputError(
                f"there is no file or folder {path}; documents are below {', '.join(map(str, roots))}"
            )
        index = self._kb.settings.index
        jobs.start(index, [found])
        deadline = time.monotonic() + _WAIT_SECONDS
        while self._running() and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        return self.ingest_progress()

    def ingest_progress(self) -> dict[str, Any]:
        """How far the last ingest is: phase, files finished, and what could not be read."""
        job = jobs.current(self._kb.settings.index)
        if job is None:
            return {"phase": "none"}
        return self._as_json(job)

    def remove(
        self, document: Annotated[str, Field(description="A file, as hits and list_documents name it.")]
    ) -> dict[str, Any]:
        """Take a document out of the knowledge base. The file itself stays where it is."""
        if not self._kb.remove(document):
            raise InputError(f"{document} is not in the index; list_documents shows what is")
        return {"removed": document, "documents": len(self._kb.documents())}

    def _running(self) -> bool:
        job = jobs.current(self._kb.settings.index)
        return job is not None and job.running

    def _as_json(self, job: Job) -> dict[str, Any]:
        return {
            "phase": job.phase,
            "paths": list(job.paths),
            "files_finished": job.step,
            "files": job.total,
            "stored": job.stored,
            "unreadable": self._unreadable(job) if job.failed else [],
            "message": job.message,
        }

    def _unreadable(self, job: Job) -> list[dict[str, str]]:
        """The first files that this ingest could not read."""
        return [
            {"file": row.uri, "reason": row.reason}
            for row in self._kb.reader.ledger()
            if row.state in FAILURES and row.checked_at >= job.started
        ][:_MOST_FAILURES]
