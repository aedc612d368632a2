"""Texts as requests give them, and as the model reads them."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field, WithJsonSchema

from jv3search.api.errors import ApiError
from jv3search.api.fields import WrittenText
from jv3search.api.model_worker import SharedEncoder
from jv3search.encoders.late_chunking import TokenizedText
from jv3search.encoders.port import LONGEST_TOKEN
from jv3search.errors import TextTooLong
from jv3search.types import Task

MOST_INPUTS = 2048  # as OpenAI's API has it


def _listed(value: Any) -> Any:
    """A text, an object with a text, or a list of them -> a list of texts."""
    inputs = value if isinstance(value, list) else [value]
    return [text_of(entry) if isinstance(entry, dict) else entry for entry in inputs]


def text_of(entry: dict[str, Any]) -> Any:
    """The text of an object that holds one."""
    if not ({"text"} <= set(entry) <= {"text", "type"} and entry.get("type", "text") == "text"):
        raise ValueError('an object must be {"text": "..."} or {"type": "text", "text": "..."}')
    return entry["text"]


_WRITTEN = {"type": "string", "pattern": r"\S"}
_TEXT_OBJECT = {
    "type": "object",
    "properties": {"text": _WRITTEN, "type": {"const": "text"}},
    "required": ["text"],
    "additionalProperties": False,
}
_ONE_INPUT = [_WRITTEN, _TEXT_OBJECT]
_SCHEMA = {
    "anyOf": [
        *_ONE_INPUT,
        {"type": "array", "items": {"anyOf": _ONE_INPUT}, "minItems": 1, "maxItems": MOST_INPUTS},
    ],
    "examples": [["Wie lange ist die Kündigungsfrist?", "解約の予告期間は三か月です。"]],
}
Inputs = Annotated[
    list[WrittenText],
    Field(min_length=1, max_length=MOST_INPUTS),
    BeforeValidator(_listed),
    WithJsonSchema(_SCHEMA),
]


OneInput = Annotated[
    WrittenText,
    BeforeValidator(lambda value: text_of(value) if isinstance(value, dict) else value),
    WithJsonSchema({"anyOf": _ONE_INPUT, "examples": ["Wie lange ist die Kündigungsfrist?"]}),
]


def check_model(wanted: str, served: str) -> None:
    """400 for another model than the one that is served: its vectors would be others."""
    if wanted != served:
        message = f"the model {wanted!r} is not served here; there is {served!r}"
        raise ApiError(HTTPStatus.BAD_REQUEST, "INPUT_MODEL_NOT_FOUND", message)


def whole(encoder: SharedEncoder, text: str, task: Task | None, most: int | None = None) -> TokenizedText:
    """A text for one forward pass, cut to `most` tokens; without that one longer than the model reads is a 400."""
    if most is None:
        try:
            return encoder.tokenize_whole(text, task)
        except TextTooLong:
            raise too_long(encoder.max_tokens) from None
    tokens = encoder.tokenize(text[: most * LONGEST_TOKEN], task)
    return tokens if len(tokens) <= most else _truncated(tokens, most)


def too_long(most: int, remedy: str = "Use 'truncate: true' to cut it, or shorten it") -> ApiError:
    """What a longer text than the model reads is answered with."""
    message = f"Input text exceeds the model's maximum of {most} tokens. {remedy}."
    return ApiError(HTTPStatus.BAD_REQUEST, "INPUT_TOKEN_LIMIT_EXCEEDED", message)


def _truncated(tokens: TokenizedText, most: int) -> TokenizedText:
    """The first tokens, and </s>, which ends every text."""
    kept = np.r_[: most - 1, len(tokens) - 1]
    return replace(tokens, ids=tokens.ids[kept], offsets=tokens.offsets[kept], last=most - 1)
