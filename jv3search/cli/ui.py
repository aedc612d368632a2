"""`jv3search ui`: the application, served to a browser."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jv3search.cli.options import index_option, joined_roots, notice, root_option
from jv3search.config import Settings, load_settings

if TYPE_CHECKING:
    from jv3search.addresses import Address
    from jv3search.location import IndexLocation

_HERE = "127.0.0.1"


@click.command()
@index_option
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="Port [8501, or the next that is free].")
@click.option("--address", default=_HERE, metavar="A", help="Address to listen on [127.0.0.1: this machine only].")
@click.option(
    "--host", "hosts", multiple=True, metavar="NAME", help="Host name that a proxy uses for its requests."
)
@root_option
@click.option("--browser/--no-browser", default=None, help="Open a browser [if this is a terminal].")
def ui(
    index: IndexLocation | None,
    port: int | None,
    address: str,
    hosts: tuple[str, ...],
    roots: tuple[Path, ...],
    browser: bool | None,
) -> int:
    """Serve the application: search, read, add and manage documents in a browser. Ctrl-C stops it.

    With --index, only that index is shown; without it, all in the same folder as the one of the settings.

    There is no sign-in: at any address other than 127.0.0.1, everybody who reaches it can read all documents.
    """
    from jv3search.ui import server

    settings = load_settings({"index": index, "roots": joined_roots(roots)})
    found = server.free_address(address, port)
    wanted = sys.stdout.isatty() if browser is None else browser

    def ready() -> None:
        _announce(found, port, hosts)
        if wanted:
            _open_browser(found.url)

    server.serve(settings, found, hosts=hosts, one_index=index is not None, on_ready=ready)
    notice("\nStopped.")
    _remind(settings)
    return 0


def _open_browser(url: str) -> None:
    """On Linux only where there is a screen: a browser for terminals would take this one over."""
    screen = sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if not (screen and webbrowser.open(url)):
        notice(f"No browser can be opened from here: open {url} in a browser on this machine.")


def _announce(address: Address, wanted: int | None, hosts: Sequence[str]) -> None:
    from jv3search.ui.server import PORT

    click.echo(f"jv3search is at {address.url}")
    if wanted is None and address.port != PORT:
        notice(f"Port {PORT} is taken; this is the next free one.")
    if not address.private:
        notice(
            f"It listens on {address.host}: everybody on the network who reaches port {address.port} can read,\n"
            "add and remove documents, without a password and unencrypted. To share it, leave it on\n"
            "127.0.0.1 and put a proxy with sign-in and TLS in front: docs/guide/application.md shows one."
        )
    if hosts:
        notice(f"It also answers requests for {', '.join(hosts)}.")
    notice("Press Ctrl-C to stop.")


def _remind(settings: Settings) -> None:
    """A job goes on without us; its owner should know."""
    from jv3search import jobs

    job = jobs.current(settings.index)
    if job and job.running:
        notice(
            f"Documents are still being read into {settings.index} (process {job.pid}); this continues. "
            f"To stop it: kill -INT {job.pid}"
        )
