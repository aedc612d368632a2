"""GET /metrics: what the server does, as Prometheus reads it."""

from __future__ import annotations

import time
from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jv3search.api.service import Service

router = APIRouter(tags=["health"])

_NO_ROUTE = "none"  # one name for whatever path there is not: each name is a time series
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper ends of the histogram: a query of jv3-mini needs 5 ms, a full batch of the real model half a minute."""


class Metrics:
    """The figures of one server."""

    def __init__(self, service: Service) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "jv3search_requests", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "jv3search_request_seconds",
            "From a request's head to the end of its answer",
            ["method", "route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.open = Gauge("jv3search_requests_open", "Requests being answered", registry=self.registry)
        self._gauge("jv3search_model_ready", "1 when the model is loaded", lambda: service.ready)
        self._gauge("jv3search_tokens_waiting", "Tokens in the model's queue", lambda: service.tokens_waiting)
        self._gauge("jv3search_uploads_waiting", "Uploads to be read", lambda: service.ingests.waiting)
        tokens = Counter("jv3search_tokens", "Tokens that went through the model", registry=self.registry)
        service.on_tokens = tokens.inc

    def _gauge(self, name: str, says: str, value: Callable[[], float]) -> None:
        Gauge(name, says, registry=self.registry).set_function(value)


class Metered:
    """ASGI middleware that counts and times what the application behind it answers, refusals included."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note how it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = "500"

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        began = time.perf_counter()
        with self._metrics.open.track_inprogress():
            try:
                await self._app(scope, receive, note)
            finally:
                self._note(scope, status, time.perf_counter() - began)

    def _note(self, scope: Scope, status: str, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", _NO_ROUTE)
        method = scope["method"] if route != _NO_ROUTE else _NO_ROUTE  # clients make up methods too
        self._metrics.requests.labels(method, route, status).inc()
        self._metrics.seconds.labels(method, route).observe(seconds)


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": "jv3search_model_ready 1.0"}}}
    },
)
def metrics(request: Request) -> Response:
    """Requests, their times, the queue, tokens and whether the model is loaded, as Prometheus reads them."""
    found: Metrics = request.app.state.metrics
    return Response(generate_latest(found.registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)
