"""Options that several commands share, and what every command prints with."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, cast

import click

from jv3search.config import ENGINES
from jv3search.errors import ConfigError, InputError
from jv3search.location import IndexLocation

if TYPE_CHECKING:
    from jv3search.knowledge_base import KnowledgeBase
    from jv3search.types import Filter

Command = TypeVar("Command", bound=Callable[..., Any])
_SERVE = {
    "fastapi": "fastapi",
    "python-multipart": "python_multipart",
    "uvicorn": "uvicorn",
    "mcp": "mcp",
    "prometheus-client": "prometheus_client",
}
"""What the extra `serve` installs, and the module that shows that it is there."""


class PathType(click.Path):
    """A path as `pathlib.Path`; an empty one, of an unset variable say, would be the current folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse the empty path."""
        if value == "":
            self.fail("the path is empty", param, ctx)
        return super().convert(value, param, ctx)


class IndexType(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.2
    """An index's folder or URL; an empty one, of an unset variable say, would be the current folder."""

    name = "index"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> IndexLocation:
        """Where the index is."""
        if value == "":
            self.fail("it is empty", param, ctx)
        return IndexLocation.of(value)


class Listed(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.2
    """Values between commas: some of `choices`, or whole numbers above 0 where there are none; none twice."""

    name = "list"

    def __init__(self, *choices: str) -> None:
        self._choices = choices

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A tuple of the values."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in str(value).split(",")]
        for part in parts:
            fits = part in self._choices if self._choices else part.isdecimal() and int(part) > 0
            if not fits:
                wanted = f"one of {', '.join(self._choices)}" if self._choices else "a whole number above 0"
                self.fail(f"{part!r} is not {wanted}; separate several by commas", param, ctx)
        values = parts if self._choices else [int(part) for part in parts]
        return tuple(dict.fromkeys(values))


def index_option(command: Command) -> Command:
    """--index DIR|URL."""
    return click.option(
        "--index",
        type=IndexType(),
        metavar="DIR|URL",
        help="The index's folder, or the URL of a PostgreSQL database [indexes/default].",
    )(command)


def model_option(command: Command) -> Command:
    """--model NAME."""
    return click.option(
        "--model", metavar="NAME", help="jina-embeddings-v3, jv3-mini, or the folder of a checkpoint."
    )(command)


def engine_option(command: Command) -> Command:
    """--engine ENGINE."""
    return click.option(
        "--engine",
        type=click.Choice(ENGINES),
        help="What runs the model; auto is cuda where there is such a GPU, else openvino or torch.",
    )(command)


def kind_option(command: Command) -> Command:
    """--kind KIND."""
    return click.option(
        "--kind",
        type=click.Choice(["auto", "flat", "ivf", "hnsw"]),
        help="Search exactly (flat), approximately (ivf; in a database hnsw), or decide by size (auto).",
    )(command)


def filter_options(command: Command) -> Command:
    """--lang, --type, --under and --since for whole documents; `chosen` makes a filter of them."""
    for option in (
        click.option(
            "--since", metavar="DATE", default="", help="Only files modified on or after DATE (2026-01-31)."
        ),
        click.option("--under", type=PathType(), multiple=True, metavar="DIR", help="Only documents below DIR."),
        click.option(
            "--type", "types", metavar="TYPES", default="", help="Only documents of these types: pdf,docx"
        ),
        click.option("--lang", metavar="CODES", default="", help="Only documents in these languages: de,ja"),
    ):
        command = option(command)
    return command


def chosen(lang: str, types: str, under: Sequence[Path], since: str) -> Filter:
    """The filter that those options stand for; InputError for a language, a type or a date there is not."""
    from jv3search.search.filters import make_filter

    for folder in under:
        if not folder.exists():
            notice(f"There is no folder {folder} any more; documents that were below it can still be found.")
    return make_filter(languages=comma_parted(lang), formats=comma_parted(types), under=under, since=since)


def give_reason(kb: KnowledgeBase) -> None:
    """Why no document was found, where filters are all that leaves any out."""
    empty = not kb.documents()
    notice(
        "The index has no documents yet: add some with `ingest FOLDER`."
        if empty
        else "No document passes the filters: leave some of them out."
    )


def comma_parted(value: str) -> list[str]:
    """What stands between commas, without blanks around it."""
    return [part.strip() for part in value.split(",") if part.strip()]


def json_option(command: Command) -> Command:
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")(command)


def root_option(command: Command) -> Command:
    """--root DIR, again and again."""
    return click.option(
        "--root",
        "roots",
        multiple=True,
        type=PathType(),
        metavar="DIR",
        help="A folder whose documents may be read in; may be repeated [the documents folder].",
    )(command)


def joined_roots(roots: Sequence[Path]) -> str | None:
    """The setting that --root stands for, None where it is not given; ConfigError for what is no folder."""
    for root in roots:
        if not root.is_dir():
            raise ConfigError(f"--root {root} is not a folder")
    return os.pathsep.join(str(root.resolve()) for root in roots) or None


def address_options(usual: int) -> Callable[[Command], Command]:
    """--port N, --address A and --host NAME of a server whose usual port is `usual`."""

    def decorate(command: Command) -> Command:
        for option in (
            click.option(
                "--host",
                "hosts",
                multiple=True,
                metavar="NAME",
                help="Host name that a proxy uses for its requests.",
            ),
            click.option(
                "--address",
                default="127.0.0.1",
                metavar="A",
                help="Address to listen on [127.0.0.1: this machine only].",
            ),
            click.option(
                "--port",
                type=click.IntRange(1, 65535),
                metavar="N",
                help=f"Port [{usual}, or the next that is free].",
            ),
        ):
            command = option(command)
        return command

    return decorate


def with_serve_extra(command: Command) -> Command:
    """Say what to install where the libraries of the extra `serve` are not there."""

    @wraps(command)
    def checked(*arguments: Any, **options: Any) -> Any:
        for package, module in _SERVE.items():
            if find_spec(module) is None:
                raise ConfigError(f"{package} is not installed: pip install 'jv3search[serve]'")
        return command(*arguments, **options)

    return cast(Command, checked)


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


def harmless(text: str) -> str:
    """A document's text without control characters, which could steer a terminal; joiners and marks stay."""
    return "".join("\ufffd" if unicodedata.category(c) == "Cc" and c not in "\n\t" else c for c in text)


def query_lines(path: Path) -> Iterator[str]:
    """The queries of a file, one a line; - is stdin. InputError for a blank line or none at all."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the queries cannot be read from {path}: {error}") from None
    if not text:
        raise InputError(f"{path} has no query")
    # Not splitlines(): a form feed or U+2028 inside a question does not end it.
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        if not line.strip():
            raise InputError(f"line {number} of {path} is blank: every line must have a query")
        yield line


def text_lines(file: TextIO) -> Iterator[str]:
    """The lines of a file of text; InputError for a blank one, for none at all, and for another encoding."""
    number = 0
    try:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                raise InputError(f"line {number} of {file.name} is blank: every line must have text")
            yield line.removeprefix("\ufeff").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{file.name} is not UTF-8: {error}") from None
    if not number:
        raise InputError(f"{file.name} has no line of text")


def forms(uri: str) -> list[str]:
    """What a document may be called: as given, and by the absolute path of a file named from here."""
    return [uri, str(Path(uri).absolute()), str(Path(uri).resolve())]
