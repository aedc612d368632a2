"""`jv3search model`: what is here, fetch it, prove it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from jv3search.cli.options import echo_json, engine_option, json_option, notice
from jv3search.config import PRECISIONS, Settings, load_settings

if TYPE_CHECKING:
    from jv3search.encoders.golden import Check
    from jv3search.encoders.models import Model


@click.group()
def model() -> None:
    """List, fetch and verify models. Only `pull` downloads anything."""


@model.command("list")
@json_option
def list_models(as_json: bool) -> None:
    """Show the named models and whether they are on this machine."""
    from jv3search.encoders.models import known_models, runs_on

    settings = load_settings({})
    models = known_models(settings.models)
    run = {m.name: runs_on(m.folder, settings.engine, settings.precision) for m in models if m.here}
    if as_json:
        echo_json([_as_json(m, *run.get(m.name, (None, None))) for m in models])
        return
    for m in models:
        click.echo(f"{m.name:20} {'here' if m.here else 'not here':9} {m.licence:13} {m.folder}")
        click.echo(f"{'':20} {m.note}")
        if m.here:
            click.echo(f"{'':20} runs on {' in '.join(run[m.name])}")


def _as_json(m: Model, engine: str | None, precision: str | None) -> dict[str, object]:
    about = {"name": m.name, "here": m.here, "folder": str(m.folder), "licence": m.licence, "note": m.note}
    return about | {"engine": engine, "precision": precision}


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
@click.option("--precision", type=click.Choice(PRECISIONS), help="Compare this precision with float32.")
@json_option
def verify(name: str, engine: str | None, precision: str | None, as_json: bool) -> int:
    """Check a model (a name or a folder) against its golden values; exit status 1 if one does not match.

    That is done in float32. If the model runs in another precision here, the cosine between both is shown, too.
    """
    from jv3search.knowledge_base import with_model

    given = {"model": name or None, "engine": engine, "precision": precision}
    failed = 0
    for check in _checks(with_model(load_settings(given))):
        failed += not check.passed
        if as_json:
            echo_json({"check": check.what, "passed": check.passed, "detail": check.detail})
        else:
            click.echo(f"{'ok' if check.passed else 'FAILED':7} {check.what}: {check.detail}")
    return 1 if failed else 0


def _checks(settings: Settings) -> Iterator[Check]:
    """What concerns the files in float32, so that nothing but the files decides; then the precision in use."""
    from jv3search.encoders.golden import agreement
    from jv3search.encoders.golden import verify as golden_checks
    from jv3search.encoders.models import load, locate, runs_on

    folder = locate(settings.model, settings.models)
    engine, precision = runs_on(folder, settings.engine, settings.precision)
    exact = load(folder, settings.threads, engine, "f32")
    yield from golden_checks(exact)
    if precision != "f32":
        yield agreement(load(folder, settings.threads, engine, precision), exact, precision)
