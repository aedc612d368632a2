"""POST /v1/search: a question in, passages out."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from jv3search.api.errors import ApiError, ErrorAnswer, Json
from jv3search.api.fields import Fields, Text, WrittenText
from jv3search.api.service import Served
from jv3search.search.filters import folders, language_codes, make_filter, relative_folders
from jv3search.types import Filter, LegScore, Mode

router = APIRouter(tags=["search"])

_MOST_HITS = 100


class SearchRequest(Fields):
    """A question, operators included, and what its hits must satisfy."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"query": "How do I restore a deleted file?", "k": 3, "languages": ["en", "ja"], "explain": True},
                {"query": "パスワード -同じ", "mode": "keyword", "read": ["de", "en"]},
            ]
        }
    )

    query: WrittenText = Field(
        description='What to look for; it may hold "exact phrases", -word, word*, lang:ja, type:pdf, '
        "under:reports, since:2025-01-01 and until:2025-12-31.",
        examples=["Wie stelle ich eine gelöschte Datei wieder her?"],
    )
    k: int = Field(10, ge=1, le=_MOST_HITS, description="How many hits.")
    mode: Mode = Field(
        "hybrid", description="By meaning and words, by meaning, or by words, which needs no model."
    )
    languages: list[Text] = Field([], description="Only passages in these languages.", examples=[["de", "ja"]])
    formats: list[Text] = Field([], description="Only documents of these formats.", examples=[["pdf"]])
    under: list[Text] = Field([], description="Only documents below these folders.", examples=[["reports/2025"]])
    since: Text = Field("", description="Only files modified on that day or later.", examples=["2025-01-31"])
    until: Text = Field("", description="Only files modified on that day or earlier.", examples=["2025-12-31"])
    group: bool = Field(True, description="Copies and translations of a passage are one hit.")
    explain: bool = Field(False, description="Say which sentence of each hit matches best: one more forward pass.")
    read: list[Text] = Field(
        [], description="Show a passage in the first of these languages it exists in.", examples=[["de", "en"]]
    )
    index: Text | None = Field(
        None, description="The identity of the index that is meant: another one than is served is a 409."
    )


class HitAnswer(BaseModel):
    """A passage: `span` and `sentence` are half-open ranges of Unicode characters of the document's text."""

    rank: int
    score: float
    id: int
    document: str = Field(description="The document's id, for /v1/documents/{id}/text.")
    uri: str
    title: str
    format: str
    page: int | None
    section: str | None
    span: tuple[int, int]
    language: str
    text: str
    relevance: float | None = None
    legs: list[LegScore] | None = None
    sentence: tuple[int, int] | None = None
    copies: list[HitAnswer] | None = None
    translations: list[HitAnswer] | None = None


class SearchAnswer(BaseModel):
    """The hits, most relevant first, as `jv3search search --json` prints them."""

    query: str
    language: str
    model: str
    dimension: int
    mode: Mode
    nothing_relevant: bool
    hits: list[HitAnswer]


INDEX_ERRORS: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorAnswer, "description": "There is no index yet"},
    409: {"model": ErrorAnswer, "description": "Another index than the one that is meant"},
}


@router.post("/v1/search", response_model=SearchAnswer, responses=INDEX_ERRORS)
def search(wanted: SearchRequest, service: Served) -> Json:
    """Find the passages that answer a question, whatever language they are written in."""
    check_index(wanted.index, service)
    languages = language_codes(wanted.read)
    where = filter_of(service, wanted.languages, wanted.formats, wanted.under, wanted.since, wanted.until)
    if wanted.mode != "keyword" or wanted.explain:
        service.encoder()  # so that nobody waits for a model that is being loaded
    result = service.kb.search(
        wanted.query, k=wanted.k, where=where, mode=wanted.mode, group=wanted.group, languages=languages
    )
    return Json((service.kb.highlight(result) if wanted.explain else result).as_json())


def check_index(meant: str | None, service: Served) -> None:
    """ApiError for another index than the one that is meant."""
    if meant is not None and meant != service.kb.reader.stamp()[0]:
        index = service.kb.settings.index.resolved()
        raise ApiError(HTTPStatus.CONFLICT, "INDEX_MISMATCH", f"the index that is served is another one, {index}")


def filter_of(
    service: Served,
    languages: list[str],
    formats: list[str],
    under: list[str],
    since: str = "",
    until: str = "",
) -> Filter:
    """A filter from a request; folders are looked for among the documents, never on the disk.

    InputError for a language, format, folder or day there is not.
    """
    found = make_filter(languages=languages, formats=formats, since=since, until=until)
    if not under:
        return found
    named = relative_folders(under)
    return replace(found, under=folders(service.kb.reader.uris_with(named) if named else (), under))
