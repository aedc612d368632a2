"""POST /v1/answer: a question in, sentences out, each with the passages it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from jv3search.answers.answer import Answer, AnswerSentence
from jv3search.answers.answering import answer_sentences
from jv3search.answers.language_model import LanguageModel, language_model
from jv3search.api.errors import ErrorAnswer, Json, code_of, error_detail
from jv3search.api.fields import Fields, Text, WrittenText
from jv3search.api.search import INDEX_ERRORS, check_index, filter_of
from jv3search.api.service import Served
from jv3search.errors import JV3SearchError
from jv3search.search.filters import language_codes

router = APIRouter(tags=["search"])

_EVENTS = "text/event-stream"


class AnswerRequest(Fields):
    """A question, operators included, and what the passages of its answer must satisfy."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"question": "How do I restore a deleted file?", "languages": ["en", "ja"]},
                {"question": "Wie stelle ich gelöschte Dateien wieder her?", "quote": True, "stream": True},
            ]
        }
    )

    question: WrittenText = Field(
        description='It may hold what a search may: "exact phrases", -word, word*, lang:ja, type:pdf, '
        "under:reports, since:2025-01-01 and until:2025-12-31.",
        examples=["Wie stelle ich eine gelöschte Datei wieder her?"],
    )
    languages: list[Text] = Field([], description="Only passages in these languages.", examples=[["de", "ja"]])
    formats: list[Text] = Field([], description="Only documents of these formats.", examples=[["pdf"]])
    under: list[Text] = Field([], description="Only documents below these folders.", examples=[["reports/2025"]])
    since: Text = Field("", description="Only files modified on that day or later.", examples=["2025-01-31"])
    until: Text = Field("", description="Only files modified on that day or earlier.", examples=["2025-12-31"])
    otherwise: list[Text] = Field(
        [],
        description="Of copies and translations of a passage, one is used: that in the question's language, else "
        "in the first of these.",
        examples=[["de", "en"]],
    )
    quote: bool = Field(
        False, description="Quote the passages even if the server's settings name a language model."
    )
    stream: bool = Field(
        False,
        description=f"Answer as {_EVENTS}: an event `sentence` for each as soon as it is there, then `end`, or "
        "`error`.",
    )
    index: Text | None = Field(
        None, description="The identity of the index that is meant: another one than is served is a 409."
    )


class AnswerSource(BaseModel):
    """A passage, by the number that the answer names it by; `sentence` are the characters that are cited."""

    number: int
    id: int
    document: str
    uri: str
    title: str
    page: int | None
    section: str | None
    span: tuple[int, int]
    language: str
    text: str
    sentence: tuple[int, int] | None = None


class CitedSentence(BaseModel):
    """A sentence; `supported` and `unknown_numbers` are there where a language model wrote it."""

    sentence: str
    language: str
    supported: bool | None = None
    unknown_numbers: list[int] | None = None
    sources: list[AnswerSource]


class QuestionAnswer(BaseModel):
    """An answer as `jv3search ask --json` prints it; `model` is the language model that wrote it, if one did."""

    question: str
    refused: bool
    model: str | None = None
    answer: list[CitedSentence]


_RESPONSES: dict[int | str, dict[str, Any]] = {
    **INDEX_ERRORS,
    200: {
        "content": {
            _EVENTS: {
                "schema": {  # of an event
                    "type": "object",
                    "properties": {
                        "event": {"enum": ["sentence", "end", "error"]},
                        "data": {"type": "string", "contentMediaType": "application/json"},
                    },
                    "required": ["event", "data"],
                },
                "example": 'event: sentence\ndata: {"sentence": "...", "language": "de", "sources": []}\n\n',
            }
        }
    },
    502: {"model": ErrorAnswer, "description": "The language model's server did not answer, or broke off"},
}


@router.post("/v1/answer", response_model=QuestionAnswer, responses=_RESPONSES)
def answer(wanted: AnswerRequest, service: Served) -> Response:
    """Answer a question from the documents, each sentence with its sources."""
    check_index(wanted.index, service)
    writer = None if wanted.quote else language_model(service.kb.settings)
    sentences = _sentences(wanted, service, writer)
    first = list(islice(sentences, 1))  # what is wrong with the question is a status, not an event
    whole = Answer(wanted.question, (), writer.name if writer else "")
    if wanted.stream:
        return StreamingResponse(_events(whole, chain(first, sentences)), media_type=_EVENTS)
    return Json(replace(whole, sentences=(*first, *sentences)).as_json())


def _sentences(wanted: AnswerRequest, service: Served, writer: LanguageModel | None) -> Iterator[AnswerSentence]:
    where = filter_of(service, wanted.languages, wanted.formats, wanted.under, wanted.since, wanted.until)
    otherwise = language_codes(wanted.otherwise)
    service.encoder()  # so that nobody waits for a model that is being loaded
    with service.answering():
        yield from answer_sentences(service.kb, wanted.question, writer, where=where, otherwise=otherwise)


def _events(whole: Answer, sentences: Iterator[AnswerSentence]) -> Iterator[bytes]:
    """Server-sent events: each sentence, then the answer without them; or what went wrong meanwhile."""
    refused = True
    try:
        for sentence in sentences:
            refused = False
            (said,) = replace(whole, sentences=(sentence,)).as_json()["answer"]
            yield _event("sentence", said)
    except JV3SearchError as error:
        yield _event("error", {"detail": error_detail(code_of(error), str(error))})
    else:
        yield _event("end", {**whole.as_json(), "refused": refused, "answer": []})


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), bytes(Json(data).body))
