"""The application: its routes, its errors, and its OpenAPI document."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Literal

from fastapi import APIRouter, FastAPI
from pydantic import BaseModel

from jv3search import __version__
from jv3search.api import answer, classify, documents, embeddings, jobs, metrics, rerank, search
from jv3search.api.errors import ErrorAnswer, FlatErrorAnswer, Json, ValidationAnswer, add_handlers
from jv3search.api.guard import Access, Guard
from jv3search.api.metrics import Metered, Metrics
from jv3search.api.service import Served, Service

_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorAnswer, "description": "What is asked for cannot be had; or a host that is not ours"},
    401: {"model": FlatErrorAnswer, "description": "No token, or a wrong one"},
    403: {"model": ErrorAnswer, "description": "A web page of another origin; a change, where all is only read"},
    408: {"model": ErrorAnswer, "description": "The body did not arrive in time"},
    413: {"model": ErrorAnswer, "description": "The body is too large"},
    422: {"model": ValidationAnswer, "description": "A field is unknown, missing or wrong"},
    429: {"model": ErrorAnswer, "description": "Too much is waiting; Retry-After says how long"},
    503: {"model": ErrorAnswer, "description": "The model is still being loaded"},
}
_NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorAnswer, "description": "Not in the index; or the file is not what was read in any more"},
    409: {"model": ErrorAnswer, "description": "Something else is written; Retry-After says when to try again"},
}

health = APIRouter(tags=["health"])


class HealthAnswer(BaseModel):
    """The server answers."""

    status: Literal["ok"]


class ReadyAnswer(BaseModel):
    """Whether the model is loaded."""

    status: Literal["ready", "loading"]


@health.get("/healthz", response_model=HealthAnswer)
async def healthz() -> Json:
    """Whether the server answers at all."""
    return Json({"status": "ok"})


@health.get("/readyz", response_model=ReadyAnswer, responses={503: {"model": ReadyAnswer}})
async def readyz(service: Served) -> Json:
    """Whether the model is loaded."""
    if service.ready:
        return Json({"status": "ready"})
    return Json({"status": "loading"}, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "2"})


def create_app(service: Service, access: Access) -> FastAPI:
    """An application over a service, which whoever serves it starts and closes."""
    app = FastAPI(
        title="jv3search",
        version=__version__,
        summary="Embeddings as Jina's API has them, and search in a local, multilingual knowledge base.",
        docs_url=None,  # its page loads scripts from another server
        redoc_url=None,
    )
    app.state.service = service
    app.state.metrics = Metrics(service)
    for router in (embeddings.router, rerank.router, classify.router, search.router, answer.router):
        app.include_router(router, responses=_ERRORS)
    for router in (documents.router, jobs.router):
        app.include_router(router, responses=_ERRORS | _NOT_FOUND)
    app.include_router(metrics.router, responses=_ERRORS)
    app.include_router(health)
    add_handlers(app)
    app.add_middleware(Guard, access=access)
    app.add_middleware(Metered, metrics=app.state.metrics)  # the last one added is the first to see a request
    return app
