"""POST /v1/classify as Jina's API has it: the label each text is nearest to, without any training."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Literal

import numpy as np
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from jv3search.analysis.classification import MOST_LABELS, TASK, check_labels, label_shares
from jv3search.api.errors import ApiError, Json
from jv3search.api.fields import Fields, Text, WrittenText
from jv3search.api.inputs import Inputs, check_model, whole
from jv3search.api.rerank import TokenUsage
from jv3search.api.service import Served
from jv3search.errors import InputError
from jv3search.types import unit_rows

router = APIRouter(tags=["embeddings"])


class ClassifyRequest(Fields):
    """Texts, and the labels to choose from."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "jv3-mini",
                    "input": ["Die Tintenpatrone ist leer.", {"text": "パスワードを忘れました。"}],
                    "labels": ["printer", "password", "weather"],
                }
            ]
        }
    )

    model: Text = Field(examples=["jv3-mini"])
    input: Inputs
    labels: list[WrittenText] = Field(
        description=f"2 to {MOST_LABELS} different ones, in any language.",
        json_schema_extra={"minItems": 2, "maxItems": MOST_LABELS, "uniqueItems": True},
    )


class Prediction(BaseModel):
    """A label, and its share of all labels' likelihood: the shares of a text add up to 1."""

    label: str
    score: float


class Classification(BaseModel):
    """The likeliest label of a text, and all of them in the request's order."""

    object: Literal["classification"]
    index: int
    prediction: str
    score: float
    predictions: list[Prediction]


class ClassifyAnswer(BaseModel):
    """One classification a text, in their order."""

    usage: TokenUsage
    data: list[Classification]


@router.post("/v1/classify", response_model=ClassifyAnswer)
async def classify(wanted: ClassifyRequest, service: Served) -> Json:
    """Give each text the nearest of some labels: Jina's request."""
    check_model(wanted.model, service.model)
    _check_labels(wanted.labels)
    encoder = service.encoder()
    texts = [*wanted.input, *wanted.labels]
    tokens = await run_in_threadpool(lambda: [whole(encoder, text, TASK) for text in texts])
    means = await asyncio.wrap_future(encoder.submit(tokens, [[(0, len(text))] for text in tokens], TASK))
    rows = unit_rows(np.concatenate(means))
    shares = label_shares(rows[: len(wanted.input)], rows[len(wanted.input) :])
    data = [_as_json(index, row, wanted.labels) for index, row in enumerate(shares)]
    return Json({"usage": {"total_tokens": sum(map(len, tokens))}, "data": data})


def _check_labels(labels: Sequence[str]) -> None:
    try:
        check_labels(labels)
    except InputError as error:
        code = "INPUT_LABEL_LIMIT_EXCEEDED" if len(labels) > MOST_LABELS else "INPUT_INVALID_LABELS"
        raise ApiError(HTTPStatus.BAD_REQUEST, code, str(error)) from None


def _as_json(index: int, shares: Sequence[float], labels: Sequence[str]) -> dict[str, object]:
    best = int(np.argmax(shares))
    return {
        "object": "classification",
        "index": index,
        "prediction": labels[best],
        "score": float(shares[best]),
        "predictions": [{"label": label, "score": float(s)} for label, s in zip(labels, shares, strict=True)],
    }
