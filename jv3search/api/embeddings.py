"""POST /v1/embeddings as Jina's API has it, with what OpenAI's clients send; GET /v1/models."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from fastapi import APIRouter
from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from jv3search.api.errors import FieldInvalid, Json
from jv3search.api.fields import Fields, OnlyFalse, Text
from jv3search.api.inputs import Inputs, check_model, too_long, whole
from jv3search.api.model_worker import Means, SharedEncoder
from jv3search.api.service import Served
from jv3search.encoders.late_chunking import TokenizedText, TokenRange, token_ranges
from jv3search.errors import TextTooLong
from jv3search.types import Span, Task, unit_rows

router = APIRouter(tags=["embeddings"])

_STARTED = int(time.time())
_TASK_OF: dict[str, Task] = {
    "query": "retrieval.query",
    "document": "retrieval.passage",
    "clustering": "separation",
}
_ENCODED: dict[str, Callable[[Means], Any]] = {
    "float": lambda row: row.astype(float).tolist(),
    "base64": lambda row: base64.b64encode(row.astype("<f4").tobytes()).decode(),
    "ubinary": lambda row: np.packbits(row > 0).astype(float).tolist(),
    "binary": lambda row: (np.packbits(row > 0).astype(float) - 128).tolist(),  # not the int8 view of the byte
}


class EmbeddingsRequest(Fields):
    """What to embed, and how.

    Accepted as well: `encoding_format`, `encoding_type`, `output_dtype` for `embedding_type`; `truncation`,
    `task_type`, `output_dimension`, `output_dimensionality`, `texts` and `content`; `input_type`, which is
    `query`, `document` or `clustering`, for `task`. Null is as good as not given.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "jv3-mini",
                    "task": "retrieval.query",
                    "dimensions": 64,
                    "input": ["Wie lange ist die Kündigungsfrist?", "解約の予告期間は？"],
                },
                {
                    "model": "jv3-mini",
                    "task": "retrieval.passage",
                    "late_chunking": True,
                    "embedding_type": "base64",
                    "input": ["Berlin is the capital of Germany.", "Its population is 3.8 million."],
                },
            ]
        }
    )

    model: Text = Field(examples=["jv3-mini"])
    input: Inputs = Field(validation_alias=AliasChoices("input", "texts", "content"))
    task: Task | None = Field(
        None,
        validation_alias=AliasChoices("task", "task_type"),
        description="The adapter; without one the base model answers, without an instruction.",
    )
    input_type: Literal["query", "document", "clustering"] | None = None
    dimensions: int | None = Field(
        None,
        gt=0,
        validation_alias=AliasChoices("dimensions", "output_dimension", "output_dimensionality"),
        description="The first so many values (Matryoshka); at most the model's size.",
    )
    embedding_type: Literal["float", "base64", "binary", "ubinary"] = Field(
        "float",
        validation_alias=AliasChoices("embedding_type", "encoding_format", "encoding_type", "output_dtype"),
    )
    normalized: bool = Field(True, description="Unit vectors; false: the means of the token states as they are.")
    late_chunking: bool = Field(
        False, description="The inputs are the chunks of one document: embedded together, one vector for each."
    )
    truncate: bool = Field(
        False,
        validation_alias=AliasChoices("truncate", "truncation"),
        description="Cut off what the model does not read; otherwise a longer text is refused.",
    )
    user: Text | None = Field(None, description="What OpenAI's clients may send; nothing is done with it.")
    return_multivector: OnlyFalse = Field(False, description="This model has one vector a text.")
    return_tokenized_input: OnlyFalse = False


class Usage(BaseModel):
    """How many tokens were embedded, instructions and special tokens included."""

    total_tokens: int
    prompt_tokens: int


class EmbeddingObject(BaseModel):
    """One embedding: numbers, or base64 of little-endian float32."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str = Field(examples=[[0.0625, -0.125, 0.25]])


class EmbeddingsAnswer(BaseModel):
    """One embedding an input, in their order."""

    model: str
    object: Literal["list"]
    usage: Usage
    data: list[EmbeddingObject]


class ModelObject(BaseModel):
    """A model, and the size of its full embeddings."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    dimensions: int


