"""`jv3search search`: a question in, passages out."""

from __future__ import annotations

import shutil
import textwrap
import unicodedata
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jv3search.cli.options import (
    PathType,
    echo_json,
    harmless,
    index_option,
    json_option,
    model_option,
    notice,
    plain,
    query_lines,
)
from jv3search.cli.progress import counting
from jv3search.errors import InputError
from jv3search.search.query import HELP

if TYPE_CHECKING:
    from jv3search.search.answer import Answer
    from jv3search.types import Hit, Mode, Vote

_NOTHING = {
    False: "Nothing was found: the index is empty, or filters and operators leave nothing.",
    True: "Nothing was found: no passage holds one of these words, or filters and operators leave nothing.",
}
_SHOWN_LINES = 6  # of a hit's text on a terminal; --json has all of it


@click.command(epilog=f"\b\nA query may hold:\n{HELP}")
@click.argument("query", nargs=-1)
@click.option("--queries", type=PathType(), metavar="FILE", help="Search each line of a file; - is stdin.")
@index_option
@model_option
@click.option("--k", type=click.IntRange(min=1), default=10, show_default=True, help="How many hits.")
@click.option("--lang", metavar="CODES", default="", help="Only chunks in these languages: de,ja")
@click.option("--type", "types", metavar="TYPES", default="", help="Only documents of these types: pdf,docx")
@click.option("--under", type=PathType(), multiple=True, metavar="DIR", help="Only below DIR.")
@click.option("--since", metavar="DATE", default="", help="Only files modified on or after DATE (2026-01-31).")
@click.option(
    "--mode",
    type=click.Choice(["hybrid", "dense", "keyword"]),
    default="hybrid",
    show_default=True,
    help="Rank by meaning and words, by meaning alone, or by words alone.",
)
@click.option("--explain", is_flag=True, help="Mark the sentence that matches best; show what each leg says.")
@click.option("--group/--no-group", default=True, help="Fold copies and translations of a passage into one hit.")
@click.option("--read", metavar="CODES", default="", help="Show a passage in the first of these languages: de,en")
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
    mode: Mode,
    explain: bool,
    group: bool,
    read: str,
    as_json: bool,
) -> None:
    """Find the chunks that answer QUERY, whatever language they are written in.

    With --queries there is one JSON line out for each line in.
    """
    from jv3search import wiring

    asked = _questions(" ".join(query), queries)
    languages = wiring.language_codes(_listed(read))
    where = wiring.make_filter(languages=_listed(lang), formats=_listed(types), under=under, since=since)
    for folder in under:
        if not folder.exists():
            notice(f"There is no folder {folder} any more; documents that were below it can still be found.")
    settings = wiring.settings_for({"index": index, "model": model})
    words_only = mode == "keyword" and not explain
    reader, encoder = (wiring.open_reader(settings), None) if words_only else wiring.open_for_search(settings)
    ask = partial(wiring.search, where=where, k=k, mode=mode, group=group, explain=explain, languages=languages)
    with reader, counting(len(asked), "searching", beside_results=True) as step:
        for number, question in enumerate(asked, start=1):
            try:
                answer = ask(reader, encoder, question)
            except InputError as error:
                raise InputError(f"line {number} of {queries}: {error}" if queries else str(error)) from None
            if as_json or queries:
                echo_json(answer.as_json())
            else:
                show(answer, explain=explain)
            step()
        for remark in reader.notices:
            notice(remark)


def show(answer: Answer, *, explain: bool = False) -> None:
    """An answer for people: where each hit is, its first lines, and where else the passage stands."""
    if not answer.hits:
        click.echo(_NOTHING[answer.mode == "keyword"])
    width = min(shutil.get_terminal_size().columns, 110)
    for hit in answer.hits:
        click.echo(f"{click.style(f'{hit.rank:2}', bold=True)}  {_heading(hit)}")
        for line in _body(hit, explain, width - 4):
            click.echo(textwrap.indent(line, "    "))
        click.echo()


def _body(hit: Hit, explain: bool, columns: int) -> Iterator[str]:
    if explain and hit.sentence:
        sentence = hit.text[hit.sentence.start - hit.span.start : hit.sentence.end - hit.span.start]
        for line in _wrapped(harmless(" ".join(sentence.split())), columns):
            yield click.style(line, bold=True)
    yield from _wrapped(harmless(" ".join(hit.text.split())), columns)
    if explain:
        yield click.style("; ".join(_opinion(vote) for vote in hit.votes), dim=True)
    for label, others in (("also in", hit.translations), ("same as", hit.copies)):
        for other in others:
            yield click.style(f"{label}: {_heading(other)}", dim=True)


def _opinion(vote: Vote) -> str:
    """dense: rank 1, cosine 0.612, stands out 3.1; keyword: abstains."""
    if vote.abstained:
        return f"{vote.leg}: abstains, it cannot match this language"
    said = [f"rank {vote.rank}" if vote.rank else "not found"]
    if vote.score is not None:
        said.append(f"{'cosine' if vote.leg == 'dense' else 'BM25'} {vote.score:.3f}")
    if vote.fair is not None:
        said.append(f"stands out {vote.fair:.1f}")
    if vote.share:
        said.append(f"share {1000 * vote.share:.2f}/1000")
    return f"{vote.leg}: {', '.join(said)}"


def _wrapped(text: str, columns: int) -> list[str]:
    """The first lines of a text; ideographs and kana take two columns each."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    width = max(20, columns * len(text) // (len(text) + wide))
    return textwrap.wrap(text, width, max_lines=_SHOWN_LINES, placeholder=" …")


def _heading(hit: Hit) -> str:
    """manual.pdf, page 12, "Backups"  [en]  0.812 and the folder."""
    path = Path(hit.uri)
    place = "".join(
        [f", page {hit.page}" if hit.page is not None else "", f", “{plain(hit.section)}”" if hit.section else ""]
    )
    name = click.style(plain(path.name), fg="cyan", bold=True)
    score = click.style(f"{hit.score:.3f}", fg="green")
    number = click.style(f"#{hit.chunk_id}", dim=True)
    return f"{name}{place}  [{hit.language}]  {score}  {number}  {plain(str(path.parent))}"


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
