"""`jv3search classify`: documents or lines in, labels out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from jv3search.cli.options import (
    chosen,
    comma_parted,
    echo_json,
    engine_option,
    filter_options,
    give_reason,
    harmless,
    index_option,
    json_option,
    model_option,
    plain,
    text_lines,
)
from jv3search.cli.progress import counting
from jv3search.config import Settings, load_settings
from jv3search.errors import InputError

if TYPE_CHECKING:
    from jv3search.analysis.classification import Classification
    from jv3search.encoders.port import Encoder
    from jv3search.location import IndexLocation
    from jv3search.types import Filter

_LINES = 64  # classified together; results appear after so many


@click.command()
@click.argument("file", type=click.File(encoding="utf-8", lazy=True), required=False)
@click.option(
    "--labels",
    required=True,
    metavar="A,B,C",
    help="The labels to choose from, in any language: invoice,letter,recipe",
)
@index_option
@model_option
@engine_option
@filter_options
@json_option
def classify(
    file: TextIO | None,
    labels: str,
    index: IndexLocation | None,
    model: str | None,
    engine: str | None,
    lang: str,
    types: str,
    under: tuple[Path, ...],
    since: str,
    as_json: bool,
) -> None:
    """Give each line of FILE (- is stdin), or without FILE each document of the index, the nearest of some labels.

    Nothing is trained: text and labels are compared by the model's classification adapter. Prints score, label and
    text, or the document's path, parted by tabs. The scores of all labels add up to 1 and lie close together: what
    counts is their order.
    """
    from jv3search.analysis.classification import check_labels

    named = comma_parted(labels)
    check_labels(named)  # before a model is loaded
    where = chosen(lang, types, under, since)
    show = _as_json if as_json else _as_text
    if file is None:
        _documents(index, model, engine, named, where, show)
    elif index or where:
        raise InputError(f"--index and filters are for documents: leave them out, or leave out {file.name}")
    else:
        _lines(file, model, engine, named, show)


Show = Callable[[str, str, "Classification"], None]
"""Print a classification: the key in JSON of what was classified, its value, the label."""


def _documents(
    index: IndexLocation | None,
    model: str | None,
    engine: str | None,
    labels: Sequence[str],
    where: Filter,
    show: Show,
) -> None:
    from jv3search import knowledge_base
    from jv3search.analysis.classification import classify_documents

    with knowledge_base.open(index, model=model, engine=engine) as kb:
        with counting(None, "classifying", beside_results=True) as step:
            found = False
            for row, given in classify_documents(kb, labels, where=where, on_document=step):
                found = True
                show("uri", row.uri, given)
        if not found:
            give_reason(kb)


def _lines(file: TextIO, model: str | None, engine: str | None, labels: Sequence[str], show: Show) -> None:
    settings = load_settings({"model": model, "engine": engine})
    with counting(None, "classifying", beside_results=True) as step:
        for line, given in _classified(settings, text_lines(file), labels):
            show("text", line, given)
            step()


def _classified(
    settings: Settings, lines: Iterator[str], labels: Sequence[str]
) -> Iterator[tuple[str, Classification]]:
    """Lines with their labels; the model is loaded when some lines are read."""
    from jv3search.analysis.classification import classify as classify_texts
    from jv3search.knowledge_base import encoder_of

    encoder: Encoder | None = None
    while part := list(islice(lines, _LINES)):
        encoder = encoder or encoder_of(settings)
        yield from zip(part, classify_texts(encoder, part, labels), strict=True)


def _as_json(what: str, value: str, given: Classification) -> None:
    echo_json({what: value, "label": given.label, "score": given.score, "scores": given.scores})


def _as_text(what: str, value: str, given: Classification) -> None:
    shown = plain(value) if what == "uri" else harmless(value)
    click.echo(f"{given.score:.3f}\t{given.label}\t{shown}")
