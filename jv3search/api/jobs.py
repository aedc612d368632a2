"""GET /v1/jobs/{id}: how far the reading of an upload is."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel

from jv3search.api.errors import ApiError, Json
from jv3search.api.ingests import Ingest
from jv3search.api.service import Served
from jv3search.errors import IndexNotFound
from jv3search.indexes.rows import LedgerRow, State
from jv3search.jobs import Job, Phase
from jv3search.types import document_id

router = APIRouter(tags=["documents"])

JobId = Annotated[
    str, Path(description="As the upload's answer names it.", examples=["5f0c7f6a3c0b4f7e9d1a2b3c4d5e6f70"])
]


class JobDocument(BaseModel):
    """A file of the upload: what came of it, null before it is read, and why it is not in the index."""

    id: str
    uri: str
    state: State | None
    reason: str


class JobAnswer(BaseModel):
    """A job: `step` of `total` files are through; other uploads may be read by the same job."""

    id: str
    object: Literal["job"]
    status: Literal["waiting"] | Phase
    step: int
    total: int
    message: str
    started: datetime | None
    finished: datetime | None
    documents: list[JobDocument]


@router.get("/v1/jobs/{job}", response_model=JobAnswer)
def job(job: JobId, service: Served) -> Json:
    """How far the reading of an upload is."""
    found = service.ingests.get(job)
    if found is None:
        message = f"there is no job {job[:40]!r}; the last thousand of this server are known"
        raise ApiError(HTTPStatus.NOT_FOUND, "RESOURCE_NOT_FOUND", message)
    ended = found.job is not None and not found.job.running
    return Json(as_json(found, _outcome(service, found) if ended else {}))


def _outcome(service: Served, ended: Ingest) -> dict[str, LedgerRow]:
    """What came of each file; nothing if the job made no index."""
    try:
        rows = service.kb.reader.ledger([str(path) for path in ended.paths])
    except IndexNotFound:
        return {}
    return {row.uri: row for row in rows}


def as_json(ingest: Ingest, ledger: dict[str, LedgerRow]) -> dict[str, object]:
    """A job as an answer; `ledger` has what came of its files, as far as that is known."""
    return {
        "id": ingest.id,
        "object": "job",
        **_progress(ingest.job),
        "documents": [_document(str(path), ledger.get(str(path))) for path in ingest.paths],
    }


def _progress(job: Job | None) -> dict[str, object]:
    if job is None:
        return {"status": "waiting", "step": 0, "total": 0, "message": "", "started": None, "finished": None}
    return {
        "status": job.phase,
        "step": job.step,
        "total": job.total,
        "message": job.message,
        "started": job.started.isoformat(),
        "finished": job.finished.isoformat() if job.finished else None,
    }


def _document(uri: str, row: LedgerRow | None) -> dict[str, object]:
    return {
        "id": document_id(uri),
        "uri": uri,
        "state": row.state if row else None,
        "reason": row.reason if row else "",
    }
