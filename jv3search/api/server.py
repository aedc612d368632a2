"""Serving an application until it is told to end, which it does when what was accepted is answered."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from jv3search import addresses
from jv3search.addresses import Address
from jv3search.api.app import create_app
from jv3search.api.guard import access_for
from jv3search.api.service import Service
from jv3search.knowledge_base import KnowledgeBase

PORT = 8601
_STOP_SECONDS = 30  # for what was accepted; a batch of the real model takes ten


def free_address(host: str, port: int | None) -> Address:
    """The address with the port that is asked for, else with the first free one; ConfigError if there is none."""
    return addresses.free_address(host, port, PORT)


def serve(
    kb: KnowledgeBase,
    address: Address,
    *,
    hosts: tuple[str, ...] = (),
    token: str = "",
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve a knowledge base until Ctrl-C, SIGTERM or SIGHUP; `on_ready` is called when it answers.

    ConfigError where strangers could ask without a token; what went wrong if the model cannot be loaded.
    """
    access = access_for(address, hosts, token)
    service = Service(kb)

    def stop() -> None:
        server.should_exit = True

    server = Server(create_app(service, access, stop), address, on_ready)
    server.run_until_stopped()
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
