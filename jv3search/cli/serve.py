"""`jv3search serve`: Jina's embeddings API and a search API on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from jv3search.cli.options import address_options, index_option, model_option, notice, with_serve_extra
from jv3search.config import TOKEN
from jv3search.errors import IndexNotFound

if TYPE_CHECKING:
    from jv3search.addresses import Address
    from jv3search.answers.language_model import LanguageModel
    from jv3search.knowledge_base import KnowledgeBase
    from jv3search.location import IndexLocation


@click.command()
@index_option
@model_option
@address_options(8601)
@click.option("--write", is_flag=True, help="Let clients add and delete documents [they only read].")
@with_serve_extra
def serve(
    index: IndexLocation | None,
    model: str | None,
    port: int | None,
    address: str,
    hosts: tuple[str, ...],
    write: bool,
) -> int:
    """Serve the index to programs: POST /v1/embeddings as in Jina's API, POST /v1/search. Ctrl-C stops it.

    Without an index it embeds, reranks and classifies; searching begins when there is one.
    Any address other than 127.0.0.1 needs a secret in JV3SEARCH_TOKEN, which clients send as
    "Authorization: Bearer ...". GET /openapi.json describes all requests.
    """
    from jv3search import knowledge_base
    from jv3search.addresses import free_address
    from jv3search.answers.language_model import language_model
    from jv3search.api import server

    found = free_address(address, port, server.PORT)
    kb = knowledge_base.open(index, create=True, model=model)
    token = os.environ.get(TOKEN, "")
    writer = language_model(kb.settings)

    def ready() -> None:
        announce(found, port, server.PORT)
        _tell(kb, writer)

    server.serve(
        kb,
        found,
        hosts=hosts,
        token=token,
        write=write,
        on_ready=ready,
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


def _tell(kb: KnowledgeBase, writer: LanguageModel | None) -> None:
    """What whoever starts the server should know of it."""
    try:
        _ = kb.reader
    except IndexNotFound as error:
        notice(f"Searches are refused: {error}.")
    if writer:
        notice(f"For /v1/answer, questions and the passages found go to {writer.address} ({writer.name}).")
