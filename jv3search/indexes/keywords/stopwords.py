"""Stop words: of "when does my passport expire" only two words say what it is about."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jv3search.indexes.keywords.phrases import KeywordQuery, QueryTerm
from jv3search.indexes.keywords.terms import terms
from jv3search.types import UNKNOWN_LANGUAGE


def without_stopwords(query: KeywordQuery, language: str) -> KeywordQuery:
    """The query without the stop words of its language (of all if it is unknown); all of it if nothing is left."""
    stopped = stopwords(language)
    told = tuple(term for term in query.terms if not _is_one(term, stopped))
    return query._replace(terms=told) if told else query


def stopwords(language: str) -> frozenset[str]:
    """The exact terms of a language's stop words, of all languages if it is unknown; none where none are known."""
    known = _stopwords()
    if language == UNKNOWN_LANGUAGE:
        return frozenset().union(*known.values())
    return known.get(language, frozenset())


def _is_one(term: QueryTerm, stopped: frozenset[str]) -> bool:
    return not term.forms[0].prefix and term.forms[0].terms[0] in stopped


@cache
def _stopwords() -> dict[str, frozenset[str]]:
    """Language -> the exact terms of its stop words."""
    path = files("jv3search") / "assets" / "stopwords.txt"
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {line[:2]: frozenset(_terms(line[3:], line[:2])) for line in lines}


def _terms(words: str, language: str) -> list[str]:
    """Of a longer word in a joined script only the pairs: where it ends in a text is not known."""
    found = [[term.exact for term in terms(word, language)] for word in words.split()]
    return [term for of_word in found for term in (of_word[:-1] if len(of_word) > 1 else of_word)]
