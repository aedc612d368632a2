"""How good quoted answers are: what they hold, what they cite, and when they are refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jv3search.answers.answer import AnswerSentence
from jv3search.answers.extractive import PASSAGES, quoted
from jv3search.config import load_settings
from jv3search.encoders.port import Encoder
from jv3search.evaluation.collection import Collection, Query
from jv3search.evaluation.evaluate import Progress, Refusals, dataset_index
from jv3search.evaluation.tables import refusals_text
from jv3search.indexes import IndexReader
from jv3search.knowledge_base import KnowledgeBase, encoder_of, with_model
from jv3search.search.retrieval import SearchOptions, plain_request, retrieve
from jv3search.types import Filter, Span

SAME, ACROSS = "same language", "across languages"


@dataclass(frozen=True, slots=True)
class Answered:
    """A query's answer, judged.

    `holds`: whether it has at least half of the words that answer, None if none were judged. `precision`: the
    share of its sentences that are from a relevant document; `recall`: that of relevant documents that it cites.
    """

    query: str
    document: str
    refused: bool
    holds: bool | None
    precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class AnswerEvaluation:
    """The answers to a data set's queries, and which queries were refused."""

    dataset: str
    model: str
    answers: tuple[Answered, ...]
    refusals: Refusals

    def groups(self) -> dict[str, list[Answered]]:
        """By whether the relevant documents are in the query's language, then by pair of languages."""
        found: dict[str, list[Answered]] = {SAME: [], ACROSS: []}
        pairs = defaultdict(list)
        for one in self.answers:
            found[SAME if one.query == one.document else ACROSS].append(one)
            pairs[f"{one.query} {one.document}"].append(one)
        return {name: of for name, of in (*found.items(), *sorted(pairs.items())) if of}

    def as_json(self) -> dict[str, Any]:
        """Plain values that `json.dumps` takes."""
        return {
            "dataset": self.dataset,
            "model": self.model,
            "groups": {name: shares(of) for name, of in self.groups().items()},
            "refusals": asdict(self.refusals) | {"precision": self.refusals.precision},
        }


def shares(of: Sequence[Answered]) -> dict[str, float | int | None]:
    """The share of queries that are answered, and means over those; None where there is nothing to count."""
    answered = [one for one in of if not one.refused]
    held = [one.holds for one in answered if one.holds is not None]
    return {
        "n": len(of),
        "answered": len(answered) / len(of),
        "holds the answer": float(np.mean(held)) if held else None,
        "citation precision": float(np.mean([one.precision for one in answered])) if answered else None,
        "citation recall": float(np.mean([one.recall for one in answered])) if answered else None,
    }


def evaluate_answers(
    dataset: Path, model: str | None, *, progress: Progress, engine: str | None = None
) -> AnswerEvaluation:
    """Ask every query of a folder in the BEIR layout; nothing in a query is an operator.

    A query to which documents in its own and in other languages are relevant is asked in each language's alone.
    """
    kb = KnowledgeBase(with_model(load_settings({"model": model, "engine": engine})))
    encoder = encoder_of(kb.settings)
    with dataset_index(dataset, encoder, kb.manifest(), "late", progress) as (reader, collection):
        asked = [*_asked(collection), *(_Asked(query, "", Filter()) for query in collection.unanswerable)]
        said = []
        with progress(len(asked), "answering") as step:
            for one in asked:
                said.append(_answer(reader, encoder, one.query.text, one.where))
                step()
        return _judged(reader, collection, asked, said)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query, the language of the documents that are relevant to it, and what is searched for it."""

    query: Query
    document: str
    where: Filter


def _asked(collection: Collection) -> Iterator[_Asked]:
    for query in collection.queries:
        languages = sorted({collection.languages[name] for name in query.relevant})
        if query.language in languages:
            for language in languages:
                alone = len(languages) == 1
                yield _Asked(query, language, Filter() if alone else collection.within(language))
        else:
            yield _Asked(query, languages[0], Filter())


def _answer(reader: IndexReader, encoder: Encoder, text: str, where: Filter) -> list[AnswerSentence]:
    request = plain_request(text, where)
    result = retrieve(reader, encoder, request, SearchOptions(PASSAGES))
    return list(quoted(reader.document, result, request.meaning, encoder))


def _judged(
    reader: IndexReader, collection: Collection, asked: Sequence[_Asked], said: Sequence[list[AnswerSentence]]
) -> AnswerEvaluation:
    answers = tuple(
        _judge(reader, collection, one, sentences)
        for one, sentences in zip(asked, said, strict=True)
        if one.query.relevant
    )
    wrongly = sum(one.refused for one in answers)
    rightly = sum(not sentences for sentences in said[len(answers) :])
    refusals = Refusals(len(collection.unanswerable), rightly, len(answers), wrongly)
    return AnswerEvaluation(collection.name, reader.manifest.model, answers, refusals)


def _judge(
    reader: IndexReader, collection: Collection, asked: _Asked, sentences: Sequence[AnswerSentence]
) -> Answered:
    """By the relevant documents among those that were searched."""
    query, searched = asked.query, asked.where.languages
    relevant = {name for name in query.relevant if not searched or collection.languages[name] in searched}
    passages = {name: words for name, words in query.passages.items() if name in relevant}
    cited = [hit.uri for sentence in sentences for hit in sentence.sources]
    return Answered(
        query=query.language,
        document=asked.document,
        refused=not sentences,
        holds=any(_holds(reader, *words, sentences) for words in passages.items()) if passages else None,
        precision=float(np.mean([uri in relevant for uri in cited])) if cited else 0.0,
        recall=len(set(cited) & relevant) / len(relevant),
    )


def _holds(reader: IndexReader, uri: str, words: str, sentences: Sequence[AnswerSentence]) -> bool:
    """Whether sentences of a document have at least half of some words in it."""
    places = [
        hit.sentence for sentence in sentences for hit in sentence.sources if hit.uri == uri and hit.sentence
    ]
    if not places:
        return False
    start = reader.text(uri).find(words)
    judged = Span(max(start, 0), max(start, 0) + len(words))
    return start >= 0 and 2 * sum(max(0, judged.overlap(place)) for place in places) >= len(words)


def answers_text(found: AnswerEvaluation) -> str:
    """The evaluation for a terminal; --json has each pair of languages too."""
    lines = [f"{found.dataset}: quoted answers, {found.model}"]
    groups = found.groups()
    for name in filter(groups.__contains__, (SAME, ACROSS)):
        values = shares(groups[name])
        cells = (
            f"{key} {'-' if value is None else f'{value:.2f}'}" for key, value in values.items() if key != "n"
        )
        lines.append(f"  {name:17} n={values['n']:3}  {'  '.join(cells)}")
    return "\n".join([*lines, refusals_text(found.refusals)])
