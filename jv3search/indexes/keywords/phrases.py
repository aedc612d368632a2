"""A query for keywords: its terms, in the forms they may have, and its compounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import regex

from jv3search.indexes.keywords.terms import RUN, pairs, parts, word
from jv3search.text.folding import folded
from jv3search.text.scripts import KANA

_ONE_SCRIPT = regex.compile(rf"(?V1)\p{{Han}}++|[{KANA}]++|\p{{Hangul}}++|\p{{Bopomofo}}++|[^\p{{Han}}{KANA}]++")
_MOST_TERMS = 12  # of a phrase that is looked for beside its terms
_GAP = 3  # signs that may join words: ://


class Phrase(NamedTuple):
    """Consecutive exact terms; with `prefix` the last is only the beginning of one."""

    terms: tuple[str, ...]
    prefix: bool = False


class QueryTerm(NamedTuple):
    """One term of a query, as the forms any of which a chunk may hold: as written, without accents, stems."""

    forms: tuple[Phrase, ...]


class KeywordQuery(NamedTuple):
    """The terms of a query, each once, and its compounds: phrases of several of them."""

    terms: tuple[QueryTerm, ...]
    compounds: tuple[Phrase, ...]

    @property
    def phrases(self) -> list[Phrase]:
        """Everything that is looked for, each once."""
        return list(dict.fromkeys([*(form for term in self.terms for form in term.forms), *self.compounds]))


class _Run(NamedTuple):
    """A word, or characters of a joined script, in a folded text."""

    text: str
    joined: bool
    starred: bool = False  # a * ends it
    attached: bool = False  # no space between it and the run before


def query_terms(text: str, languages: tuple[str, ...]) -> KeywordQuery:
    """What to look for: every term with its forms in some languages, and compounds.

    A compound is what has no space inside, such as apt-get or /etc/fstab, or three and more characters of a joined
    script.
    """
    runs = _runs(text)
    terms = dict.fromkeys(term for run in runs for term in _terms(run, languages))
    compounds = dict.fromkeys(phrase for group in _compounds(runs) for phrase in _wholes(group))
    return KeywordQuery(tuple(terms), tuple(compounds))


def exact_phrase(text: str) -> Phrase | None:
    """All of a text as one phrase, None if it has no terms."""
    runs = _runs(text)
    return _phrase(runs) if runs else None


def _runs(text: str) -> list[_Run]:
    plain, end = folded(text), 0
    runs: list[_Run] = []
    for found in RUN.finditer(plain):
        gap = plain[end : found.start()]
        attached = end > 0 and len(gap) <= _GAP and not any(sign.isspace() for sign in gap)
        end = found.end()
        for part, joined in parts(found.group()):
            runs.append(_Run(part, joined, False, attached))
            attached = True
        runs[-1] = runs[-1]._replace(starred=plain[end : end + 1] == "*")
    return runs


def _terms(run: _Run, languages: tuple[str, ...]) -> list[QueryTerm]:
    if run.joined:
        *found, last = pairs(run.text)
        alone = [Phrase((pair,)) for pair in found] or [Phrase((last,), prefix=True)]
        return [QueryTerm((phrase,)) for phrase in alone]
    term = word(run.text, languages)
    forms = () if run.starred else term.forms
    return [QueryTerm(tuple(Phrase((form,), run.starred) for form in (term.exact, *forms)))]


def _compounds(runs: list[_Run]) -> Iterator[list[_Run]]:
    group: list[_Run] = []
    for run in runs:
        if group and not run.attached:
            yield group
            group = []
        group.append(run)
    if group:
        yield group


def _wholes(compound: list[_Run]) -> list[Phrase]:
    """The compound, its runs of a joined script, and of these the parts in one script."""
    runs = [run.text for run in compound if run.joined]
    parts = runs + [part for run in runs for part in _ONE_SCRIPT.findall(run)]
    phrases = [_phrase(compound), *(_phrase([_Run(part, joined=True)]) for part in parts)]
    return [phrase for phrase in phrases if 2 <= len(phrase.terms) <= _MOST_TERMS]


def _phrase(runs: list[_Run]) -> Phrase:
    """The runs as one; the last character of a run that ends the phrase need not end a run of the text."""
    found = [term for run in runs for term in (pairs(run.text) if run.joined else [word(run.text, ()).exact])]
    last = runs[-1]
    if not last.joined:
        return Phrase(tuple(found), last.starred)
    alone = len(pairs(last.text)) == 1
    return Phrase(tuple(found if alone else found[:-1]), prefix=alone)
