"""Errors as answers: always JSON, shaped as Jina's API shapes them, and never a traceback."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from jv3search.api.fields import readable
from jv3search.api.ingests import ManyWaiting
from jv3search.api.model_worker import Busy
from jv3search.api.service import ManyAnswers
from jv3search.errors import AnswerError, IndexLocked, IndexNotFound, InputError, JV3SearchError, ReadError

_MOST_ERRORS = 10  # of one request: a list of 2,048 wrong inputs would answer with as many
_SHOWN = 60  # characters of a wrong value
_LOCKED_SECONDS = 2  # until to ask again where something else is written: most uploads are read by then
_STATUS: dict[type[Exception], tuple[int, str]] = {
    Busy: (HTTPStatus.TOO_MANY_REQUESTS, "RATE_LIMITED"),
    ManyWaiting: (HTTPStatus.TOO_MANY_REQUESTS, "RATE_LIMITED"),
    ManyAnswers: (HTTPStatus.TOO_MANY_REQUESTS, "RATE_LIMITED"),
    InputError: (HTTPStatus.BAD_REQUEST, "INPUT_INVALID"),
    IndexNotFound: (HTTPStatus.NOT_FOUND, "RESOURCE_NOT_FOUND"),
    ReadError: (HTTPStatus.NOT_FOUND, "RESOURCE_NOT_FOUND"),  # a document's file is gone, or has no such page
    IndexLocked: (HTTPStatus.CONFLICT, "CONFLICT_RESOURCE_BUSY"),
    AnswerError: (HTTPStatus.BAD_GATEWAY, "LANGUAGE_MODEL_FAILED"),
}
_OTHERWISE = (HTTPStatus.SERVICE_UNAVAILABLE, "SERVICE_UNAVAILABLE")


class ErrorDetail(BaseModel):
    """What is wrong, and a code that a program can tell it by."""

    message: str
    request_id: str
    code: str = Field(examples=["INPUT_TOKEN_LIMIT_EXCEEDED"])


class ErrorAnswer(BaseModel):
    """The body of every error but 401 and 422."""

    detail: ErrorDetail


class FlatErrorAnswer(BaseModel):
    """The body of 401."""

    detail: str


class FieldError(BaseModel):
    """One wrong field; `input` is there if it is a plain value."""

    field: str = Field(examples=["body -> dimensions"])
    message: str
    type: str
    input: str | float | int | bool | None = None


class ValidationAnswer(BaseModel):
    """The body of 422."""

    detail: str
    request_id: str
    errors: list[FieldError]


class ApiError(Exception):
    """An answer of a given status; `code` is for programs, `retry_after` in seconds."""

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after = retry_after


class FieldInvalid(Exception):
    """A field that only the handler of a request can tell to be wrong: 422."""

    def __init__(self, field: str, kind: str, message: str, value: object = None) -> None:
        super().__init__(message)
        self.field = field
        self.kind = kind
        self.value = value


class Json(Response):
    """JSON in the scripts the documents are written in; what is no Unicode, in a file's name say, becomes a ?."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """UTF-8; NaN and infinity raise ValueError, for they are no JSON."""
        return json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def error_answer(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Json:
    """An error's answer."""
    return Json({"detail": error_detail(code, message)}, status, dict(headers or {}))


def error_detail(code: str, message: str) -> dict[str, str]:
    """What an error's body says."""
    return {"message": message, "request_id": uuid.uuid4().hex, "code": code}


def code_of(error: JV3SearchError) -> str:
    """The code of an error of ours."""
    return _status(error)[1]


def _status(error: JV3SearchError) -> tuple[int, str]:
    """Wrong input is the client's, everything else the server's to mend."""
    return next((answered for kind, answered in _STATUS.items() if isinstance(error, kind)), _OTHERWISE)


def add_handlers(app: FastAPI) -> None:
    """Have every error of an application answered by this module."""
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(FieldInvalid, _invalid_field)
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(JV3SearchError, _user_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _fault)


async def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _validation_answer([_field_error(found) for found in error.errors()[:_MOST_ERRORS]])


async def _invalid_field(request: Request, error: Exception) -> Response:
    assert isinstance(error, FieldInvalid)
    place = error.field
    return _validation_answer([{"field": place, "message": str(error), "type": error.kind} | _plain(error.value)])


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return error_answer(error.status, error.code, str(error), headers)


async def _user_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, JV3SearchError)
    retry = _LOCKED_SECONDS if isinstance(error, IndexLocked) else getattr(error, "retry_after", None)
    headers = {} if retry is None else {"Retry-After": str(retry)}
    return error_answer(*_status(error), str(error), headers)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    codes = {404: "RESOURCE_NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
    code = codes.get(error.status_code, "REQUEST_INVALID")
    message = f"{error.detail}: {request.method} {request.url.path}; GET /openapi.json shows what there is"
    headers = (
        {"Allow": ", ".join(_methods(request))}
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED
        else error.headers
    )
    return error_answer(error.status_code, code, message, headers)


def _methods(request: Request) -> list[str]:
    """What may be done at a path, by all of its routes."""
    paths: dict[str, dict[str, object]] = request.app.openapi()["paths"]
    fitting = [found for path, found in paths.items() if compile_path(path)[0].match(request.url.path)]
    return sorted(method.upper() for operations in fitting for method in operations)


async def _fault(request: Request, error: Exception) -> Response:
    """A fault of ours; the server's log has the traceback."""
    message = "the server failed on this request; its log says where"
    return error_answer(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", message)


def _validation_answer(errors: Sequence[Mapping[str, Any]]) -> Json:
    told = "; ".join(f"{error['field']}: {error['message']}" for error in errors)
    body = {"detail": f"Validation error: {told}", "request_id": uuid.uuid4().hex, "errors": list(errors)}
    return Json(body, HTTPStatus.UNPROCESSABLE_ENTITY)


def _field_error(error: Mapping[str, Any]) -> dict[str, Any]:
    place = [*error["loc"], *([error["ctx"]["field"]] if error["type"] == "unknown_field" else [])]
    field = " -> ".join(readable(str(part)) for part in place)
    return {"field": field, "message": readable(error["msg"]), "type": error["type"]} | _plain(error["input"])


def _plain(value: object) -> dict[str, Any]:
    """A wrong value to be shown, if it is a plain one that JSON can hold."""
    if isinstance(value, str):
        return {"input": readable(value[:_SHOWN])}
    if isinstance(value, float) and not math.isfinite(value):
        return {"input": str(value)}
    return {"input": value} if isinstance(value, int | float) else {}
