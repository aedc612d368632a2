"""The bodies of uploads: a form with files, or one file as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import Request
from pydantic import Field
from starlette.datastructures import FormData, UploadFile

from jv3search.api.errors import FieldInvalid
from jv3search.api.fields import Fields, Text, readable

_FIELD = "file"
_MOST_FILES = 100

BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    _FIELD: {
                        "type": "array",
                        "items": {"type": "string", "format": "binary"},
                        "minItems": 1,
                        "maxItems": _MOST_FILES,
                    }
                },
                "required": [_FIELD],
                "additionalProperties": False,
            }
        },
        "application/octet-stream": {
            "schema": {"type": "string", "format": "binary", "minLength": 1},
            "example": "Die Kündigungsfrist beträgt drei Monate.",
        },
    },
}
"""What OpenAPI says of the body."""


class UploadRequest(Fields):
    """What goes with a body that is a file as it is."""

    name: Text = Field("", max_length=1000, description="The file's name.", examples=["Anleitung.txt"])


async def files_of(request: Request, name: str) -> list[tuple[str, bytes]]:
    """Name and content of each file; FieldInvalid if there is none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        if not name:
            raise FieldInvalid("query -> name", "missing", "a body that is a file as it is needs ?name=...")
        return [(name, await request.body())]
    if name:
        raise FieldInvalid("query -> name", "not_for_forms", "a form names its files itself: leave name out", name)
    async with request.form(max_files=_MOST_FILES, max_fields=1) as form:
        return [(file.filename or "", await file.read()) for file in _files(form)]


def _files(form: FormData) -> Iterator[UploadFile]:
    for field, value in form.multi_items() or [(_FIELD, "")]:
        if field != _FIELD or not isinstance(value, UploadFile):
            message = f"the form must hold files, each in a field named {_FIELD}"
            raise FieldInvalid(f"body -> {readable(field[:60])}", "file_expected", message)
        yield value
