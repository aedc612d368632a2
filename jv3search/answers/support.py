"""Whether a passage supports a sentence that cites it: both compared by the text-matching adapter."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import regex

from jv3search.encoders.port import Encoder
from jv3search.search.retrieval import is_foreign
from jv3search.text.scripts import scripts_of
from jv3search.text.sentences import sentences
from jv3search.types import Embedding, Hit, Span

SAME_LANGUAGE, ACROSS_LANGUAGES = 0.61, 0.46
"""Cosines from which a passage supports a sentence, in its language and in another: languages lie apart.
Chosen by `python -m benchmarks.citations --half choice`, docs/decisions/answers.md."""

_NUMBER = regex.compile(r"\d{1,3}(?:[.,٬' ’\u00a0\u202f]\d{3})+(?!\d)|\d{1,18}")
_ITEM = regex.compile(r"^\s*\d{1,2}[.)]\s")  # of a list: no number that a passage has
_COMPARED = 1_000  # characters, at most: a table without a full stop is longer than the model reads


class Support:
    """The passages of an answer; the sentences of one are embedded when it is first cited."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._parts: dict[int, tuple[list[Span], Embedding]] = {}

    def cosine(self, sentence: str, passage: Hit) -> tuple[float, Span]:
        """The cosine of a sentence with the most similar part of a passage, and that part of the document."""
        spans, rows = self._embedded(passage)
        cosines = rows @ self._rows([sentence])[0]
        best = int(cosines.argmax())
        start = passage.span.start
        return float(cosines[best]), Span(start + spans[best].start, start + spans[best].end)

    def checked(self, sentence: str, language: str, passages: Sequence[Hit]) -> tuple[bool, tuple[Hit, ...]]:
        """Whether one of the passages supports a sentence; the passages, with the most similar words marked.

        None does if the sentence has a number that no passage has, `other_numbers`.
        """
        found = [self.cosine(sentence, passage) for passage in passages]
        marked = [replace(hit, sentence=span) for hit, (_, span) in zip(passages, found, strict=True)]
        scripts = scripts_of(sentence)
        enough = (
            cosine >= threshold(is_foreign(hit.language, hit.text, language, scripts))
            for hit, (cosine, _) in zip(passages, found, strict=True)
        )
        numbers_stand = not other_numbers(sentence, "\n".join(hit.text for hit in passages))
        return numbers_stand and any(enough), tuple(marked)

    def _embedded(self, passage: Hit) -> tuple[list[Span], Embedding]:
        if passage.rank not in self._parts:
            spans = parts(passage.text)
            self._parts[passage.rank] = spans, self._rows([span.of(passage.text) for span in spans])
        return self._parts[passage.rank]

    def _rows(self, texts: Sequence[str]) -> Embedding:
        return self._encoder.encode([text[:_COMPARED] for text in texts], "text-matching")


def threshold(foreign: bool) -> float:
    """The cosine from which a passage supports a sentence, which may be in another language than the passage."""
    return ACROSS_LANGUAGES if foreign else SAME_LANGUAGE


def other_numbers(sentence: str, text: str) -> set[int]:
    """The numbers in a sentence that a text with numbers does not have, all in digits of any script.

    A text without digits may have them in words: nothing is known then. "1,180" is 1180, "3.50" is 3 and 50, and
    zeros do not count: 8:00 is 8 o'clock.
    """
    there = _numbers(text)
    return _numbers(_ITEM.sub("", sentence)) - there if there else set()


def _numbers(text: str) -> set[int]:
    return {int(regex.sub(r"\D", "", number)) for number in _NUMBER.findall(text)} - {0}


def parts(text: str) -> list[Span]:
    """Every sentence of a text, and every two neighbours: a claim may be made by two."""
    single = sentences(text)
    pairs = itertools.pairwise(single)
    return single + [Span(first.start, last.end) for first, last in pairs]