class ModelsAnswer(BaseModel):
    """The model that is served."""

    object: Literal["list"]
    data: list[ModelObject]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Texts as the model reads them, and the ranges of tokens whose means are asked for."""

    texts: list[TokenizedText]
    ranges: list[list[TokenRange]]

    @property
    def tokens(self) -> int:
        return sum(map(len, self.texts))


@router.post("/v1/embeddings", response_model=EmbeddingsAnswer)
async def embeddings(wanted: EmbeddingsRequest, service: Served) -> Json:
    """Embed texts: Jina's request, or OpenAI's."""
    _check(wanted, service.model, service.dimension)
    task = _TASK_OF[wanted.input_type] if wanted.input_type else wanted.task
    encoder = service.encoder()
    prepared = await run_in_threadpool(_late if wanted.late_chunking else _each, encoder, wanted, task)
    means = await asyncio.wrap_future(encoder.submit(prepared.texts, prepared.ranges, task))
    return await run_in_threadpool(_answer, wanted, prepared.tokens, means)


@router.get("/v1/models", response_model=ModelsAnswer)
def models(service: Served) -> Json:
    """The model that is served."""
    model = {
        "id": service.model,
        "object": "model",
        "created": _STARTED,
        "owned_by": "jv3search",
        "dimensions": service.dimension,
    }
    return Json({"object": "list", "data": [model]})


def _check(wanted: EmbeddingsRequest, model: str, dimension: int) -> None:
    """What only the server can tell to be wrong."""
    check_model(wanted.model, model)
    if wanted.dimensions is not None and wanted.dimensions > dimension:
        message = f"Input should be less than or equal to {dimension}, the size of {model}'s embeddings"
        raise FieldInvalid("body -> dimensions", "less_than_equal", message, wanted.dimensions)
    if wanted.task and wanted.input_type:
        message = "task and input_type mean the same: leave one out"
        raise FieldInvalid("body -> input_type", "given_twice", message, wanted.input_type)


def _each(encoder: SharedEncoder, wanted: EmbeddingsRequest, task: Task | None) -> _Prepared:
    """Each text on its own, pooled over all its tokens."""
    most = encoder.max_tokens if wanted.truncate else None
    texts = [whole(encoder, text, task, most) for text in wanted.input]
    return _Prepared(texts, [[(0, len(tokens))] for tokens in texts])


def _late(encoder: SharedEncoder, wanted: EmbeddingsRequest, task: Task | None) -> _Prepared:
    """The inputs as chunks of one text, joined by one space as Jina joins them.

    A text that is too long is refused, for its last chunks would have no vector.
    """
    try:
        tokens = encoder.tokenize_whole(" ".join(wanted.input), task)
    except TextTooLong:
        raise too_long(encoder.max_tokens, "late_chunking embeds all inputs as one text: send fewer") from None
    return _Prepared([tokens], [token_ranges(tokens, _spans(wanted.input))])


def _spans(chunks: Sequence[str]) -> list[Span]:
    spans, start = [], 0
    for chunk in chunks:
        spans.append(Span(start, start + len(chunk)))
        start += len(chunk) + 1
    return spans


def _answer(wanted: EmbeddingsRequest, tokens: int, means: Sequence[Means]) -> Json:
    rows = np.concatenate(means)
    rows = unit_rows(rows, wanted.dimensions) if wanted.normalized else rows[:, : wanted.dimensions]
    encoded = _ENCODED[wanted.embedding_type]
    return Json(
        {
            "model": wanted.model,
            "object": "list",
            "usage": {"total_tokens": tokens, "prompt_tokens": tokens},
            "data": [
                {"object": "embedding", "index": index, "embedding": encoded(row)}
                for index, row in enumerate(rows)
            ],
        }
    )
