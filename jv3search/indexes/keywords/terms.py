"""What a text is found by: one function for the texts that are indexed and for the words that are asked.

Scripts that write words apart give words. Scripts that do not (and Hangul, whose words carry their particles) give
each character with the one that follows, so that any part of a text is found without a dictionary.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import regex
import Stemmer

from jv3search.indexes.keywords.folding import folded, unaccented

_VERSION = 1
FINGERPRINT = (
    f"{_VERSION}, Unicode {unicodedata.unidata_version}, regex {regex.__version__}, Snowball {Stemmer.version()}"
)
"""Whatever decides what the terms of a text are: an index made with another one is filled again."""

_KANA = r"\p{Hiragana}\p{Katakana}ー"
_EAST_ASIAN = rf"\p{{Han}}{_KANA}\p{{Bopomofo}}\p{{Hangul}}"
_JOINED = (_EAST_ASIAN, r"\p{Thai}", r"\p{Lao}", r"\p{Khmer}", r"\p{Myanmar}")
_JOINED_RUN = "|".join(rf"(?:[[{script}]&&[\p{{L}}\p{{N}}]]\p{{M}}*+)++" for script in _JOINED)
_RUN = regex.compile(
    rf"""(?V1)
    (?P<joined> {_JOINED_RUN} )
  | (?P<signed> (?<![\p{{L}}\p{{M}}\p{{N}}])[a-z](?:\+\+|\#)(?![\p{{L}}\p{{N}}]) )
  | (?P<word> [[\p{{L}}\p{{M}}\p{{N}}]--[{"".join(_JOINED)}]]++ )
  | (?P<picture> [\p{{Emoji_Presentation}}--\p{{Emoji_Modifier}}] )
    """,
    regex.VERBOSE,
)
"""Runs of one kind; of punctuation and signs only c++, c# and pictures count."""

_CHARACTER = regex.compile(r"\P{M}\p{M}*+|\p{M}++")  # with the marks around it, as a reader sees one
_ONE_SCRIPT = regex.compile(rf"(?V1)\p{{Han}}++|[{_KANA}]++|\p{{Hangul}}++|\p{{Bopomofo}}++|\P{{Han}}++")
_SCRIPTS = (
    "Latin Cyrillic Greek Arabic Hebrew Devanagari Bengali Gurmukhi Gujarati Oriya Tamil Telugu Kannada",
    "Malayalam Sinhala Tibetan Armenian Georgian Ethiopic Mongolian Thaana Syriac Cherokee Han Bopomofo Hangul",
    "Thai Lao Khmer Myanmar",
)
_LETTERS = regex.compile(
    r"(?V1)(?=\p{L})(?:"
    + "|".join(rf"(?P<{name}>[\p{{{name}}}\p{{M}}]++)" for name in " ".join(_SCRIPTS).split())
    + rf"|(?P<Kana>[{_KANA}\p{{M}}]++)|(?P<Other>\p{{L}}))"
)

_LONGEST = 64  # characters of a term; a longer word is a hash or base64, and its beginning tells it from others
_MOST_TERMS = 12  # of a phrase that is looked for as one beside its terms

_STEMMERS = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek",
    "en": "english", "es": "spanish", "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french",
    "ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian",
    "lt": "lithuanian", "ne": "nepali", "nl": "dutch", "no": "norwegian", "pl": "polish", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
    "yi": "yiddish",
}  # fmt: skip
_own = threading.local()  # a Snowball stemmer must not be called by two threads at once


class Term(NamedTuple):
    """A term as it is written, and other forms under which it is found: without accents, and its stem."""

    exact: str
    forms: tuple[str, ...] = ()


class Phrase(NamedTuple):
    """Consecutive exact terms; with `prefix` the last is only the beginning of one."""

    terms: tuple[str, ...]
    prefix: bool = False


class _Run(NamedTuple):
    """A piece of a folded text: a word, or characters of a script that does not part words."""

    text: str
    joined: bool
    starred: bool  # a * ends it
    attached: bool  # no space between it and the run before


def terms(text: str, language: str) -> list[Term]:
    """The terms of a text in its order; `language` chooses the stemmer.

    A run of a joined script gives its pairs of characters and its last character alone, so that every character
    begins a term and is found by itself too.
    """
    return [term for run in _runs(text) for term in _terms(run, (language,))]


def asked(text: str, languages: tuple[str, ...]) -> list[Phrase]:
    """What to look for, each once: every term in all its forms, and as phrases what is written as one.

    That is a compound such as apt-get or /etc/fstab, and three or more characters of a joined script.
    """
    runs = list(_runs(text))
    wanted = [phrase for run in runs for phrase in _singles(run, languages)]
    wanted += [phrase for group in _groups(runs) for phrase in _wholes(group)]
    return list(dict.fromkeys(wanted))


def exactly(text: str) -> Phrase | None:
    """All of a text as one phrase, None if it has no terms."""
    runs = list(_runs(text))
    return _phrase(runs) if runs else None


def stemmed(languages: Iterable[str]) -> tuple[str, ...]:
    """Those of some languages that have a stemmer, in order."""
    return tuple(sorted(language for language in languages if language in _STEMMERS))


def scripts_of(text: str) -> frozenset[str]:
    """The names of the scripts of a text's letters; Hiragana and Katakana are "Kana", what is rare is "Other".

    Digits, signs and pictures have none.
    """
    return frozenset(str(run.lastgroup) for run in _LETTERS.finditer(text))


def _runs(text: str) -> Iterator[_Run]:
    plain, end = folded(text), 0
    for found in _RUN.finditer(plain):
        gap = plain[end : found.start()]
        starred = plain[found.end() : found.end() + 1] == "*"
        yield _Run(found.group(), found.lastgroup == "joined", starred, end > 0 and not _parts_words(gap))
        end = found.end()


def _parts_words(gap: str) -> bool:
    return len(gap) > 3 or any(character.isspace() for character in gap)


def _terms(run: _Run, languages: tuple[str, ...]) -> list[Term]:
    if run.joined:
        return [Term(pair) for pair in _pairs(run.text)]
    word = run.text[:_LONGEST]
    if word[-1] in "+#":
        return [Term(word, (word[0],))]
    return [Term(word, _forms(word, languages))]


def _pairs(text: str) -> list[str]:
    characters = _CHARACTER.findall(text)
    return [first + second for first, second in pairwise(characters)] + characters[-1:]


@lru_cache(maxsize=200_000)
def _forms(word: str, languages: tuple[str, ...]) -> tuple[str, ...]:
    forms = [unaccented(word), *(unaccented(_stem(word, language)) for language in languages)]
    return tuple(form for form in dict.fromkeys(forms) if form and form != word)


def _stem(word: str, language: str) -> str:
    name = _STEMMERS.get(language)
    if name is None:
        return word
    if not hasattr(_own, name):
        setattr(_own, name, Stemmer.Stemmer(name, 0))
    return str(getattr(_own, name).stemWord(word))


def _singles(run: _Run, languages: tuple[str, ...]) -> list[Phrase]:
    found = _terms(run, languages)
    if run.joined:
        pairs = found[:-1] or found  # the last character alone is in the last pair
        return [Phrase((term.exact,), prefix=len(found) == 1) for term in pairs]
    [term] = found
    return [Phrase((form,), run.starred) for form in (term.exact, *(() if run.starred else term.forms))]


def _groups(runs: list[_Run]) -> Iterator[list[_Run]]:
    """The runs that are written without a space between them."""
    group: list[_Run] = []
    for run in runs:
        if group and not run.attached:
            yield group
            group = []
        group.append(run)
    if group:
        yield group


def _wholes(group: list[_Run]) -> list[Phrase]:
    parts = [run.text for run in group if run.joined]
    parts += [part for text in parts for part in _ONE_SCRIPT.findall(text)]
    phrases = [_phrase([_Run(part, joined=True, starred=False, attached=False)]) for part in parts]
    return [phrase for phrase in (_phrase(group), *phrases) if 2 <= len(phrase.terms) <= _MOST_TERMS]


def _phrase(runs: list[_Run]) -> Phrase:
    found = [term.exact for run in runs for term in _terms(run, ())]
    last = runs[-1]
    if not last.joined:
        return Phrase(tuple(found), last.starred)
    if len(_CHARACTER.findall(last.text)) == 1:
        return Phrase(tuple(found), prefix=True)
    return Phrase(tuple(found[:-1]))
