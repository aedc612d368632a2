"""`jv3search search`: a question in, passages out."""

from __future__ import annotations

import shutil
import textwrap
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jv3search.cli.asking import Ask, ResultJson, asks_first
from jv3search.cli.options import (
    PathType,
    chosen,
    comma_parted,
    echo_json,
    engine_option,
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
from jv3search.text.graphemes import shortened

if TYPE_CHECKING:
    from jv3search.knowledge_base import KnowledgeBase
    from jv3search.location import IndexLocation
    from jv3search.types import Mode

_NOTHING = {
    False: "Nothing was found: the index is empty, or filters and operators exclude everything.",
    True: "Nothing was found: no passage has one of these words, or filters and operators exclude everything.",
}
_NOT_RELEVANT = "Nothing in the index seems to answer this. The nearest passages, best first:\n"
_NAME = 60  # characters of a file's name; `show` and --json have all of it
_SHOWN_LINES = 6  # of a hit's text on a terminal; --json has all of it


class SearchCommand(click.Command):
    """A command whose arguments may begin with a minus sign, which it cannot tell from an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Say how to write a query that begins so."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name.startswith("--"):
                raise
            raise click.UsageError(
                f"there is no option {error.option_name}. To exclude a word, write it after the others, "
                'and put -- before the query: jv3search search -- "paper jam -printer"',
                ctx,
            ) from None


@click.command(cls=SearchCommand, epilog=f"\b\nA query may contain:\n{HELP}")
@click.argument("query", nargs=-1)
@click.option("--queries", type=PathType(), metavar="FILE", help="Search each line of a file; - is stdin.")
@index_option
@model_option
@engine_option
@click.option("--k", type=click.IntRange(min=1), default=10, show_default=True, help="How many hits.")
@click.option("--lang", metavar="CODES", default="", help="Only chunks in these languages: de,ja")
@click.option("--type", "types", metavar="TYPES", default="", help="Only documents of these types: pdf,docx")
@click.option("--under", type=PathType(), multiple=True, metavar="DIR", help="Only documents below DIR.")
@click.option("--since", metavar="DATE", default="", help="Only files modified on or after DATE (2026-01-31).")
@click.option(
    "--mode",
    type=click.Choice(["hybrid", "dense", "keyword"]),
    default="hybrid",
    show_default=True,
    help="Rank by meaning and words, by meaning alone, or by words alone.",
)
@click.option("--explain", is_flag=True, help="Mark the best sentence; show the dense and keyword scores.")
@click.option("--group/--no-group", default=True, help="Show copies and translations of a passage as one hit.")
@click.option(
    "--read",
    metavar="CODES",
    default="",
    help="Show a passage in the first of these languages it exists in: de,en [the language of QUERY]",
)
@json_option
def search(
    query: tuple[str, ...],
    queries: Path | None,
    index: IndexLocation | None,
    model: str | None,
    engine: str | None,
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
    """Find the passages that answer QUERY, whatever language they are written in.

    With --queries, one JSON line is printed for each line of the file.
    """
    from jv3search import knowledge_base
    from jv3search.search.filters import language_codes
    from jv3search.search.retrieval import check_query

    questions = _questions(" ".join(query), queries)
    languages = language_codes(comma_parted(read))
    where = chosen(lang, types, under, since)
    for number, question in enumerate(questions, start=1):
        with _in_line(number, queries):
            check_query(question)  # before a model is loaded
    kb = knowledge_base.open(index, model=model, engine=engine)
    ask: Ask = partial(_search_here, kb, explain, where=where, k=k, mode=mode, group=group, languages=languages)
    if kb.settings.server and not (model or engine):
        folders = sorted(where.under)
        wanted = {"k": k, "mode": mode, "group": group, "explain": explain, "read": languages, "since": since}
        filters = {"languages": comma_parted(lang), "formats": comma_parted(types), "under": folders}
        ask = asks_first(kb.settings.server, wanted | filters | {"index": kb.reader.stamp()[0]}, ask)
    # The index is closed, the model is not: freeing it takes longer than asking it, and the process ends anyway.
    with kb.reader, counting(len(questions), "searching", beside_results=True) as step:
        for number, question in enumerate(questions, start=1):
            with _in_line(number, queries):
                result = ask(question)
            if as_json or queries:
                echo_json(result)
            else:
                show(result, explain=explain)
            step()
        give_notices(kb, found=bool(result["hits"]))


def _search_here(kb: KnowledgeBase, explain: bool, question: str, **options: Any) -> ResultJson:
    """The search result in its public form."""
    result = kb.search(question, **options)
    return (kb.highlight(result) if explain else result).as_json()


def give_notices(kb: KnowledgeBase, *, found: bool) -> None:
    """What the user should know about the index; if nothing was found, whether there is anything in it."""
    if not found and not kb.documents():
        notice("The index has no documents yet: add some with `ingest FOLDER`.")
    for remark in kb.reader.notices:
        notice(remark)


@contextmanager
def _in_line(number: int, queries: Path | None) -> Iterator[None]:
    """What is wrong with a query is told with its line in the file it stands in."""
    try:
        yield
    except InputError as error:
        raise InputError(f"line {number} of {queries}: {error}" if queries else str(error)) from None


def show(result: ResultJson, *, explain: bool = False) -> None:
    """A result for people: where each hit is, its first lines, and where else the passage stands.

    Where nothing is relevant that is said first, and of the nearest passages only the places are shown.
    """
    relevant = not result["nothing_relevant"]
    if not result["hits"]:
        click.echo(_NOTHING[result["mode"] == "keyword"])
    elif not relevant:
        click.echo(_NOT_RELEVANT)
    width = min(shutil.get_terminal_size().columns, 110)
    for hit in result["hits"]:
        rank = click.style(f"{hit['rank']:2}", bold=True)
        click.echo(f"{rank}  {heading(hit)}")
        for line in _body(hit, explain, width - 4) if explain or relevant else ():
            click.echo(textwrap.indent(line, "    "))
        if relevant:
            click.echo()


def _body(hit: ResultJson, explain: bool, columns: int) -> Iterator[str]:
    if explain and "sentence" in hit:
        start, end = (place - hit["span"][0] for place in hit["sentence"])
        for line in _wrapped(harmless(" ".join(hit["text"][start:end].split())), columns):
            yield click.style(line, bold=True)
    yield from _wrapped(harmless(" ".join(hit["text"].split())), columns)
    if explain:
        said = [f"relevance {hit['relevance']:.0%}", *(_said(leg) for leg in hit["legs"])]
        yield click.style("; ".join(said), dim=True)
    for label, others in (("also in", "translations"), ("same as", "copies")):
        for other in hit.get(others, ()):
            yield click.style(f"{label}: {heading(other)}", dim=True)


def _said(leg: Mapping[str, Any]) -> str:
    """dense +2.9: rank 1, cosine 0.612, z 3.1; keyword +4.1: rank 2, BM25 9.3, 83% of the words, 60% by rarity."""
    said = [f"rank {leg['rank']}" if leg["rank"] else "not found"]
    if leg["score"] is not None:
        said.append(f"{'cosine' if leg['leg'] == 'dense' else 'BM25'} {leg['score']:.3f}")
    if leg["z"] is not None:
        said.append(f"z {leg['z']:.1f}")
    if leg["coverage"] is not None:
        said.append(f"{leg['coverage']:.0%} of the words, {leg['rare_coverage']:.0%} by rarity")
    return f"{leg['leg']} {leg['log_odds']:+.1f}: {', '.join(said)}"


def _wrapped(text: str, columns: int) -> list[str]:
    """The first lines of a text; ideographs and kana take two columns each."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    width = max(20, columns * len(text) // (len(text) + wide))
    return textwrap.wrap(text, width, max_lines=_SHOWN_LINES, placeholder=" …")


def heading(hit: ResultJson) -> str:
    """manual.pdf, page 12, "Backups"  [en]  0.812 and the folder."""
    path = Path(hit["uri"])
    page = f", page {hit['page']}" if hit["page"] is not None else ""
    section = f", “{plain(hit['section'])}”" if hit["section"] else ""
    name = click.style(plain(shortened(path.name, _NAME)), fg="cyan", bold=True)
    score = click.style(f"{hit['score']:.3f}", fg="green")
    number = click.style(f"#{hit['id']}", dim=True)
    return f"{name}{page}{section}  [{hit['language']}]  {score}  {number}  {plain(str(path.parent))}"


def _questions(query: str, queries: Path | None) -> list[str]:
    if queries is None:
        if not query.strip():
            raise InputError('there is no query: jv3search search "what you want to know"')
        return [query]
    if query:
        raise InputError(f"give either a query or --queries, not both ({query!r} and {queries})")
    return list(query_lines(queries))
