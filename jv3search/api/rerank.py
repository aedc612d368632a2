"""POST /v1/rerank as Jina's API has it: documents by how well they answer a query, by late interaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

import numpy as np
from fastapi import APIRouter
from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from jv3search.api.errors import FieldInvalid, Json
from jv3search.api.fields import Fields, Text
from jv3search.api.inputs import Inputs, OneInput, check_model, whole
from jv3search.api.model_worker import Means, SharedEncoder
from jv3search.api.service import Served
from jv3search.encoders.late_chunking import TokenizedText, TokenRange
from jv3search.search.reranking import relevance
from jv3search.types import Task

router = APIRouter(tags=["embeddings"])

_QUERY: Task = "retrieval.query"
_PASSAGE: Task = "retrieval.passage"
_DIGITS = 8  # of a score, as Jina's API has it


class RerankRequest(Fields):
    """A query, and the documents to put in order; `top_k` is another name of `top_n`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "jv3-mini",
                    "query": "Wie stelle ich eine gelöschte Datei wieder her?",
                    "documents": [
                        "Copy deleted files back from the backup disk.",
                        {"text": "要安装新的字体，请把字体文件复制到字体文件夹中。"},
                    ],
                    "top_n": 1,
                }
            ]
        }
    )

    model: Text = Field(examples=["jv3-mini"])
    query: OneInput
    documents: Inputs
    top_n: int | None = Field(
        None,
        ge=1,
        validation_alias=AliasChoices("top_n", "top_k"),
        description="Only so many of the best; all of them otherwise.",
    )
    return_documents: bool = Field(True, description="Repeat the text of each document in the answer.")
    max_doc_length: int | None = Field(
        None,
        ge=1,
        description="Cut a document after so many tokens; otherwise one the model does not read whole is refused.",
    )


class RerankedDocument(BaseModel):
    """The text of a document."""

    text: str


class RerankResult(BaseModel):
    """A document by its place in the request, and how well it answers, from -1 to 1."""

    index: int
    relevance_score: float
    document: RerankedDocument | None = None


class TokenUsage(BaseModel):
    """How many tokens went through the model, instructions and special tokens included."""

    total_tokens: int


class RerankAnswer(BaseModel):
    """The documents, best first; `document` is left out where it is not wanted."""

    model: str
    object: Literal["list"]
    usage: TokenUsage
    results: list[RerankResult]


@router.post("/v1/rerank", response_model=RerankAnswer)
async def rerank(wanted: RerankRequest, service: Served) -> Json:
    """Put documents in the order of how well they answer a query: Jina's request."""
    check_model(wanted.model, service.model)
    encoder = service.encoder()
    query, documents = await run_in_threadpool(_tokens, encoder, wanted)
    (states,) = await asyncio.wrap_future(encoder.submit([query], [_each_token(query)], _QUERY))

    def scored(of_document: Means) -> Means:
        return np.array([relevance(states, of_document)], np.float32)

    ranges = [_each_token(document) for document in documents]
    scores = await asyncio.wrap_future(encoder.submit(documents, ranges, _PASSAGE, scored))
    tokens = len(query) + sum(map(len, documents))
    return Json(_as_json(wanted, [float(score[0]) for score in scores], tokens))


def _tokens(encoder: SharedEncoder, wanted: RerankRequest) -> tuple[TokenizedText, list[TokenizedText]]:
    """The query and the documents as the model reads them."""
    most = _most_tokens(encoder, wanted.max_doc_length)
    query = whole(encoder, wanted.query, _QUERY)
    return query, [whole(encoder, document, _PASSAGE, most) for document in wanted.documents]


def _most_tokens(encoder: SharedEncoder, wanted: int | None) -> int | None:
    """Tokens of a document with its instruction; None if it is not to be cut."""
    if wanted is None:
        return None
    if wanted > encoder.max_tokens:
        message = f"Input should be less than or equal to {encoder.max_tokens}, what the model reads"
        raise FieldInvalid("body -> max_doc_length", "less_than_equal", message, wanted)
    return min(wanted + len(encoder.tokenize("", _PASSAGE)), encoder.max_tokens)


def _each_token(text: TokenizedText) -> list[TokenRange]:
    """A range for each of a text's own tokens; a text of invisible characters alone has only those around it."""
    own = range(text.first, text.last) or range(len(text))
    return [(place, place + 1) for place in own]


def _as_json(wanted: RerankRequest, scores: Sequence[float], tokens: int) -> dict[str, object]:
    order = sorted(range(len(scores)), key=lambda index: -scores[index])[: wanted.top_n]
    return {
        "model": wanted.model,
        "object": "list",
        "usage": {"total_tokens": tokens},
        "results": [
            {"index": index, "relevance_score": round(scores[index], _DIGITS)}
            | ({"document": {"text": wanted.documents[index]}} if wanted.return_documents else {})
            for index in order
        ],
    }
