"""`jv3search train-adapter`: a model made one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jv3search.cli.options import (
    PathType,
    echo_json,
    engine_option,
    index_option,
    json_option,
    model_option,
    notice,
)
from jv3search.cli.progress import counting
from jv3search.errors import InputError

if TYPE_CHECKING:
    from jv3search.fine_tuning.outcome import Outcome
    from jv3search.location import IndexLocation


@click.command("train-adapter")
@click.argument("pairs", type=PathType(), required=False)
@click.option("--silver", is_flag=True, help="Learn from an index: its headings and sections, and translations.")
@index_option
@model_option
@click.option(
    "--task",
    type=click.Choice(["retrieval", "text-matching", "separation", "classification"]),
    default="retrieval",
    show_default=True,
    help="Which adapters are tuned; retrieval has two, for queries and for passages.",
)
@click.option("--out", type=PathType(), metavar="FOLDER", help="Where the tuned model goes [the models folder].")
@click.option("--epochs", type=click.IntRange(min=1), default=3, show_default=True, help="How often all are seen.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Learning rate [by the model's size].")
@engine_option
@json_option
def train_adapter(
    pairs: Path | None,
    silver: bool,
    index: IndexLocation | None,
    model: str | None,
    task: str,
    out: Path | None,
    epochs: int,
    rate: float | None,
    engine: str | None,
    as_json: bool,
) -> int:
    """Tune a model's adapters on your own pairs of texts; a copy of the model is written.

    PAIRS is a .tsv file of question, tab, passage (for separation and classification of text, tab, label), or a
    folder in the BEIR layout. With --index, passages of that index are hard negatives, too.

    A fifth of the queries is held out. If the tuned model finds their passages worse in any pair of languages, by
    more than chance explains, it is refused: exit status 1.
    """
    from jv3search.config import load_settings
    from jv3search.fine_tuning.sources import pairs_from
    from jv3search.fine_tuning.tune import Request, require, tune
    from jv3search.knowledge_base import with_model

    if (pairs is None) != silver:
        raise InputError("give either PAIRS or --silver: jv3search train-adapter PAIRS, or --silver --index DIR")
    settings = with_model(load_settings({"index": index, "model": model, "engine": engine}))
    target = out or settings.models / f"{Path(settings.model).name}-{task}"
    request = Request(
        settings.model, settings.models, task, target, settings.engine, settings.threads, epochs, rate or 0.0
    )
    require(request)
    found = tune(request, pairs_from(pairs, index, settings, task, counting), counting)
    for remark in found.notices:
        notice(remark)
    if as_json:
        echo_json({"folder": None if found.worse else str(target), **found.as_json()})
    else:
        click.echo(found.as_text())
    return _told(found, settings.models)


def _told(found: Outcome, models: Path) -> int:
    """Where the tuned model is and what to do with it, or why there is none; the exit status."""
    folder = found.folder
    if found.worse:
        partial = folder.with_name(f"{folder.name}.partial") / "model"
        notice(
            "Refused: worse than before by more than its interval in these pairs of languages (query -> passage):"
        )
        for line in found.refusal():
            notice(f"  {line}")
        notice(f"{folder} was not made; the model that was refused is in {partial}.")
        return 1
    name = folder.name if folder.parent.resolve() == models.resolve() else str(folder)
    notice(f"The tuned model is in {folder}. An index that another model made is embedded again with")
    notice(f"  jv3search reindex --model {name}")
    return 0
