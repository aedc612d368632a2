"""GET /v1/documents: what is in the index; GET /v1/documents/text: a document as it was read."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from jv3search.api.errors import ApiError, FieldInvalid, Json
from jv3search.api.fields import Fields, Text
from jv3search.api.service import Served
from jv3search.errors import InputError
from jv3search.indexes.rows import DocumentRow
from jv3search.types import Document, Span

router = APIRouter(tags=["documents"])

_MOST_DOCUMENTS = 1000


class Paging(Fields):
    """Which of all documents."""

    model_config = ConfigDict(strict=False)  # the numbers in a URL are text

    offset: int = Field(0, ge=0, description="Leave out so many documents.")
    limit: int = Field(100, ge=1, le=_MOST_DOCUMENTS, description="How many documents.")


class TextRequest(Fields):
    """Which document, and which part of it."""

    uri: Text = Field(description="The document, as hits and lists name it.", examples=["/home/me/manual.pdf"])
    span: str = Field(
        "", pattern=r"^(\d{1,9}-\d{1,9})?$", description="Characters from-to, half-open.", examples=["120-480"]
    )


class DocumentsAnswer(BaseModel):
    """Some of all documents, sorted by uri."""

    object: Literal["list"]
    total: int
    offset: int
    data: list[DocumentRow]


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

    uri: str
    title: str
    format: str
    characters: int
    span: tuple[int, int]
    text: str
    pages: list[PageAnswer]
    sections: list[SectionAnswer]


@router.get("/v1/documents", response_model=DocumentsAnswer)
def documents(paging: Annotated[Paging, Query()], service: Served) -> Json:
    """List the documents in the index."""
    rows = service.kb.documents()
    data = [
        asdict(row) | {"modified": row.modified.isoformat(), "ingested_at": row.ingested_at.isoformat()}
        for row in rows[paging.offset :][: paging.limit]
    ]
    return Json({"object": "list", "total": len(rows), "offset": paging.offset, "data": data})


@router.get("/v1/documents/text", response_model=TextAnswer)
def text(wanted: Annotated[TextRequest, Query()], service: Served) -> Json:
    """A document's text as it was read."""
    try:
        document = service.kb.document(wanted.uri)
    except InputError as error:
        raise ApiError(
            HTTPStatus.NOT_FOUND, "RESOURCE_NOT_FOUND", f"{error}; GET /v1/documents lists all"
        ) from None
    return Json(_as_json(wanted.uri, document, _span(wanted.span, len(document.text))))


def _span(given: str, length: int) -> Span:
    """The part that is asked for, all of it if none is named."""
    if not given:
        return Span(0, length)
    start, end = map(int, given.split("-"))
    if not start <= end <= length:
        message = f"the span is not inside the document's {length} characters, its start before its end"
        raise FieldInvalid("query -> span", "span_outside", message, given)
    return Span(start, end)


def _as_json(uri: str, document: Document, span: Span) -> dict[str, object]:
    return {
        "uri": uri,
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
