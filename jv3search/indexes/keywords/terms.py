"""What a text is found by: one function for the texts that are indexed and for the words of a query.

Scripts that write words apart give words. Scripts that do not (and Hangul, whose words carry their particles) give
each character with the one that follows, so that any part of a text is found without a dictionary.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import regex
import Stemmer

from jv3search.text.folding import folded, unaccented
from jv3search.text.scripts import KANA

_VERSION = 2
FINGERPRINT = (
    f"{_VERSION}, Unicode {unicodedata.unidata_version}, regex {regex.__version__}, Snowball {Stemmer.version()}"
)
"""Whatever decides what the terms of a text are: an index made with another one is filled again."""

RUN = regex.compile(r"[\p{L}\p{M}\p{N}]++(?:\+\+|\#)?+|\p{Emoji_Presentation}")
"""Of punctuation and signs only c++, c# and pictures count; simple, for set operations are ten times as slow."""

_JOINED = (rf"\p{{Han}}{KANA}\p{{Bopomofo}}\p{{Hangul}}", r"\p{Thai}", r"\p{Lao}", r"\p{Khmer}", r"\p{Myanmar}")
_PART = regex.compile(
    "(" + "|".join(rf"(?:[{script}]\p{{M}}*+)++" for script in _JOINED) + f")|([^{''.join(_JOINED)}]++)"
)
_CHARACTER = regex.compile(r"\P{M}\p{M}*+|\p{M}++")  # with the marks around it, as a reader sees one
_LONGEST = 64  # characters of a term; a longer word is a hash or base64, and its beginning tells it from others

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


def terms(text: str, language: str) -> list[Term]:
    """The terms of a text in its order; `language` chooses the stemmer.

    A run of a joined script gives its pairs of characters and its last character alone, so that every character
    begins a term and is found by itself too.
    """
    found: list[Term] = []
    for run in RUN.findall(folded(text)):
        for part, joined in parts(run):
            if joined:
                found.extend(map(Term, pairs(part)))
            else:
                found.append(word(part, (language,)))
    return found


@lru_cache(maxsize=20_000)
def parts(run: str) -> tuple[tuple[str, bool], ...]:
    """The parts of a run, and whether each is of a joined script."""
    bare = run.rstrip("+#")
    if len(bare) > 1 or not bare.isascii():
        run = bare
    if run.isascii():
        return ((run, False),)
    return tuple((part.group(), part.lastindex == 1) for part in _PART.finditer(run))


def pairs(joined: str) -> list[str]:
    """Each character of a run with its follower, and the last alone."""
    characters = _CHARACTER.findall(joined)
    return [first + second for first, second in pairwise(characters)] + characters[-1:]


@lru_cache(maxsize=100_000)
def word(written: str, languages: tuple[str, ...]) -> Term:
    """The term of a folded word, with its stem in each of some languages."""
    exact = written[:_LONGEST]
    if exact[-1] in "+#":
        return Term(exact, (exact[0],))
    forms = [unaccented(exact), *(unaccented(_stem(exact, language)) for language in languages)]
    return Term(exact, tuple(form for form in dict.fromkeys(forms) if form and form != exact))


def stemmed(languages: Iterable[str]) -> tuple[str, ...]:
    """Those of some languages that have a stemmer, in order."""
    return tuple(sorted(language for language in languages if language in _STEMMERS))


def _stem(exact: str, language: str) -> str:
    name = _STEMMERS.get(language)
    if name is None:
        return exact
    if not hasattr(_own, name):
        setattr(_own, name, Stemmer.Stemmer(name, 0))
    return str(getattr(_own, name).stemWord(exact))
