"""Which documents are translations of each other: few candidates by document vector, then alignment of chunks.

A wrong link is worse than a missing one. What speaks for a link depends on how much there is to align: from
six chunks on the alignment alone is sure; below, the two documents must also be each other's nearest of their
languages. Thresholds were set, and precision and recall are measured, by `python -m benchmarks.translations`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import regex
from numpy.typing import NDArray

from jv3search.translations.alignment import Alignment, align
from jv3search.types import UNKNOWN_LANGUAGE, Embedding, unit_rows

_CANDIDATES = 5  # of each other language: a translation may be there in several formats
_ALIKE = 0.5  # cosine of document vectors below which nothing is aligned
_VERSIONS = 0.95  # two documents of one language so alike do not compete for a translation
_LENGTHS = 1.8  # in tokens; translations are within 1.5 of each other
_NUMBERS = 0.3  # share of numbers from 10 up that both have: tables of one form differ in them
_LONGEST = 4096  # chunks: longer documents are not compared, or their cosines would fill the memory

_LONG = 6  # chunks in the smaller document
_MIDDLE = 3
_NUMBER = regex.compile(r"\d{2,18}")


@dataclass(frozen=True, slots=True)
class Corpus:
    """All documents with a vector, those of a language together.

    ids (N,) · rows (N, dimension) unit vectors · `chunks` and `tokens` count those of each document ·
    `languages` are the places [start, stop) of each language.
    """

    ids: NDArray[np.int64]
    rows: Embedding
    chunks: Sequence[int]
    tokens: Sequence[int]
    languages: Mapping[str, range]

    def language(self, place: int) -> str:
        """Of one document."""
        return next(tag for tag, places in self.languages.items() if place in places)

    def cosines(self, one: int, tag: str) -> Embedding:
        """Of one document with all of a language."""
        places = self.languages[tag]
        found: Embedding = self.rows[places.start : places.stop] @ self.rows[one]
        return found

    def cosine(self, one: int, other: int) -> float:
        """Of two documents."""
        return float(self.rows[one] @ self.rows[other])


@dataclass(frozen=True, slots=True)
class Candidate:
    """One document as it is compared: embeddings (chunks, dimension), tokens of each chunk, its numbers."""

    embeddings: Embedding
    tokens: Sequence[int]
    numbers: frozenset[int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two translations correspond: mean cosine, and the positions of aligned chunks in either with theirs.

    An `exclusive` one rests on being nearer than any rival: links of either document with a rival are void.
    """

    score: float
    pairs: Sequence[tuple[int, int, float]]
    exclusive: bool


def numbers(text: str) -> frozenset[int]:
    """The numbers from 10 up in a text, in the digits of any script; smaller ones are often written as words."""
    return frozenset(value for value in map(int, _NUMBER.findall(text)) if value > 9)


def candidates(corpus: Corpus, wanted: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Pairs of places in the corpus, each once, worth aligning; one document of each is `wanted`."""
    seen: set[tuple[int, int]] = set()
    for place in np.flatnonzero(np.isin(corpus.ids, np.asarray(wanted, np.int64))).tolist():
        for other in _nearest(corpus, place):
            pair = min(place, other), max(place, other)
            if pair not in seen and _worth_aligning(corpus, *pair):
                yield pair
            seen.add(pair)


def margin(corpus: Corpus, one: int, other: int) -> float:
    """By how much each of two documents is nearer to the other than to any rival of it."""
    return min(_lead(corpus, one, other), _lead(corpus, other, one))


def rivals(corpus: Corpus, other: int) -> NDArray[np.int64]:
    """The places of the documents in the language of one that are no versions of it."""
    tag = corpus.language(other)
    found: NDArray[np.int64] = np.flatnonzero(corpus.cosines(other, tag) < _VERSIONS) + corpus.languages[tag].start
    return found


def compared(a: Candidate, b: Candidate, cosine: float, lead: Callable[[], float]) -> Comparison | None:
    """How two documents with this cosine correspond if they are translations; `lead` is asked for short ones."""
    shared = (len(a.numbers & b.numbers) + 1) / (len(a.numbers | b.numbers) + 1)
    if shared < _NUMBERS:
        return None
    cosines = a.embeddings @ b.embeddings.T
    found = align(cosines, a.tokens, b.tokens)
    alike = min(cosine, float(_mean(a) @ _mean(b)))
    if not _convincing(found, min(cosines.shape), alike, lead):
        return None
    return Comparison(found.similarity, found.pairs(cosines), min(cosines.shape) < _LONG)


def _worth_aligning(corpus: Corpus, one: int, other: int) -> bool:
    """Whether two documents can be translations by what is known before they are read: most pairs cannot."""
    fewer, more = sorted((corpus.chunks[one], corpus.chunks[other]))
    shorter, longer = sorted((corpus.tokens[one], corpus.tokens[other]))
    if not 0 < more <= _LONGEST or longer > _LENGTHS * shorter:
        return False
    return corpus.cosine(one, other) >= _least_alike(fewer)


def _least_alike(chunks: int) -> float:
    """The cosine that two documents must have as wholes, by the chunks of the smaller one."""
    if chunks < _MIDDLE:
        return 0.72
    return 0.65 if chunks < _LONG else _ALIKE


def _convincing(found: Alignment, chunks: int, alike: float, lead: Callable[[], float]) -> bool:
    if chunks < _MIDDLE:
        return alike >= _least_alike(chunks) and lead() >= 0.02
    contrast = found.similarity - (found.background or 0.0)
    if chunks < _LONG:
        aligned = found.coverage >= 0.7 and found.best >= 0.75 and contrast >= 0.13
        return aligned and alike >= _least_alike(chunks) and lead() >= 0
    return found.coverage >= 0.75 and found.best >= 0.7 and contrast >= 0.15


def _nearest(corpus: Corpus, place: int) -> list[int]:
    """The documents most like one, a few in each other language."""
    own = corpus.language(place)
    found: list[int] = []
    for tag, places in corpus.languages.items():
        if UNKNOWN_LANGUAGE in (own, tag) or own == tag:
            continue
        cosines = corpus.cosines(place, tag)
        best = np.argsort(-cosines, kind="stable")[:_CANDIDATES]
        found += (best[cosines[best] >= _ALIKE] + places.start).tolist()
    return found


def _lead(corpus: Corpus, one: int, other: int) -> float:
    """How much nearer `other` is to `one` than any rival of it."""
    tag = corpus.language(other)
    nearest = corpus.cosines(one, tag)[rivals(corpus, other) - corpus.languages[tag].start]
    return corpus.cosine(one, other) - float(nearest.max(initial=0.0))


def _mean(of: Candidate) -> Embedding:
    return unit_rows(of.embeddings.mean(axis=0))
