"""A test collection: queries with relevance judgements, and what its text files have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import regex

from jv3search.errors import InputError
from jv3search.types import Filter, Hit

_LANGUAGE = regex.compile(r"[a-z]{2,3}")


@dataclass(frozen=True, slots=True)
class Query:
    """A query and its relevance judgements (qrels): `relevant` maps the names of targets to grades above 0.

    `passages` maps documents to the words in them that answer, where that was judged.
    """

    id: str
    text: str
    language: str
    relevant: Mapping[str, int]
    passages: Mapping[str, str] = field(default_factory=dict)


def _of_language(language: str) -> Filter:
    return Filter(languages=frozenset({language}))


@dataclass(frozen=True, slots=True)
class Collection:
    """Queries of one index, and which hits are relevant to them.

    A target is what relevance is judged of: a document, a page, a section. `languages` tells each relevant
    target's language; `target` names the target that a hit stands for, `within` admits the chunks of one language.
    `unanswerable` are queries to which nothing in the index is relevant.
    """

    name: str
    queries: tuple[Query, ...]
    languages: Mapping[str, str]
    target: Callable[[Query, Hit], str]
    within: Callable[[str], Filter] = _of_language
    unanswerable: tuple[Query, ...] = ()
    notices: tuple[str, ...] = ()


def numbered_lines(path: Path, *, missing: str) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, counted from 1; a byte order mark and CRLF are no part of them.

    `missing` is what to do if there is no such file.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"there is no {path}; {missing}") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} cannot be read: byte {error.start + 1:,} is not UTF-8; save it as text in UTF-8"
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.rstrip("\r")


def language_tag(value: object, where: str) -> str:
    """The primary tag of a language that a person named ("zh" of "zh-Hant"), "" for none."""
    tag = str(value or "").partition("-")[0].partition("_")[0].strip().lower()
    if tag and not _LANGUAGE.fullmatch(tag):
        raise InputError(f"{where}: {value!r} is not a language code; use codes such as en, de, ja, zh")
    return tag
