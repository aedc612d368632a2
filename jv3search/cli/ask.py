"""`jv3search ask`: a question in, an answer out, each sentence with the passages it rests on."""

from __future__ import annotations

import shutil
import sys
import textwrap
from contextlib import suppress
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
from jv3search.errors import AnswerError, InputError
from jv3search.search.query import HELP

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jv3search.answers.answer import Answer, AnswerSentence
    from jv3search.answers.language_model import LanguageModel
    from jv3search.knowledge_base import KnowledgeBase
    from jv3search.location import IndexLocation
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
    index: IndexLocation | None,
    model: str | None,
    engine: str | None,
    quote: bool,
    as_json: bool,
) -> None:
    """Answer QUESTION from the documents, each sentence with its source.

    The sentences are quoted from the passages that answer best. Where `[answers]` in jv3search.toml names a
    language model, that writes them. Without QUESTION, on a terminal, you type one question after the other, and
    each may build on those before.
    """
    from jv3search import knowledge_base
    from jv3search.answers.language_model import language_model
    from jv3search.search.retrieval import check_query

    asked = " ".join(question)
    if asked.strip():
        check_query(asked)  # before a model is loaded
    elif not sys.stdin.isatty():
        raise InputError('there is no question: jv3search ask "what you want to know"')
    with knowledge_base.open(index, model=model, engine=engine) as kb:
        writer = None if quote else language_model(kb.settings)
        if writer:
            notice(f"The question and the passages found for it go to {writer.address} ({writer.name}).")
        if asked.strip():
            _answered(kb, asked, writer, as_json, ())
        else:
            _converse(kb, writer, as_json)


def _answered(
    kb: KnowledgeBase, question: str, writer: LanguageModel | None, as_json: bool, conversation: Sequence[Answer]
) -> Answer:
    """Print the answer to a question; for people each sentence as soon as it is there."""
    from jv3search.answers.answer import Answer
    from jv3search.answers.answering import answer_sentences
    from jv3search.answers.follow_up import self_contained

    searched = self_contained(question, conversation, writer, kb.encoder)
    if searched != question:
        notice(f"Searched: {harmless(searched)}")
    sentences = answer_sentences(kb, searched, writer)
    said = tuple(sentences) if as_json else show(sentences)
    whole = Answer(question, said, writer.name if writer else "", searched)
    if as_json:
        echo_json(whole.as_json())
    give_notices(kb, found=not whole.refused)
    return whole


def _converse(kb: KnowledgeBase, writer: LanguageModel | None, as_json: bool) -> None:
    """One question after the other, until the input ends; what is wrong with one does not end it."""
    notice("Type a question. The next ones may build on it; /new starts anew, Ctrl-D ends.")
    if writer is None:
        notice("Without a language model each is searched as it is typed: name in it what it is about.")
    else:
        notice("From the second question on, the conversation goes there too.")
    conversation: list[Answer] = []
    while (asked := _typed()) is not None:
        if asked == "/new":
            conversation.clear()
        elif asked:
            try:
                conversation.append(_answered(kb, asked, writer, as_json, conversation))
            except (InputError, AnswerError) as error:
                notice(f"Error: {error}")


def _typed() -> str | None:
    """The next line, None once there is none; the prompt is no part of a result that goes to a file."""
    with suppress(ImportError):
        import readline  # noqa: F401 - makes `input` edit lines; Windows has none
    try:
        return input("> " if sys.stdout.isatty() else "").strip()
    except (EOFError, KeyboardInterrupt):
        click.echo(err=True)  # what comes next begins a line
        return None


def show(sentences: Iterable[AnswerSentence]) -> tuple[AnswerSentence, ...]:
    """An answer for people, each sentence as soon as it is there, and then where its passages stand.

    Returns the sentences.
    """
    from jv3search.search.retrieval import hit_as_json

    named: dict[int, Hit] = {}
    width = min(shutil.get_terminal_size().columns, 110)
    said = []
    for sentence in sentences:
        named |= {hit.rank: hit for hit in sentence.sources}
        said.append(sentence)
        for line in textwrap.wrap(_said(sentence), width):
            click.echo(line)
    click.echo("" if said else _NOTHING)
    for number, hit in sorted(named.items()):
        click.echo(f"{click.style(f'[{number}]', bold=True)}  {heading(hit_as_json(hit))}")
    return tuple(said)


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
