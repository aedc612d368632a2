"""A server on this machine that speaks OpenAI's chat protocol and says what a test wrote down."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Script = Callable[["Reply"], None]


@dataclass
class Reply:
    """One answer on the wire: events, or anything else."""

    handler: BaseHTTPRequestHandler
    asked: dict[str, Any]

    def begin(self, status: int = 200, kind: str = "text/event-stream", **headers: str) -> None:
        self.handler.send_response(status)
        for name, value in {"Content-Type": kind, "Connection": "close", **headers}.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()

    def raw(self, data: bytes) -> None:
        self.handler.wfile.write(data)
        self.handler.wfile.flush()

    def say(self, *pieces: str, finish: str | None = None) -> None:
        for piece in pieces:
            self.event({"delta": {"content": piece}, "index": 0, "finish_reason": None})
        if finish:
            self.event({"delta": {}, "index": 0, "finish_reason": finish})
            self.raw(b"data: [DONE]\n\n")

    def event(self, choice: dict[str, Any]) -> None:
        chunk = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
        self.raw(b"data: " + json.dumps(chunk).encode() + b"\n\n")

    def passages(self) -> str:
        return self.asked["messages"][1]["content"]


@dataclass
class Server:
    """Its address, what it says next, and every request it got: (path, headers, body)."""

    url: str
    script: Script = lambda reply: None
    requests: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)

    def will_say(self, *pieces: str, finish: str = "stop") -> None:
        def script(reply: Reply) -> None:
            reply.begin()
            reply.say(*pieces, finish=finish)

        self.script = script

    def will_wait(self, first: str, heard: threading.Event, rest: str) -> None:
        """Say `first`, and `rest` once the test says that it was heard; else the reply breaks off."""

        def script(reply: Reply) -> None:
            reply.begin()
            reply.say(first)
            if heard.wait(90):
                reply.say(rest, finish="stop")

        self.script = script

    def prompt(self) -> tuple[str, str]:
        rules, passages = self.requests[-1][2]["messages"]
        return rules["content"], passages["content"]


@contextmanager
def language_model_server() -> Iterator[Server]:
    """Runs until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.requests.append(
                (self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            )
            server.script(Reply(self, body))

        def do_GET(self) -> None:
            server.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}, {}))
            self.send_error(404)

        def log_message(self, *arguments: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = Server(f"http://127.0.0.1:{listening.server_address[1]}/v1")
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def in_pieces(text: str, size: int = 3) -> Sequence[str]:
    """A text as a model sends it: a few characters at a time."""
    return [text[at : at + size] for at in range(0, len(text), size)]
