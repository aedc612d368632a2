"""`jv3search serve`: Jina's embeddings API and a search API on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jv3search.cli.options import address_options, index_option, model_option, notice, with_serve_extra
from jv3search.config import TOKEN

if TYPE_CHECKING:
    from jv3search.addresses import Address


@click.command()
@index_option
@model_option
@address_options(8601)
@click.option("--write", is_flag=True, help="Let clients add and delete documents [they only read].")
@with_serve_extra
def serve(
    index: Path | None, model: str | None, port: int | None, address: str, hosts: tuple[str, ...], write: bool
) -> int:
    """Serve the index to programs: POST /v1/embeddings as in Jina's API, POST /v1/search. Ctrl-C stops it.

    Any address other than 127.0.0.1 needs a secret in JV3SEARCH_TOKEN, which clients send as
    "Authorization: Bearer ...". GET /openapi.json describes all requests.
    """
    from jv3search import knowledge_base
    from jv3search.addresses import free_address
    from jv3search.api import server

    found = free_address(address, port, server.PORT)
    kb = knowledge_base.open(index, model=model)
    token = os.environ.get(TOKEN, "")
    server.serve(
        kb,
        found,
        hosts=hosts,
        token=token,
        write=write,
        on_ready=lambda: announce(found, port, server.PORT),
    )
    notice("\nStopped.")
    return 0


def announce(address: Address, wanted: int | None, usual: int, path: str = "") -> None:
    """Where a server is, on stdout; what else to know, on stderr."""
    click.echo(f"jv3search is at {address.url}{path}")
    if wanted is None and address.port != usual:
        notice(f"Port {usual} is taken; this is the next free one.")
    if not address.private:
        notice("Requests and documents are sent unencrypted: on a shared network, put a proxy with TLS in front.")
    notice("Press Ctrl-C to stop.")
