"""From a question to its answer: by quotation, or by the language model of the settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from jv3search.answers.answer import Answer, AnswerSentence
from jv3search.answers.follow_up import self_contained
from jv3search.answers.language_model import LanguageModel, language_model
from jv3search.types import Filter

if TYPE_CHECKING:
    from jv3search.knowledge_base import KnowledgeBase

_EVERYTHING = Filter()


def answer(
    kb: KnowledgeBase,
    question: str,
    *,
    where: Filter = _EVERYTHING,
    otherwise: Sequence[str] = (),
    quote: bool = False,
    conversation: Sequence[Answer] = (),
) -> Answer:
    """The answer that the documents of a knowledge base give to a question as a person types it.

    It is quoted from the passages; where the settings name a language model, that writes it unless `quote` is set.
    Of copies and translations of a passage one is used: that in the question's language, else in the first of
    `otherwise`. `conversation` are the answers to the questions before, oldest first: the question is a follow-up
    then. InputError as for `KnowledgeBase.search`, AnswerError if the model's server does not answer.
    """
    model = None if quote else language_model(kb.settings)
    searched = self_contained(question, conversation, model, kb.encoder)
    sentences = tuple(answer_sentences(kb, searched, model, where=where, otherwise=otherwise))
    return Answer(question, sentences, model.name if model else "", searched)


def answer_sentences(
    kb: KnowledgeBase,
    question: str,
    model: LanguageModel | None,
    *,
    where: Filter = _EVERYTHING,
    otherwise: Sequence[str] = (),
) -> Iterator[AnswerSentence]:
    """The sentences of that answer, each as soon as it is there; none where nothing answers.

    `question` is what is searched: for a follow-up question, what `self_contained` makes of it. Where the search
    finds nothing relevant, no model is asked.
    """
    from jv3search.answers import extractive, written
    from jv3search.search.retrieval import meaning_of

    most = written.PASSAGES if model else extractive.PASSAGES
    result = kb.search(question, k=most, where=where, otherwise=otherwise)
    if result.nothing_relevant:
        return
    if model:
        yield from written.written(kb, result, model)
    else:
        yield from extractive.quoted(kb.document, result, meaning_of(question), kb.encoder)
