"""Questions with known answers, and how a hit of a search is recognised as one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jv3search.types import Filter, Hit


@dataclass(frozen=True, slots=True)
class Question:
    """A query and its relevance judgements (qrels): `relevant` maps the names of targets to grades above 0."""

    id: str
    text: str
    language: str
    relevant: Mapping[str, int]


def _of_language(language: str) -> Filter:
    return Filter(languages=frozenset({language}))


@dataclass(frozen=True, slots=True)
class Collection:
    """Questions over one index, and what counts as an answer.

    A target is what relevance is judged of: a document, a page, a section. `languages` tells each relevant
    target's language; `target` names the target that a hit stands for, `within` admits the chunks of one language.
    """

    name: str
    questions: tuple[Question, ...]
    languages: Mapping[str, str]
    target: Callable[[Question, Hit], str]
    within: Callable[[str], Filter] = _of_language
    notices: tuple[str, ...] = ()
