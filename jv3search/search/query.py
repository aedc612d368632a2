"""What a person or an agent types, taken apart: words to look for, exact phrases, words to leave out, filters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

import regex

from jv3search.errors import InputError

HELP = """\
"exact phrase"     exactly these words, in this order (also „…“ «…» “…” 「…」)
-word  -"a phrase"  passages without them (-5, --all and -x are ordinary words)
word*              every word that begins with these letters
lang:ja,de         passages in Japanese or German
type:pdf,docx      documents of these types
under:reports      documents below that folder; with spaces: under:"my reports"
since:2025-01-01   files modified on that day or later
until:2025-12-31   files modified on that day or earlier
To search for such text literally, put it in quotation marks: "lang:ja"."""
"""One line for each thing that can be said in a query."""

_KEYS = ("lang", "type", "under", "since", "until")
_MEANT = {
    "language": "lang", "languages": "lang", "locale": "lang", "format": "type", "filetype": "type", "ext": "type",
    "folder": "under", "dir": "under", "directory": "under", "path": "under", "in": "under", "file": "under",
    "after": "since", "from": "since", "newer": "since", "before": "until", "to": "until", "older": "until",
}  # fmt: skip

_SAYS_SOMETHING = regex.compile(r"[\p{L}\p{N}]")  # an emoji, a joiner of no width or a lone * does not

# Quotation marks stand at the beginning of a word, those that only open anywhere: 5" and צה"ל are words.
_QUOTED = (
    r'(?:"(?P<said>[^"]*)"|“(?P<said>[^”]*)”|„(?P<said>[^“”]*)[“”]|«(?P<said>[^»]*)»|»(?P<said>[^«]*)«'
    r"|「(?P<said>[^」]*)」|『(?P<said>[^』]*)』|”(?P<said>[^”]*)”|＂(?P<said>[^＂]*)＂)"
)
_TOKEN = regex.compile(
    rf"""
    (?P<minus> -(?=["“„«»”「『＂]|[\p{{L}}\p{{M}}])(?![A-Za-z](?:\s|$)))?+
    (?: (?P<key>[A-Za-z]{{2,}})[:：](?=[^\s:/]|/(?!/)) (?P<value>"[^"]*"|“[^”]*”|\S+)
      | (?P<bare>{"|".join(_KEYS)})[:：](?=\s|$)
      | {_QUOTED}
      | (?P<open>["“„«「『＂](?=\w)\S*)
      | (?P<bracket>[(\[{{（［]+)(?=["“„«「『＂])
      | (?P<word>\S[^\s“„«「『]*)
    )
    """,
    regex.VERBOSE,
)

_MARKS = regex.compile(r'["“”„«»「」『』＂*]|(?<!\S)-|(?<=[A-Za-z])[:：]')  # of operators


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """A query taken apart; the values of filters are as typed, whoever makes the filter checks them.

    `question` is what to look for: the words and the phrases in their order; `words` are the words alone. Phrases
    must all be in a passage, of `without` none may be. `since` and `until` are days, or empty.
    """

    question: str
    words: str
    phrases: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    under: tuple[str, ...] = ()
    since: str = ""
    until: str = ""


def parse(text: str) -> ParsedQuery:
    """Take a query apart; HELP says what it may hold.

    InputError for a filter there is not, for one without a value, for a phrase that does not end, and if nothing
    is left to look for.
    """
    tokens = list(_tokens(text))
    question = " ".join(token.text for token in tokens if token.kind in ("word", "phrase"))
    if not _SAYS_SOMETHING.search(question):
        raise InputError(
            f"there is no word to look for in {text!r}: add some"
            if text.strip()
            else "the query is empty: say what to look for"
        )
    return ParsedQuery(
        question=question,
        words=" ".join(token.text for token in tokens if token.kind == "word"),
        phrases=_texts(tokens, "phrase"),
        without=_texts(tokens, "without"),
        languages=_listed(tokens, "lang"),
        formats=_listed(tokens, "type"),
        under=_texts(tokens, "under"),
        since=_only(tokens, "since"),
        until=_only(tokens, "until"),
    )


def with_filters_of(before: str, query: str) -> str:
    """A query, and those filters of the query before it that it does not set itself."""
    own = {token.kind for token in _tokens(query)}
    kept = [token.typed for token in _tokens(before) if token.kind in _KEYS and token.kind not in own]
    return " ".join([query, *kept])


def reworded(query: str, words: str) -> str:
    """A query with other words, in which nothing is an operator, and with its own operators."""
    kept = [token.typed for token in _tokens(query) if token.kind != "word"]
    return " ".join([*_MARKS.sub(" ", words).split(), *kept])


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # word, phrase, without, or the filter's key
    text: str
    typed: str


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while found := _TOKEN.search(text, place):
        token = _token(found)
        if token is not None:
            yield token
        place = found.end()


def _token(found: regex.Match[str]) -> _Token | None:
    if found["bracket"]:
        return None
    if found["bare"]:
        raise _no_value(found["bare"])
    if found["open"]:
        raise InputError(
            f"the quotation mark of {found['open']} is not closed: close it for an exact phrase, or leave it out"
        )
    if found["said"] is not None:
        return _Token("without" if found["minus"] else "phrase", found["said"], found.group())
    if found["key"]:
        return _filter(found)
    return _Token("without" if found["minus"] else "word", found["word"], found.group())


def _filter(found: regex.Match[str]) -> _Token:
    key, value = found["key"], found["value"]
    if key.lower() in _KEYS:
        if found["minus"]:
            raise InputError(f"{found.group()}: a filter cannot be excluded, only words and phrases can")
        return _Token(key.lower(), value.strip('"“”'), found.group())
    if found["minus"]:
        return _Token("without", found.group()[1:], found.group())
    meant = next(iter(get_close_matches(key, [*_KEYS, *_MEANT], 1, cutoff=0.7)), "")
    if key != key.lower() or (value[0].isdigit() and not meant):  # Note:this and localhost:8080 are words
        return _Token("word", found.group(), found.group())
    hint = f"did you mean {_MEANT.get(meant, meant)}:? " if meant else ""
    raise InputError(
        f"there is no filter {key}: ({hint}there are {' '.join(f'{name}:' for name in _KEYS)}). "
        f'To look for the words themselves, put them in quotation marks: "{found.group()}"'
    )


def _no_value(key: str) -> InputError:
    example = next(word for line in HELP.splitlines() for word in line.split() if word.startswith(f"{key}:"))
    return InputError(f"{key}: needs a value right after it, such as {example}")


def _texts(tokens: list[_Token], kind: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(token.text for token in tokens if token.kind == kind))


def _listed(tokens: list[_Token], key: str) -> tuple[str, ...]:
    values = _texts(tokens, key)
    parts = dict.fromkeys(part for value in values for part in regex.split("[,、，]", value) if part)
    if values and not parts:
        raise _no_value(key)
    return tuple(parts)


def _only(tokens: list[_Token], key: str) -> str:
    values = _texts(tokens, key)
    if len(values) > 1:
        raise InputError(f"{key}: is given more than once ({', '.join(values)}): give one day")
    return values[0] if values else ""
