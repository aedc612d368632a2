"""Serving an application until it is told to end, which it does when what was accepted is answered."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from jv3search.addresses import Address
from jv3search.api.app import create_app
from jv3search.api.guard import Access, access_for
from jv3search.api.service import Service
from jv3search.config import Settings
from jv3search.knowledge_base import KnowledgeBase
from jv3search.readers import Limits
from jv3search.readers.sandbox.limits import MB

PORT = 8601
MCP_PORT = 8651
_FORM_BYTES = 1 << 16
_STOP_SECONDS = 600  # all that may wait, by the real model on a CPU; a second Ctrl-C ends it at once


def serve(
    kb: KnowledgeBase,
    address: Address,
    *,
    make_app: Callable[[Service, Access], ASGIApp] = create_app,
    hosts: tuple[str, ...] = (),
    token: str = "",
    write: bool = False,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve a knowledge base until Ctrl-C, SIGTERM or SIGHUP; `on_ready` is called when it answers.

    With `write` clients may add and delete documents.
    ConfigError where strangers could ask without a token; what went wrong if the model cannot be loaded.
    """
    service = Service(kb)
    access = access_for(address, hosts, token)
    access = replace(access, upload=largest_upload(kb.settings)) if write else access
    _run(service, make_app(service, access), address, on_ready)


def largest_upload(settings: Settings) -> int:
    """The largest body of an upload in bytes: a file of the size that is set, and what a form puts around it."""
    return min(settings.upload_limit_mb * MB, Limits().file) + _FORM_BYTES


def serve_stdio(kb: KnowledgeBase, *, write: bool = False) -> None:
    """Serve the one agent at stdin and stdout until it leaves; with `write` it may change the index."""
    from jv3search.api.mcp_server import create_server

    service = Service(kb)
    service.start()
    try:
        create_server(service, write=write).run("stdio")
    except KeyboardInterrupt:
        return
    finally:
        service.close()


def _run(service: Service, app: ASGIApp, address: Address, on_ready: Callable[[], None]) -> None:
    """Load the model and answer until a signal asks to end; a model that cannot be loaded is the end too."""
    server = Server(app, address, on_ready)

    def stop() -> None:
        server.should_exit = True

    service.start(stop)
    try:
        server.run_until_stopped()
    finally:
        service.close()
    if service.failure is not None:
        raise service.failure


class Server(uvicorn.Server):
    """uvicorn with our bounds, which says when it listens."""

    def __init__(self, app: ASGIApp, address: Address, on_ready: Callable[[], None] = lambda: None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=address.host,
                port=address.port,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ws="none",
                timeout_keep_alive=5,
                timeout_graceful_shutdown=_STOP_SECONDS,
            )
        )
        self._on_ready = on_ready

    async def startup(self, *arguments: object, **options: object) -> None:
        """Listen, then say so."""
        await super().startup(*arguments, **options)  # type: ignore[arg-type]
        if self.started:
            self._on_ready()

    def run_until_stopped(self) -> None:
        """Answer until a signal asks to end."""

        def stop(number: int, frame: FrameType | None) -> None:
            self.should_exit = True

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, stop) for number in numbers}  # uvicorn raises its own again
        try:
            self.run()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
