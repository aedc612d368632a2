"""`jv3search mcp`: the index as tools of an agent."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jv3search.cli.options import (
    address_options,
    index_option,
    joined_roots,
    model_option,
    notice,
    root_option,
    with_serve_extra,
)
from jv3search.config import TOKEN

if TYPE_CHECKING:
    from jv3search.knowledge_base import KnowledgeBase
    from jv3search.location import IndexLocation


@click.command()
@index_option
@model_option
@click.option("--http", is_flag=True, help="Listen for agents over streamable HTTP, at /mcp [stdin and stdout].")
@click.option("--write", is_flag=True, help="Let the agent ingest files below the roots, and remove documents.")
@root_option
@address_options(8651)
@with_serve_extra
def mcp(
    index: IndexLocation | None,
    model: str | None,
    http: bool,
    write: bool,
    roots: tuple[Path, ...],
    port: int | None,
    address: str,
    hosts: tuple[str, ...],
) -> int:
    """Give an agent tools to search, answer, read and list documents, through the Model Context Protocol.

    The agent starts this command itself and talks to it over stdin and stdout. The tools change nothing, unless
    you add --write: then there are ingest, ingest_progress and remove, for files below the roots. With --http it
    listens instead: any address other than 127.0.0.1 needs a secret in JV3SEARCH_TOKEN.
    """
    from jv3search import knowledge_base

    kb = knowledge_base.open(index, model=model, roots=joined_roots(roots))
    if http:
        _listen(kb, write, port, address, hosts)
        notice("\nStopped.")
        return 0
    from jv3search.api import server

    server.serve_stdio(kb, write=write)
    return 0


def _listen(kb: KnowledgeBase, write: bool, port: int | None, address: str, hosts: tuple[str, ...]) -> None:
    from jv3search.addresses import free_address
    from jv3search.api import server
    from jv3search.api.mcp_server import http_app
    from jv3search.cli.serve import announce

    found = free_address(address, port, server.MCP_PORT)
    token = os.environ.get(TOKEN, "")
    server.serve(
        kb,
        found,
        make_app=partial(http_app, write=write),
        hosts=hosts,
        token=token,
        on_ready=lambda: announce(found, port, server.MCP_PORT, "/mcp"),
    )
