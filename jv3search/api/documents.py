"""/v1/documents: what is in the index, as it was read and as it looks; documents in and out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from jv3search.api.errors import ApiError, FieldInvalid, Json
from jv3search.api.fields import Fields
from jv3search.api.jobs import JobAnswer
from jv3search.api.jobs import as_json as job_as_json
from jv3search.api.service import Served
from jv3search.api.uploads import BODY, UploadRequest, files_of
from jv3search.indexes.rows import DocumentRow
from jv3search.ingest import originals, uploads
from jv3search.types import Document, Span, document_id

router = APIRouter(tags=["documents"])

_MOST_DOCUMENTS = 1000

DocumentId = Annotated[str, Path(description="As hits and lists name it.", examples=["3fd0c1a2b3c4d5e6"])]
PageNumber = Annotated[int, Path(ge=1, le=1_000_000, description="The page, from 1.", examples=[1])]


class Paging(Fields):
    """Which of all documents."""

    model_config = ConfigDict(strict=False)  # the numbers in a URL are text

    offset: int = Field(0, ge=0, le=1_000_000_000, description="Leave out so many documents.", examples=[0])
    limit: int = Field(100, ge=1, le=_MOST_DOCUMENTS, description="How many documents.", examples=[10])


class TextRequest(Fields):
    """Which part of a document."""

    span: str = Field(
        "", pattern=r"^(\d{1,9}-\d{1,9})?$", description="Characters from-to, half-open.", examples=["0-40"]
    )


@dataclass(frozen=True, slots=True)
class ListedDocument(DocumentRow):
    """A document in the index; `id` is its name in URLs."""

    id: str


class DocumentsAnswer(BaseModel):
    """Some of all documents, sorted by uri."""

    object: Literal["list"]
    total: int
    offset: int
    data: list[ListedDocument]


class PageAnswer(BaseModel):
    """A page, slide or sheet."""

    number: int
    span: tuple[int, int]
    label: str


class SectionAnswer(BaseModel):
    """A heading and the text it governs."""

    title: str
    level: int
    span: tuple[int, int]


class TextAnswer(BaseModel):
    """A document's text, or the part in `span`, and its pages and sections; all spans count characters."""

    id: str
    uri: str
    title: str
    format: str
    characters: int
    span: tuple[int, int]
    text: str
    pages: list[PageAnswer]
    sections: list[SectionAnswer]


class RefusedFile(BaseModel):
    """A file that was not taken, and why."""

    name: str
    reason: str


class UploadAnswer(BaseModel):
    """The job that reads what was taken, and what was not."""

    job: JobAnswer
    refused: list[RefusedFile]


class DeletedAnswer(BaseModel):
    """A document that is no longer in the index."""

    id: str
    object: Literal["document"]
    uri: str
    deleted: Literal[True]


@router.get("/v1/documents", response_model=DocumentsAnswer)
def documents(paging: Annotated[Paging, Query()], service: Served) -> Json:
    """List the documents in the index."""
    rows = service.kb.documents()
    data = [
        {"id": document_id(row.uri)}
        | asdict(row)
        | {"modified": row.modified.isoformat(), "ingested_at": row.ingested_at.isoformat()}
        for row in rows[paging.offset :][: paging.limit]
    ]
    return Json({"object": "list", "total": len(rows), "offset": paging.offset, "data": data})


@router.post("/v1/documents", response_model=UploadAnswer, status_code=202, openapi_extra={"requestBody": BODY})
async def upload(wanted: Annotated[UploadRequest, Query()], request: Request, service: Served) -> Json:
    """Add documents: files of a form, or one as it is; a job reads them."""
    service.ingests.check()
    sent = await files_of(request, wanted.name)
    stored, refused = await run_in_threadpool(uploads.receive, service.kb.settings, sent)
    if not stored:
        reasons = "; ".join(reason for _, reason in refused)
        raise FieldInvalid("body -> file", "file_refused", reasons, refused[0][0])
    job = job_as_json(service.ingests.add(stored), {})
    named = [{"name": name, "reason": reason} for name, reason in refused]
    return Json({"job": job, "refused": named}, HTTPStatus.ACCEPTED, {"Location": f"/v1/jobs/{job['id']}"})


@router.delete("/v1/documents/{document}", response_model=DeletedAnswer)
def delete(document: DocumentId, service: Served) -> Json:
    """Take a document out of the index; its file stays where it is."""
    row = _row(service, document)
    if not service.kb.remove(row.uri):
        raise _absent(document)
    return Json({"id": document, "object": "document", "uri": row.uri, "deleted": True})


@router.get("/v1/documents/{document}/text", response_model=TextAnswer)
def text(document: DocumentId, wanted: Annotated[TextRequest, Query()], service: Served) -> Json:
    """A document's text as it was read."""
    row = _row(service, document)
    read = service.kb.document(row.uri)
    return Json(_as_json(row, read, _span(wanted.span, len(read.text))))


@router.get(
    "/v1/documents/{document}/pages/{page}.png",
    response_class=Response,
    responses={200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}},
)
def page(document: DocumentId, page: PageNumber, service: Served) -> Response:
    """A page of a PDF as an image of 1,200 pixels in width."""
    row = _row(service, document)
    image = originals.draw(service.pages, row, originals.original(row), page)
    return Response(image.png, media_type="image/png")


def _row(service: Served, document: str) -> DocumentRow:
    row = service.document(document)
    if row is None:
        raise _absent(document)
    return row


def _absent(document: str) -> ApiError:
    message = f"there is no document {document[:40]!r} in the index; GET /v1/documents lists all"
    return ApiError(HTTPStatus.NOT_FOUND, "RESOURCE_NOT_FOUND", message)


def _span(given: str, length: int) -> Span:
    """The part that is asked for, all of it if none is named."""
    if not given:
        return Span(0, length)
    start, end = map(int, given.split("-"))
    if not start <= end <= length:
        message = f"the span is not inside the document's {length} characters, its start before its end"
        raise FieldInvalid("query -> span", "span_outside", message, given)
    return Span(start, end)


def _as_json(row: DocumentRow, document: Document, span: Span) -> dict[str, object]:
    return {
        "id": document_id(row.uri),
        "uri": row.uri,
        "title": document.title,
        "format": document.format,
        "characters": len(document.text),
        "span": [span.start, span.end],
        "text": span.of(document.text),
        "pages": [
            {"number": page.number, "span": [page.span.start, page.span.end], "label": page.label}
            for page in document.pages
        ],
        "sections": [
            {"title": section.title, "level": section.level, "span": [section.span.start, section.span.end]}
            for section in document.sections
        ],
    }
