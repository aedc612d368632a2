"""What is refused before a request is read: foreign hosts and origins, no token, too much at once, too large."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jv3search.addresses import Address
from jv3search.api.errors import ApiError, Json, error_answer
from jv3search.errors import ConfigError

MOST_BYTES = 4 << 20  # of a body: 2,048 texts of a page each
MOST_REQUESTS = 64  # at once; more would only wait for the model
BODY_SECONDS = 30.0  # in which a body has to arrive
MOST_UPLOADS = 2  # at once: their bodies are in memory
UPLOAD_SECONDS = 300.0
_UPLOADS = "/v1/documents"
OPEN_PATHS = frozenset({"/healthz", "/readyz"})  # say nothing of the documents, and are asked without a token
_LEAST_TOKEN = 16  # characters: shorter ones can be guessed
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask: `hosts` are the names the server answers to (empty: any), `token` what clients must send.

    `upload` is the largest body of an upload in bytes; 0: nothing may be added or deleted.
    """

    hosts: frozenset[str] = frozenset()
    token: str = ""
    upload: int = 0


def access_for(address: Address, hosts: Sequence[str], token: str) -> Access:
    """Who may ask at an address; ConfigError where others than this machine could without a token.

    A web page cannot know the token, so that at an address with one any name of the host will do.
    """
    if token and (len(token) < _LEAST_TOKEN or not token.isascii() or not token.isprintable()):
        raise ConfigError(
            f"JV3SEARCH_TOKEN must have at least {_LEAST_TOKEN} printable ASCII characters; make one with: "
            "python -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    if not (address.private or token):
        raise ConfigError(
            f"at {address.host} others than this machine can read all documents: set JV3SEARCH_TOKEN to a secret "
            "that clients send as 'Authorization: Bearer ...', or leave --address at 127.0.0.1"
        )
    own = f"[{address.host}]" if ":" in address.host else address.host
    named = {*_LOCAL_HOSTS, own, *hosts} if address.private or hosts else set()
    return Access(frozenset(name.lower() for name in named), token)


class Guard:
    """ASGI middleware; the application behind it gets a body that is complete and small enough."""

    def __init__(self, app: ASGIApp, access: Access, most_bytes: int = MOST_BYTES) -> None:
        self._app = app
        self._access = access
        self._most_bytes = most_bytes
        self._requests = 0
        self._uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that is refused, pass on any other."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._refused(Headers(scope=scope), scope["method"], scope["path"])
        if refused is not None:
            await refused(scope, receive, send)
            return
        upload = _is_upload(scope["method"], scope["path"])
        self._requests += 1
        self._uploads += upload
        try:
            await self._pass_on(scope, receive, send, upload)
        finally:
            self._requests -= 1
            self._uploads -= upload

    def _refused(self, headers: Headers, method: str, path: str) -> Json | None:
        """The answer to a request that is not to be read; None if it may be."""
        stranger = self._stranger(headers, path)
        if stranger is not None or path in OPEN_PATHS:
            return stranger
        if _changes(method, path) and not self._access.upload:
            message = "this server only reads; to add and delete documents start it with: jv3search serve --write"
            return error_answer(HTTPStatus.FORBIDDEN, "READ_ONLY", message, {"Connection": "close"})
        return self._too_much(headers.get("content-length", "0"), _is_upload(method, path))

    def _stranger(self, headers: Headers, path: str) -> Json | None:
        """The answer to one who may not ask."""
        host = headers.get("host", "")
        if self._access.hosts and _name_of(host) not in self._access.hosts:
            message = f"this server does not answer to the host {host[:80]!r}; --host NAME adds one"
            return error_answer(HTTPStatus.BAD_REQUEST, "HOST_NOT_ALLOWED", message)
        origin = headers.get("origin")
        if origin is not None and _netloc(origin) != host.lower():
            message = f"web pages of {origin[:80]!r} may not ask this server"
            return error_answer(HTTPStatus.FORBIDDEN, "ORIGIN_NOT_ALLOWED", message)
        if path not in OPEN_PATHS and not self._has_token(headers.get("authorization", "")):
            message = "send the server's token: Authorization: Bearer JV3SEARCH_TOKEN"
            return Json({"detail": message}, HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": "Bearer"})
        return None

    def _has_token(self, authorization: str) -> bool:
        scheme, _, given = authorization.partition(" ")
        same = hmac.compare_digest(given.strip().encode(), self._access.token.encode())
        return not self._access.token or (same and scheme.lower() == "bearer")

    def _too_much(self, length: str, upload: bool) -> Json | None:
        if self._requests >= MOST_REQUESTS or (upload and self._uploads >= MOST_UPLOADS):
            busy = (
                f"{self._uploads} uploads are arriving"
                if upload
                else f"{self._requests} requests are being answered"
            )
            headers = {"Retry-After": "1"}
            return error_answer(HTTPStatus.TOO_MANY_REQUESTS, "RATE_LIMITED", f"{busy}: try again in 1 s", headers)
        most = self._most(upload)
        return _answer_to(_too_large(most)) if length.isdecimal() and int(length[:20]) > most else None

    def _most(self, upload: bool) -> int:
        """The largest body, in bytes."""
        return self._access.upload if upload else self._most_bytes

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, upload: bool) -> None:
        seconds = UPLOAD_SECONDS if upload else BODY_SECONDS
        try:
            async with asyncio.timeout(seconds):
                body = await _body(receive, self._most(upload))
        except TimeoutError:
            message = f"the body did not arrive within {seconds:.0f} s"
            await error_answer(HTTPStatus.REQUEST_TIMEOUT, "TIMEOUT", message)(scope, receive, send)
            return
        except ApiError as error:
            await _answer_to(error)(scope, receive, send)
            return
        unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return unread.pop() if unread else await receive()

        if body is not None:
            await self._app(scope, replay, send)


def _is_upload(method: str, path: str) -> bool:
    return method == "POST" and path == _UPLOADS


def _changes(method: str, path: str) -> bool:
    return _is_upload(method, path) or (method == "DELETE" and path.startswith(f"{_UPLOADS}/"))


async def _body(receive: Receive, most: int) -> bytes | None:
    """The whole body; None if the client is gone, ApiError as soon as it is too large."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > most:
            raise _too_large(most)
        if not message.get("more_body", False):
            return bytes(body)


def _too_large(most: int) -> ApiError:
    message = f"the body has more than {most:,} bytes: send less at once"
    return ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "BODY_TOO_LARGE", message)


def _answer_to(error: ApiError) -> Json:
    return error_answer(error.status, error.code, str(error), {"Connection": "close"})  # the rest is not read


def _name_of(host: str) -> str:
    """The name in a Host header, without the port."""
    name = host.lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0]


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
