"""`jv3search topics`: the documents of an index by what they are about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jv3search.cli.options import (
    chosen,
    counted,
    echo_json,
    filter_options,
    give_reason,
    harmless,
    index_option,
    json_option,
    notice,
    plain,
)
from jv3search.cli.progress import counting
from jv3search.text.graphemes import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jv3search.analysis.topics import Topic
    from jv3search.knowledge_base import KnowledgeBase
    from jv3search.location import IndexLocation

_EXAMPLES = 3  # documents shown of a topic; --json has all
_NAME = 60  # characters of a file's name


@click.command()
@index_option
@click.option(
    "--count",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many topics to look for [the root of the number of documents, 30 at most].",
)
@filter_options
@json_option
def topics(
    index: IndexLocation | None,
    count: int | None,
    lang: str,
    types: str,
    under: tuple[Path, ...],
    since: str,
    as_json: bool,
) -> None:
    """Group the documents by what they are about; a topic may have documents in several languages.

    Each topic is named by the words that tell it from the others, in every language of its documents. The same
    index always gives the same topics. With --json, one line for each topic, with all its documents.
    """
    from jv3search import knowledge_base
    from jv3search.analysis.topics import topics as find_topics

    where = chosen(lang, types, under, since)
    with knowledge_base.open(index) as kb:
        with counting(None, "reading") as step:
            found = find_topics(kb, count, where=where, on_document=step)
        _give_notices(kb, found, filtered=bool(where))
    for number, topic in enumerate(found, start=1):
        if as_json:
            echo_json({"topic": number} | topic.as_json())
        else:
            _show(number, topic)


def _give_notices(kb: KnowledgeBase, found: Sequence[Topic], *, filtered: bool) -> None:
    """Why there is no topic, or not every document in one."""
    documents, placed = len(kb.documents()), sum(len(topic.documents) for topic in found)
    if not placed and (filtered or not documents):
        give_reason(kb)
    elif not filtered and placed < documents:
        notice(
            f"{counted(documents - placed, 'document')} of {documents:,} are in no topic: an older version read "
            "them. Remove them and ingest them again to see them here."
        )


def _show(number: int, topic: Topic) -> None:
    languages = ", ".join(f"{language} {count:,}" for language, count in topic.languages.items())
    name = click.style(harmless(topic.name()), fg="cyan", bold=True)
    click.echo(f"{click.style(f'{number:2}', bold=True)}  {name}  {counted(len(topic.documents), 'document')}")
    click.echo(click.style(f"    {languages}", dim=True))
    for language, terms in topic.terms.items():
        if terms:
            click.echo(f"    [{language}]  {harmless(', '.join(terms))}")
    names = [plain(shortened(Path(row.uri).name, _NAME)) for row in topic.documents[:_EXAMPLES]]
    more = f", and {len(topic.documents) - _EXAMPLES:,} more" if len(topic.documents) > _EXAMPLES else ""
    click.echo(click.style(f"    {', '.join(names)}{more}\n", dim=True))
