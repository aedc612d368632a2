"""Answers that a language model writes from the passages, each sentence checked against those it names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from jv3search.answers.answer import AnswerSentence
from jv3search.answers.citations import CitedSentence, cited_sentences
from jv3search.answers.context import passages
from jv3search.answers.language_model import LanguageModel, reply
from jv3search.answers.prompt import REFUSAL, messages
from jv3search.answers.support import Support
from jv3search.search.retrieval import SearchResult, meaning_of
from jv3search.text.language import detect
from jv3search.types import Hit

if TYPE_CHECKING:
    from jv3search.knowledge_base import KnowledgeBase

PASSAGES = 8
"""Passages that a model is given, at most, as far as the budget goes. Source: judgement, not measured."""


def written(kb: KnowledgeBase, result: SearchResult, model: LanguageModel) -> Iterator[AnswerSentence]:
    """The sentences that the model writes, each once it is whole and checked; none where it says nothing answers.

    AnswerError if the server does not answer.
    """
    known = {hit.rank: hit for hit in passages(kb, result.hits)}
    if not known:
        return
    support = Support(kb.encoder)
    asked = messages(meaning_of(result.query), result.language, list(known.values()))
    for sentence in cited_sentences(reply(model, asked)):
        if sentence.text.strip(" .。!*\"'").upper() != REFUSAL:
            yield _checked(sentence, known, support)


def _checked(sentence: CitedSentence, known: dict[int, Hit], support: Support) -> AnswerSentence:
    cited = [known[number] for number in sentence.numbers if number in known]
    unknown = tuple(number for number in sentence.numbers if number not in known)
    language = detect(sentence.text)
    supported, sources = support.checked(sentence.text, language, cited)
    return AnswerSentence(sentence.text, language, sources, supported, unknown)
