"""The sentences of a reply and the passages they name, while it arrives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import regex

from jv3search.text.sentences import Break, breaks

_CITATION = regex.compile(r"[\[【［]\s*\d{1,6}(?:\s*[,，、;]\s*\d{1,6})*\s*[\]】］]")
_CITATIONS = regex.compile(rf"(?:\s*{_CITATION.pattern})*+\s*+")
_UNFINISHED = regex.compile(r"[\[【［][\d\s,，、;]*$")
_WORD = regex.compile(r"[\p{L}\p{N}]")
_BEFORE_SIGN = regex.compile(r"\s+(?=[.!?。！？…،,;।]|$)")


@dataclass(frozen=True, slots=True)
class CitedSentence:
    """A sentence without its citations, and the numbers in them, each once."""

    text: str
    numbers: tuple[int, ...]


def cited_sentences(pieces: Iterable[str]) -> Iterator[CitedSentence]:
    """The sentences of a text that arrives in pieces, each as soon as the next one begins.

    Numbers that stand behind a full stop belong to the sentence before it.
    """
    rest = ""
    for piece in pieces:
        rest += piece
        while end := _first_end(rest):
            yield _cited(rest[:end])
            rest = rest[end:]
    if _WORD.search(_CITATION.sub("", rest)):
        yield _cited(rest)


def _first_end(text: str) -> int:
    """Where the first sentence ends with its citations, once a word of the next one is there; else 0."""
    for position, strength in breaks(text, 0, len(text)):
        if strength in (Break.WRAP, Break.PHRASE):  # Thai has no full stop: its lines are its sentences here
            continue
        found = _CITATIONS.match(text, position)
        end = found.end() if found else position
        if _UNFINISHED.match(text, end):
            return 0
        if _WORD.search(_CITATION.sub("", text[:end])) and _WORD.search(text, end):
            return end
    return 0


def _cited(text: str) -> CitedSentence:
    numbers = [int(digits) for mark in _CITATION.findall(text) for digits in regex.findall(r"\d+", mark)]
    words = _BEFORE_SIGN.sub("", " ".join(_CITATION.sub(" ", text).split()))
    return CitedSentence(words, tuple(dict.fromkeys(numbers)))
