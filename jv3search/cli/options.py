"""Options that several commands share, and what every command prints with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def index_option(command: Command) -> Command:
    """--index DIR."""
    return click.option(
        "--index", type=click.Path(path_type=Path), metavar="DIR", help="The index's folder [indexes/default]."
    )(command)


def model_option(command: Command) -> Command:
    """--model NAME."""
    return click.option(
        "--model", metavar="NAME", help="jina-embeddings-v3, jv3-mini, or the folder of a checkpoint."
    )(command)


def kind_option(command: Command) -> Command:
    """--kind KIND."""
    return click.option(
        "--kind",
        type=click.Choice(["auto", "flat", "ivf"]),
        help="Search exactly (flat), by inverted lists (ivf), or as the size demands (auto).",
    )(command)


def json_option(command: Command) -> Command:
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")(command)


def echo_json(value: object) -> None:
    """One line of JSON, in the scripts the documents are written in."""
    click.echo(json.dumps(value, ensure_ascii=False))


def notice(text: str) -> None:
    """A remark for the person at the terminal, on stderr."""
    click.echo(text, err=True)
