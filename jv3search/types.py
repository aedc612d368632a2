"""The values that flow through jv3search: frozen, with their invariants checked where they are made.

path -read-> Document -split-> Chunks -encode-> EmbeddedDocument -store-> index -search-> Hits

Characters (Unicode code points of a document's text) are the only coordinates: a chunk, a page and a
section are half-open spans of them. Tokens exist only inside an encoder.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Embedding = NDArray[np.float32]
"""Float32 array whose last axis is the dimension; rows are unit vectors unless a function says otherwise."""


def unit_rows(rows: NDArray[np.floating], dimension: int | None = None) -> Embedding:
    """Rows cut to their first `dimension` values, then divided by their L2 norms: float32 (..., dimension).

    The other order gives rows that are no unit vectors. A row of zeros stays one; None cuts nothing.
    """
    cut = np.ascontiguousarray(rows[..., :dimension], np.float32)
    norms = np.linalg.norm(cut, axis=-1, keepdims=True)
    unit: Embedding = cut / np.maximum(norms, np.float32(1e-12))
    return unit


Task = Literal["retrieval.query", "retrieval.passage", "separation", "classification", "text-matching"]

Mode = Literal["hybrid", "dense", "keyword"]
"""How a search ranks: by embeddings, by words, or by both fused."""

UNKNOWN_LANGUAGE = "und"
"""BCP 47 for "undetermined"."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The half-open range [start, end) of characters of one document's text."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"span [{self.start}, {self.end}) is not 0 <= start <= end")

    def __len__(self) -> int:
        return self.end - self.start

    def of(self, text: str) -> str:
        """The characters of `text` in this span."""
        return text[self.start : self.end]

    def overlap(self, other: Span) -> int:
        """How many characters two spans share; none or less if they lie apart."""
        return min(self.end, other.end) - max(self.start, other.start)


@dataclass(frozen=True, slots=True)
class Page:
    """A page, slide or sheet: `number` counts from 1; `label` is a sheet's name or a printed page label."""

    number: int
    span: Span
    label: str = ""

    def as_row(self) -> list[int | str]:
        """The page as JSON: number, start, end, label."""
        return [self.number, self.span.start, self.span.end, self.label]

    @classmethod
    def from_row(cls, row: Sequence[object]) -> Page:
        """The page that `as_row` wrote; ValueError for anything else."""
        number, start, end, label = row
        return cls(whole_number(number), Span(whole_number(start), whole_number(end)), text_value(label))


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the text it governs, up to the next heading; `level` is 1 for the outermost."""

    title: str
    level: int
    span: Span

    def as_row(self) -> list[int | str]:
        """The section as JSON: title, level, start, end."""
        return [self.title, self.level, self.span.start, self.span.end]

    @classmethod
    def from_row(cls, row: Sequence[object]) -> Section:
        """The section that `as_row` wrote; ValueError for anything else."""
        title, level, start, end = row
        return cls(text_value(title), whole_number(level), Span(whole_number(start), whole_number(end)))


def text_value(value: object) -> str:
    """A string that came as JSON; ValueError for anything else, and for lone surrogates."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")  # noqa: TRY004 - a wrong value in data, not a wrong call
    value.encode()  # a lone surrogate raises here
    return value


def whole_number(value: object) -> int:
    """An integer that came as JSON; ValueError for anything else, true and false included."""
    if type(value) is not int:
        raise ValueError(f"{value!r} is no whole number")
    return value


def section_at(sections: Sequence[Section], starts: Sequence[int], span: Span) -> int | None:
    """Position of the section that holds most of a span, the first of equals; `starts` are the sections'."""
    near = range(max(bisect_right(starts, span.start) - 1, 0), bisect_left(starts, span.end))
    overlaps = [(sections[at].span.overlap(span), -at) for at in near]
    most, at = max(overlaps, default=(0, 0))
    return -at if most > 0 else None


