"""`jv3search model`: what is here, fetch it, prove it."""

from __future__ import annotations

import click

from jv3search.cli.options import echo_json, engine_option, json_option, notice
from jv3search.config import load_settings


@click.group()
def model() -> None:
    """List, fetch and verify models. Only `pull` downloads anything."""


@model.command("list")
@json_option
def list_models(as_json: bool) -> None:
    """Show the named models and whether they are on this machine."""
    from jv3search.encoders.models import known_models

    models = known_models(load_settings({}).models)
    if as_json:
        echo_json(
            [
                {"name": m.name, "here": m.here, "folder": str(m.folder), "licence": m.licence, "note": m.note}
                for m in models
            ]
        )
        return
    for m in models:
        click.echo(f"{m.name:20} {'here' if m.here else 'not here':9} {m.licence:13} {m.folder}")
        click.echo(f"{'':20} {m.note}")


@model.command()
@click.argument("name", default="jina-embeddings-v3", type=click.Choice(["jina-embeddings-v3"]))
def pull(name: str) -> None:
    """Fetch jina-embeddings-v3 (1.2 GB) at its pinned revision and check its hashes."""
    from jv3search.encoders.models import published
    from jv3search.encoders.models import pull as fetch

    facts = published()
    notice(f"{facts['repository']} at {facts['revision']}")
    notice(f"Licence: {facts['licence']} (Jina AI; not for commercial use without their permission).")
    click.echo(f"{name} is in {fetch(load_settings({}).models)}; every hash matches.")


@model.command()
@click.argument("name", default="")
@engine_option
@json_option
def verify(name: str, engine: str | None, as_json: bool) -> int:
    """Check a model (a name or a folder) against its golden values; exit status 1 if one does not match."""
    from jv3search.encoders.golden import verify as checks
    from jv3search.encoders.models import load, locate
    from jv3search.knowledge_base import with_model

    settings = with_model(load_settings({"model": name or None, "engine": engine}))
    failed = 0
    for check in checks(load(locate(settings.model, settings.models), settings.threads, settings.engine)):
        failed += not check.passed
        if as_json:
            echo_json({"check": check.what, "passed": check.passed, "detail": check.detail})
        else:
            click.echo(f"{'ok' if check.passed else 'FAILED':7} {check.what}: {check.detail}")
    return 1 if failed else 0
