"""`jv3search eval`: how well searches find what is known to be relevant."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from jv3search.cli.options import (
    Listed,
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
from jv3search.location import IndexLocation


@click.command("eval")
@click.argument("dataset", type=PathType(), required=False)
@click.option("--silver", is_flag=True, help="Use the headings of the index's own documents as queries.")
@click.option(
    "--sample",
    type=click.IntRange(min=0),
    default=300,
    show_default=True,
    help="How many headings to use; 0: all.",
)
@index_option
@model_option
@engine_option
@click.option(
    "--mode",
    type=Listed("hybrid", "dense", "keyword"),
    default="hybrid",
    show_default=True,
    help="How to search; separate several by commas.",
)
@click.option(
    "--pooling",
    type=Listed("late", "naive"),
    default="late",
    show_default=True,
    help="How chunks are embedded; separate several by commas.",
)
@click.option(
    "--dims",
    type=Listed(),
    default=(),
    metavar="D,...",
    help="Matryoshka dimensions that embeddings are cut to [the model's].",
)
@click.option("--k", type=click.IntRange(min=1), default=10, show_default=True, help="Cut-off of nDCG and recall.")
@click.option(
    "--baseline", type=PathType(), metavar="FILE", help="Compare with a saved evaluation; status 1 if worse."
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    help="By how much a value may fall before it counts as worse.",
)
@click.option("--save", type=PathType(), metavar="FILE", help="Save the evaluation as a baseline.")
@click.option("--answers", is_flag=True, help="Measure the answers that are quoted, not the searches.")
@json_option
def evaluate(
    dataset: Path | None,
    silver: bool,
    sample: int,
    index: IndexLocation | None,
    model: str | None,
    engine: str | None,
    mode: tuple[Any, ...],
    pooling: tuple[Any, ...],
    dims: tuple[int, ...],
    k: int,
    baseline: Path | None,
    tolerance: float,
    save: Path | None,
    answers: bool,
    as_json: bool,
) -> int:
    """Measure nDCG, recall and reciprocal rank by query language and document language.

    DATASET is a folder in the BEIR layout (corpus.jsonl, queries.jsonl, qrels/test.tsv), or a .tsv file about the
    documents of the index: query, tab, file or file#page, and optionally another tab and the query's language.
    """
    from jv3search.evaluation.evaluate import Grid
    from jv3search.evaluation.evaluate import evaluate as measured
    from jv3search.evaluation.measures import standard_measures
    from jv3search.evaluation.reports import evaluation_as_json, load_baseline
    from jv3search.evaluation.tables import evaluation_text

    _check(dataset, silver, index, save, baseline)
    if answers:
        return _answers(dataset, model, engine, as_json)
    before = load_baseline(baseline) if baseline else None
    grid = Grid(pooling, dims, mode, standard_measures(k))
    found = measured(index, model, dataset, grid, sample=sample, engine=engine, progress=counting)
    for remark in found.notices:
        notice(remark)
    as_saved = evaluation_as_json(found)
    if as_json:
        echo_json(as_saved)
    else:
        click.echo(evaluation_text(found, k))
    if save:
        save.write_text(json.dumps(as_saved, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return _compare(before, as_saved, tolerance) if before else 0


def _answers(dataset: Path | None, model: str | None, engine: str | None, as_json: bool) -> int:
    from jv3search.evaluation.answers import answers_text, evaluate_answers

    if dataset is None or not dataset.is_dir():
        raise InputError("--answers needs a DATASET that is a folder in the BEIR layout")
    found = evaluate_answers(dataset, model, engine=engine, progress=counting)
    if as_json:
        echo_json(found.as_json())
    else:
        click.echo(answers_text(found))
    return 0


def _check(
    dataset: Path | None, silver: bool, index: IndexLocation | None, save: Path | None, baseline: Path | None
) -> None:
    """Refuse what would fail only after the whole evaluation."""
    if (dataset is None) != silver:
        raise InputError("give either a DATASET or --silver: jv3search eval DATASET, or jv3search eval --silver")
    if dataset is not None and not dataset.exists():
        raise InputError(f"there is no {dataset}; give a folder in the BEIR layout, or a .tsv file")
    if index is not None and dataset is not None and dataset.is_dir():
        raise InputError(f"--index {index} does not go with a folder: {dataset} gets an index of its own")
    if save is None:
        return
    if baseline is not None and save.resolve() == baseline.resolve():
        raise InputError(f"--save would write over the baseline {baseline}; save to another file")
    if save.is_dir() or not os.access(save if save.exists() else save.parent, os.W_OK):
        raise InputError(f"--save cannot write to {save}: it is a folder, or its folder is missing or read-only")


def _compare(before: Mapping[str, Any], now: Mapping[str, Any], tolerance: float) -> int:
    from jv3search.evaluation.reports import changes

    compared = changes(before, now)
    worse = [change for change in compared if change.worse(tolerance)]
    if before["model"] != now["model"]:
        notice(f"The baseline was made with {before['model']}, this with {now['model']}.")
    if not worse:
        notice(f"Not worse than the baseline: {len(compared)} values within {tolerance:g} of it or better.")
        return 0
    notice(f"Worse than the baseline by more than {tolerance:g}, {len(worse)} of {len(compared)} values:")
    for change in worse:
        notice(f"  {change}")
    return 1
