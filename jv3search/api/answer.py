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
from jv3search.answers.follow_up import self_contained
from jv3search.answers.language_model import language_model
from jv3search.api.errors import ErrorAnswer, Json, code_of, error_detail
from jv3search.api.fields import Fields, Text, WrittenText
from jv3search.api.search import INDEX_ERRORS, check_index, filter_of
from jv3search.api.service import Served
from jv3search.errors import JV3SearchError
from jv3search.search.filters import language_codes
from jv3search.types import UNKNOWN_LANGUAGE

router = APIRouter(tags=["search"])

_EVENTS = "text/event-stream"
_MOST_BEFORE = 100  # questions of a conversation; a language model is told of the latest 1,000 tokens
_LONGEST = 10_000  # characters of a sentence of it; a passage that is one sentence has fewer


class EarlierSentence(BaseModel):
    """A sentence of an earlier answer; of its other fields none is looked at."""

    sentence: Text = Field(max_length=_LONGEST)


class EarlierAnswer(BaseModel):
    """An answer as it was returned, of which these fields are looked at."""

    question: WrittenText
    searched: Text = ""
    answer: list[EarlierSentence] = []

    def as_answer(self) -> Answer:
        """The same without its sources."""
        said = tuple(AnswerSentence(one.sentence, UNKNOWN_LANGUAGE, ()) for one in self.answer)
        return Answer(self.question, said, searched=self.searched)


class AnswerRequest(Fields):
    """A question, operators included, and what the passages of its answer must satisfy."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"question": "How do I restore a deleted file?", "languages": ["en", "ja"]},
                {"question": "Wie stelle ich gelöschte Dateien wieder her?", "quote": True, "stream": True},
                {
                    "question": "どこに保存しますか",
                    "conversation": [
                        {"question": "バックアップとは lang:ja", "answer": [{"sentence": "写しです。"}]}
                    ],
                },
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
    conversation: list[EarlierAnswer] = Field(
        [],
        max_length=_MOST_BEFORE,
        description="The answers to the questions before, oldest first, as they were returned: the question is a "
        "follow-up then. It keeps filters such as lang:ja of the one before; a language model rewords it.",
        examples=[[{"question": "What is a backup? lang:en", "answer": [{"sentence": "A second copy."}]}]],
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
    """An answer as `jv3search ask --json` prints it; `model` is the language model that wrote it, if one did.

    `searched` is what was searched for a follow-up question, if that is not the question itself.
    """

    question: str
    searched: str | None = None
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
    parts = _parts(wanted, service)
    whole, *first = islice(parts, 2)  # what is wrong with the question is a status, not an event
    parts = chain(first, parts)
    if wanted.stream:
        return StreamingResponse(_events(whole, parts), media_type=_EVENTS)
    sentences = tuple(sentence for part in parts for sentence in part.sentences)
    return Json(replace(whole, sentences=sentences).as_json())


def _parts(wanted: AnswerRequest, service: Served) -> Iterator[Answer]:
    """The answer without its sentences, then with each of them alone."""
    where = filter_of(service, wanted.languages, wanted.formats, wanted.under, wanted.since, wanted.until)
    otherwise = language_codes(wanted.otherwise)
    writer = None if wanted.quote else language_model(service.kb.settings)
    encoder = service.encoder()  # so that nobody waits for a model that is being loaded
    with service.answering():
        before = [turn.as_answer() for turn in wanted.conversation]
        searched = self_contained(wanted.question, before, writer, encoder)
        whole = Answer(wanted.question, (), writer.name if writer else "", searched)
        yield whole
        for sentence in answer_sentences(service.kb, searched, writer, where=where, otherwise=otherwise):
            yield replace(whole, sentences=(sentence,))


def _events(whole: Answer, parts: Iterator[Answer]) -> Iterator[bytes]:
    """Server-sent events: each sentence, then the answer without them; or what went wrong meanwhile."""
    refused = True
    try:
        for part in parts:
            refused = False
            (said,) = part.as_json()["answer"]
            yield _event("sentence", said)
    except JV3SearchError as error:
        yield _event("error", {"detail": error_detail(code_of(error), str(error))})
    else:
        yield _event("end", {**whole.as_json(), "refused": refused, "answer": []})


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), bytes(Json(data).body))
