"""`jv3search search`: a question in, passages out."""

from __future__ import annotations

import shutil
import textwrap
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jv3search.cli.options import (
    PathType,
    echo_json,
    index_option,
    json_option,
    model_option,
    notice,
    plain,
    query_lines,
)
from jv3search.cli.progress import counting
from jv3search.errors import InputError

if TYPE_CHECKING:
    from jv3search.search.answer import Answer
    from jv3search.types import Hit

_SHOWN_LINES = 6  # of a hit's text on a terminal; --json has all of it


@click.command()
@click.argument("query", nargs=-1)
@click.option("--queries", type=PathType(), metavar="FILE", help="Search each line of a file; - is stdin.")
@index_option
@model_option
@click.option("--k", type=click.IntRange(min=1), default=10, show_default=True, help="How many hits.")
@click.option("--lang", metavar="CODES", default="", help="Only chunks in these languages: de,ja")
@click.option("--type", "types", metavar="TYPES", default="", help="Only documents of these types: pdf,docx")
@click.option("--under", type=PathType(), multiple=True, metavar="DIR", help="Only below DIR.")
@click.option("--since", metavar="DATE", default="", help="Only files modified on or after DATE (2026-01-31).")
@json_option
def search(
    query: tuple[str, ...],
    queries: Path | None,
    index: Path | None,
    model: str | None,
    k: int,
    lang: str,
    types: str,
    under: tuple[Path, ...],
    since: str,
    as_json: bool,
) -> None:
    """Find the chunks that answer QUERY, whatever language they are written in.

    With --queries there is one JSON line out for each line in.
    """
    from jv3search import wiring

    asked = _questions(" ".join(query), queries)
    where = wiring.make_filter(languages=_listed(lang), formats=_listed(types), under=under, since=since)
    for folder in under:
        if not folder.exists():
            notice(f"There is no folder {folder} any more; documents that were below it can still be found.")
    reader, encoder = wiring.open_for_search(wiring.settings_for({"index": index, "model": model}))
    with reader, counting(len(asked), "searching", beside_results=True) as step:
        for number, question in enumerate(asked, start=1):
            try:
                answer = wiring.search(reader, encoder, question, k=k, where=where)
            except InputError as error:
                raise InputError(f"line {number} of {queries}: {error}" if queries else str(error)) from None
            if as_json or queries:
                echo_json(answer.as_json())
            else:
                show(answer)
            step()
        for remark in reader.notices:
            notice(remark)


def show(answer: Answer) -> None:
    """An answer for people: where each hit is, and its first lines."""
    if not answer.hits:
        click.echo("Nothing was found: the index is empty, or the filters leave nothing.")
    width = min(shutil.get_terminal_size().columns, 110)
    for hit in answer.hits:
        click.echo(f"{click.style(f'{hit.rank:2}', bold=True)}  {_heading(hit)}")
        click.echo(textwrap.indent("\n".join(_wrapped(" ".join(hit.text.split()), width - 4)), "    ") + "\n")


def _wrapped(text: str, columns: int) -> list[str]:
    """The first lines of a text; ideographs and kana take two columns each."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    width = max(20, columns * len(text) // (len(text) + wide))
    return textwrap.wrap(text, width, max_lines=_SHOWN_LINES, placeholder=" …")


def _heading(hit: Hit) -> str:
    """manual.pdf, page 12, "Backups"  [en]  0.812 and the folder."""
    path = Path(hit.uri)
    place = "".join(
        [f", page {hit.page}" if hit.page is not None else "", f", “{hit.section}”" if hit.section else ""]
    )
    name = click.style(plain(path.name), fg="cyan", bold=True)
    score = click.style(f"{hit.score:.3f}", fg="green")
    return f"{name}{place}  [{hit.language}]  {score}  {plain(str(path.parent))}"


def _questions(query: str, queries: Path | None) -> list[str]:
    if queries is None:
        if not query.strip():
            raise InputError('there is no query: jv3search search "what you want to know"')
        return [query]
    if query:
        raise InputError(f"give either a query or --queries, not both ({query!r} and {queries})")
    return list(query_lines(queries))


def _listed(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]
