"""`jv3search show`: a document as it was read, or a hit among its neighbours."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from jv3search.cli.options import echo_json, forms, harmless, index_option, json_option, plain
from jv3search.errors import InputError

if TYPE_CHECKING:
    from jv3search.indexes import Context, IndexReader
    from jv3search.location import IndexLocation


class Neighbours(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.2
    """A number of chunks, or the word `section`, which becomes None."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """0 or more."""
        if value == "section":
            return None
        if not str(value).isdecimal():
            self.fail(f"{value!r} is neither a number of chunks nor the word section", param, ctx)
        return int(value)


@click.command()
@click.argument("what", metavar="HIT|URI")
@click.option(
    "--context",
    "neighbours",
    type=Neighbours(),
    metavar="N",
    default="0",
    help="Show N chunks before and after a hit, or 'section' for its whole section.",
)
@index_option
@json_option
@click.pass_context
def show(
    ctx: click.Context, what: str, neighbours: int | None, index: IndexLocation | None, as_json: bool
) -> None:
    """Print a hit by its number, as search shows it (#1234), or a document's text as it was read.

    With --context, the chunks around a hit are printed too, within its section. Spans count characters of the
    document's text. --json adds pages, sections and translations.
    """
    from jv3search import knowledge_base

    with knowledge_base.open(index) as kb:
        reader = kb.reader
        documents = {row.uri for row in reader.documents()}
        uri = next((form for form in forms(what) if form in documents), None)
        if uri is not None:
            if ctx.get_parameter_source("neighbours") is click.core.ParameterSource.COMMANDLINE:
                raise InputError(
                    f"{what} is a document; --context is for a hit: give its number, as search shows it"
                )
            _document(reader, uri, as_json)
        elif (number := what.removeprefix("#")).isdecimal():
            _hit(reader, int(number), neighbours, as_json)
        else:
            raise InputError(f"{what} is not in {kb.settings.index}; 'jv3search list' shows what is")


def _document(reader: IndexReader, uri: str, as_json: bool) -> None:
    document = reader.document(uri)
    if as_json:
        linked = [
            {"uri": other, "language": tag, "score": score} for other, tag, score in reader.translations_of(uri)
        ]
        echo_json(asdict(document) | {"uri": uri, "translations": linked})
    else:
        click.echo(harmless(document.text) if sys.stdout.isatty() else document.text)


def _hit(reader: IndexReader, chunk_id: int, neighbours: int | None, as_json: bool) -> None:
    found = reader.context(chunk_id, neighbours)
    if as_json:
        linked = reader.translations([chunk_id]).get(chunk_id, [])
        others = [
            {"id": hit.chunk_id, "uri": hit.uri, "language": hit.language, "score": hit.score} for hit in linked
        ]
        echo_json(_as_json(found) | {"translations": others})
        return
    section = f", “{plain(found.section)}”" if found.section else ""
    click.echo(click.style(plain(found.uri), fg="cyan", bold=True) + section)
    for part in found.chunks:
        span = part.chunk.span
        page = f"page {part.chunk.page}, " if part.chunk.page is not None else ""
        mark = ">" if part.chunk_id == chunk_id and len(found.chunks) > 1 else " "
        place = (
            f"{mark} #{part.chunk_id}  {page}characters {span.start:,} to {span.end:,}  [{part.chunk.language}]"
        )
        click.echo(f"\n{click.style(place, dim=mark == ' ')}\n\n{harmless(part.text)}")


def _as_json(found: Context) -> dict[str, Any]:
    return {
        "id": found.chunk_id,
        "uri": found.uri,
        "title": found.title,
        "format": found.format,
        "section": found.section,
        "section_span": [found.span.start, found.span.end],
        "chunks": [
            {
                "id": part.chunk_id,
                "page": part.chunk.page,
                "section": part.chunk.section,
                "span": [part.chunk.span.start, part.chunk.span.end],
                "language": part.chunk.language,
                "text": part.text,
            }
            for part in found.chunks
        ],
    }
