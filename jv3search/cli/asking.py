"""Putting a question to a running server, by the standard library alone: no model is loaded here."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import SplitResult, urlsplit

from jv3search.cli.options import notice
from jv3search.config import TOKEN
from jv3search.errors import ConfigError, IndexMismatch, InputError, JV3SearchError

ResultJson = dict[str, Any]
Ask = Callable[[str], ResultJson]
"""A question -> the search result in its public form, as `--json` prints it."""

_CONNECT_SECONDS = 3.0  # for a machine in the same network; one that is switched off never refuses
_ANSWER_SECONDS = 600.0  # what a server with a full queue and the real model may need
_REFUSALS: dict[int, tuple[type[JV3SearchError], str]] = {
    HTTPStatus.BAD_REQUEST: (InputError, "{message}"),
    HTTPStatus.UNAUTHORIZED: (ConfigError, "{url} wants a token: set {token} to that of the server"),
    HTTPStatus.CONFLICT: (
        IndexMismatch,
        "{url}: {message}; name that with --index, or leave the setting server out",
    ),
}


class _NotAnswered(Exception):
    """Nobody is there, or the server cannot answer this now."""


def asks_first(server: str, options: Mapping[str, object], here: Ask) -> Ask:
    """Ask a server; from the first question that it does not answer, with a notice, ask `here`.

    InputError for what is wrong with the question, IndexMismatch where another index is served, ConfigError for
    an address that is none and for a token that is missing or wrong.
    """
    url = _address(server)
    gone = False

    def ask(query: str) -> ResultJson:
        nonlocal gone
        if not gone:
            try:
                return _answer(url, {"query": query, **options})
            except _NotAnswered as error:
                gone = True
                notice(f"{server} does not answer ({error}): searching here.")
        return here(query)

    return ask


def _address(server: str) -> SplitResult:
    try:
        url = urlsplit(server)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"the setting server is {server!r}; it must be an address such as http://localhost:8601")
    return url


def _answer(url: SplitResult, request: Mapping[str, object]) -> ResultJson:
    from http.client import HTTPException  # here, for most searches ask no server

    try:
        status, body = _post(url, json.dumps(request).encode())
    except (OSError, HTTPException) as error:
        raise _NotAnswered(str(error) or type(error).__name__) from None
    answer = _parsed(status, body)
    if status == HTTPStatus.OK:
        return answer
    message = _message(answer)
    if status not in _REFUSALS:
        raise _NotAnswered(message)
    kind, words = _REFUSALS[status]
    raise kind(words.format(url=url.geturl(), message=message, token=TOKEN))


def _parsed(status: int, body: bytes) -> ResultJson:
    """The body, which has hits or says what is wrong."""
    try:
        answer: Any = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or ("hits" if status == HTTPStatus.OK else "detail") not in answer:
        raise _NotAnswered(f"status {status}, and not from `jv3search serve`")
    return answer


def _post(url: SplitResult, body: bytes) -> tuple[int, bytes]:
    """Status and body of the answer."""
    from http.client import HTTPConnection, HTTPSConnection

    kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
    connection = kind(url.hostname or "", url.port, timeout=_CONNECT_SECONDS)
    token = os.environ.get(TOKEN, "")
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        connection.connect()
        connection.sock.settimeout(_ANSWER_SECONDS)
        connection.request("POST", f"{url.path.rstrip('/')}/v1/search", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _message(answer: ResultJson) -> str:
    """What an error's body says."""
    detail = answer["detail"]
    return str(detail["message"] if isinstance(detail, dict) and "message" in detail else detail)