@dataclass(frozen=True, slots=True)
class Document:
    """What a reader makes of one file; pages and sections are sorted by their start.

    `format` is the short name of the reader that made it ("pdf", "docx", "html", ...).
    """

    text: str
    title: str
    format: str
    pages: tuple[Page, ...] = ()
    sections: tuple[Section, ...] = ()
    notices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for span in [page.span for page in self.pages] + [section.span for section in self.sections]:
            if span.end > len(self.text):
                raise ValueError(f"{span} reaches past the text's {len(self.text)} characters")


@dataclass(frozen=True, slots=True)
class Source:
    """The file a document came from: `uri` is its absolute path, `digest` the SHA-256 of its bytes."""

    uri: str
    digest: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Chunk:
    """A span that is embedded and found as one; `page` is where it starts, `section` holds most of it."""

    span: Span
    language: str
    tokens: int
    page: int | None = None
    section: str | None = None


@dataclass(frozen=True, slots=True)
class EmbeddedDocument:
    """A document, its chunks and one full-size unit row a chunk: `embeddings` is (chunks, dimension).

    `vectors` are (dimension,) unit vectors of the whole document, one a task.
    """

    source: Source
    document: Document
    language: str
    chunks: tuple[Chunk, ...]
    embeddings: Embedding
    vectors: Mapping[Task, Embedding] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.embeddings.ndim != 2 or len(self.embeddings) != len(self.chunks):
            raise ValueError(f"{len(self.chunks)} chunks but embeddings of shape {self.embeddings.shape}")


@dataclass(frozen=True, slots=True)
class Filter:
    """What a hit must satisfy: an empty field admits everything, values of one field are alternatives.

    `under` are absolute folder paths; a file was modified (UTC) at `since` or later, and before `until`.
    `phrases` must all occur in the chunk, of `without` none may: both are matched as the keyword leg matches.
    """

    languages: frozenset[str] = frozenset()
    formats: frozenset[str] = frozenset()
    under: frozenset[str] = frozenset()
    since: datetime | None = None
    phrases: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    until: datetime | None = None

    def __bool__(self) -> bool:
        fields = (self.languages, self.formats, self.under, self.since, self.until, self.phrases, self.without)
        return any(fields)


@dataclass(frozen=True, slots=True)
class LegScore:
    """What one leg of a search says of a chunk.

    `rank` counts from 1 and is None if the leg did not find the chunk; `score` is its cosine or its BM25, None if
    the keyword leg did not find it. `z` is the dense leg's score as standard deviations above the usual cosine of
    a chunk in its language; `coverage` the share, 0 to 1, of the question's terms, weighted by idf, that the chunk
    holds, and `rare_coverage` the same with each term counted the less the more chunks have it. `log_odds` is what
    the leg adds to the log-odds of the chunk's relevance.
    """

    leg: Literal["dense", "keyword"]
    rank: int | None
    score: float | None
    z: float | None = None
    coverage: float | None = None
    rare_coverage: float | None = None
    log_odds: float = 0.0


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk found for a query; higher scores are better.

    `relevance` is the estimated probability, 0 to 1, that the chunk answers the question: hits are ordered by it.
    `score` is the chunk's cosine with the query, of a keyword search its BM25. `span` is the chunk's place in its
    document, `sentence` that of the sentence in it which matches the question best, if that was asked for.
    `main_language` is that of most of its document, which may hold passages in others.
    `copies` hold the same passage in other places, `translations` the same passage in other languages.
    """

    rank: int
    score: float
    chunk_id: int
    uri: str
    title: str
    format: str
    page: int | None
    section: str | None
    span: Span
    language: str
    text: str
    legs: tuple[LegScore, ...] = ()
    relevance: float = 0.0
    sentence: Span | None = None
    copies: tuple[Hit, ...] = ()
    translations: tuple[Hit, ...] = ()
    main_language: str = UNKNOWN_LANGUAGE


def document_id(uri: str) -> str:
    """A document's short name in URLs, which tells nothing of where it lies."""
    return hashlib.sha256(uri.encode("utf-8", "surrogatepass")).hexdigest()[:16]
