"""Passages by the million, in up to fifty languages, with the vectors that jv3-mini gives such passages.

Texts: the messages of LibreOffice in fifty languages (fetched by apt-get, nothing is installed). A passage is five
runs of consecutive words of its language's messages (of characters where there are no spaces), so the words are as
frequent as they really are, and no two passages are copies.

Vectors: 300 real passages of each language, 3,000 of the first, are embedded once with jv3-mini. A vector is the
mean of its language plus what three of them, drawn by chance, differ from that mean, weighted so that the squares
of the weights sum to one. So each language keeps its mean and its covariance, the spectrum too, and each real
passage is surrounded by variants. Queries are real: messages that are in no passage, as jv3-mini embeds queries.
"""

from __future__ import annotations

import gettext
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.packages import unpacked
from jv3search import load_encoder
from jv3search.types import Embedding, unit_rows

WORK = Path(__file__).parent / "work" / "many-passages"
LANGUAGES = [
    *("en-gb", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "zh-cn", "ja", "ko", "ar", "hi", "th", "tr", "vi"),
    *("uk", "cs", "sv", "da", "fi", "hu", "el", "he", "fa", "id", "ro", "bg", "hr", "sr", "sk", "sl", "et", "lv"),
    *("lt", "nb", "ca", "eu", "gl", "ka", "kk", "ta", "te", "bn", "mr", "gu", "ml", "km", "am"),
]
SPACELESS = {"zh", "ja", "th", "km"}
BASE, WIDE = 300, 3_000  # real passages of a language; of the first, which may have to fill an index alone
QUERIES = 200
WEIGHTS = (0.8, 0.5, (1 - 0.8**2 - 0.5**2) ** 0.5)
_LEAST = 25  # characters of a message that is long enough to be a passage
_TOGETHER = 2  # messages of a passage
_RUNS, _RUN = 5, 8  # of a made passage, and the words of each; of twice as many characters without spaces


@dataclass(frozen=True)
class RealPassages:
    """Of one language: its words as they follow one another, vectors of passages, questions with theirs."""

    language: str
    words: NDArray[np.str_]
    rows: Embedding
    questions: Sequence[str]
    question_rows: Embedding

    @cached_property
    def mean(self) -> Embedding:
        """The mean of the vectors."""
        mean: Embedding = self.rows.mean(axis=0)
        return mean

    def more_rows(self, count: int, rng: np.random.Generator) -> Embedding:
        """Unit rows (count, dimension)."""
        apart = self.rows - self.mean
        drawn = rng.integers(len(apart), size=(len(WEIGHTS), count))
        mixed = sum(weight * apart[places] for weight, places in zip(WEIGHTS, drawn, strict=True))
        return unit_rows(self.mean + mixed)

    def more_texts(self, count: int, rng: np.random.Generator) -> list[str]:
        """Passages of words that follow one another in the messages, run by run."""
        space, run = ("", 2 * _RUN) if self.language in SPACELESS else (" ", _RUN)
        starts = rng.integers(len(self.words) - run, size=(count, _RUNS))
        places = (starts[:, :, None] + np.arange(run)).reshape(count, -1)
        return [space.join(row) + ". " for row in self.words[places].tolist()]


def real_passages(languages: int) -> list[RealPassages]:
    """The first so many of LANGUAGES, fetched and embedded when first asked for."""
    unpacked(WORK, *(f"libreoffice-l10n-{name}" for name in LANGUAGES))
    return [_real(name) for name in LANGUAGES[:languages]]


def _real(name: str) -> RealPassages:
    language = name.partition("-")[0]
    wide = name == LANGUAGES[0]
    rng = np.random.default_rng(LANGUAGES.index(name))
    long = [text for text in _messages(name) if len(text) >= _LEAST]
    order = rng.permutation(len(long)).tolist()
    # Each language gives its part of the questions, the first one more, for an index of it alone.
    asked = [long[place] for place in order[: QUERIES if wide else QUERIES // len(LANGUAGES)]]
    rest = [long[place] for place in order[len(asked) :]]
    joined = [" ".join(rest[at : at + _TOGETHER]) for at in range(0, len(rest), _TOGETHER)]
    texts = joined[: WIDE if wide else BASE]
    words = "".join(rest).split() if language not in SPACELESS else list("".join("".join(rest).split()))
    return RealPassages(language, np.array(words), *_embedded(name, texts, asked))


def _embedded(name: str, texts: Sequence[str], asked: Sequence[str]) -> tuple[Embedding, Sequence[str], Embedding]:
    file = WORK / f"{name}.npz"
    if not file.exists():
        encoder = load_encoder("jv3-mini")
        rows = encoder.encode(texts, "retrieval.passage")
        np.savez(WORK / "partial.npz", rows=rows, asked=np.stack([encoder.encode_query(text) for text in asked]))
        (WORK / "partial.npz").rename(file)
    with np.load(file) as stored:
        return stored["rows"], asked, stored["asked"]


def _messages(name: str) -> list[str]:
    """Every translated message of the program, once."""
    found: dict[str, None] = {}
    for file in sorted((WORK / f"libreoffice-l10n-{name}").rglob("*.mo")):
        with file.open("rb") as opened:
            catalogue = gettext.GNUTranslations(opened)._catalog  # type: ignore[attr-defined]
        found.update(dict.fromkeys(" ".join(text.split()) for text in catalogue.values() if isinstance(text, str)))
    return list(found)


def spread(count: int, parts: int) -> Iterator[int]:
    """Sizes of so many languages that sum to `count`, by Zipf's law: the first has most."""
    shares = 1 / (1 + np.arange(parts))
    ends = np.round(np.cumsum(shares) / shares.sum() * count).astype(int)
    yield from np.diff(ends, prepend=0).tolist()
