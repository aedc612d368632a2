"""Options that several commands share, and what every command prints with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


class PathType(click.Path):
    """A path as `pathlib.Path`; an empty one, of an unset variable say, would be the current folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse the empty path."""
        if value == "":
            self.fail("the path is empty", param, ctx)
        return super().convert(value, param, ctx)


def index_option(command: Command) -> Command:
    """--index DIR."""
    return click.option("--index", type=PathType(), metavar="DIR", help="The index's folder [indexes/default].")(
        command
    )


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


def counted(number: int, noun: str) -> str:
    """1 document, 2 documents."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def plain(name: str) -> str:
    """A file name on one line: control characters, which could also steer a terminal, are written out."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
