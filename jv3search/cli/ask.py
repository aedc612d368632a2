"""`jv3search ask`: a question in, an answer out, each sentence with the passages it rests on."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jv3search.cli.options import (
    echo_json,
    engine_option,
    harmless,
    index_option,
    json_option,
    model_option,
    notice,
)
from jv3search.cli.search import SearchCommand, give_notices, heading
from jv3search.errors import InputError
from jv3search.search.query import HELP

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jv3search.answers.answer import AnswerSentence
    from jv3search.types import Hit

_NOTHING = "Nothing in your documents answers this."


@click.command(cls=SearchCommand, epilog=f"\b\nA question may hold:\n{HELP}")
@click.argument("question", nargs=-1)
@index_option
@model_option
@engine_option
@click.option("--quote", is_flag=True, help="Quote the passages even if the settings name a language model.")
@json_option
def ask(
    question: tuple[str, ...],
    index: Path | None,
    model: str | None,
    engine: str | None,
    quote: bool,
    as_json: bool,
) -> None:
    """Answer QUESTION from the documents, each sentence with its source.

    The sentences are quoted from the passages that answer best. Where `[answers]` in jv3search.toml names a
    language model, that writes them.
    """
    from jv3search import knowledge_base
    from jv3search.answers.answering import answer, answer_sentences
    from jv3search.answers.language_model import language_model
    from jv3search.search.retrieval import check_query

    asked = " ".join(question)
    if not asked.strip():
        raise InputError('there is no question: jv3search ask "what you want to know"')
    check_query(asked)  # before a model is loaded
    with knowledge_base.open(index, model=model, engine=engine) as kb:
        writer = None if quote else language_model(kb.settings)
        if writer:
            notice(f"The question and the passages found for it go to {writer.url} ({writer.name}).")
        if as_json:
            whole = answer(kb, asked, quote=quote)
            echo_json(whole.as_json())
            answered = not whole.refused
        else:
            answered = show(answer_sentences(kb, asked, writer))
        give_notices(kb, found=answered)


def show(sentences: Iterable[AnswerSentence]) -> bool:
    """An answer for people, each sentence as soon as it is there, and then where its passages stand.

    Returns whether there was one.
    """
    from jv3search.search.retrieval import hit_as_json

    named: dict[int, Hit] = {}
    width = min(shutil.get_terminal_size().columns, 110)
    answered = False
    for sentence in sentences:
        named |= {hit.rank: hit for hit in sentence.sources}
        answered = True
        for line in textwrap.wrap(_said(sentence), width):
            click.echo(line)
    click.echo("" if answered else _NOTHING)
    for number, hit in sorted(named.items()):
        click.echo(f"{click.style(f'[{number}]', bold=True)}  {heading(hit_as_json(hit))}")
    return answered


def _said(sentence: AnswerSentence) -> str:
    """A sentence, the numbers of its passages, and what is wrong with them."""
    parts = [harmless(sentence.text), *(f"[{hit.rank}]" for hit in sentence.sources)]
    if sentence.unknown:
        parts.append(f"(removed, there is no passage {', '.join(map(str, sentence.unknown))})")
    if not sentence.sources:
        parts.append("(names no passage)")
    elif not sentence.supported:
        parts.append("(not supported by the passage it names)")
    return " ".join(parts)
