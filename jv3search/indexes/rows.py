"""What an index tells about itself: its ledger, its documents, its state. Frozen, and free of any database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from jv3search.types import Chunk, Span

State = Literal["done", "unchanged", "failed", "unsupported", "empty"]

FAILURES: frozenset[State] = frozenset({"failed", "unsupported", "empty"})

Kind = Literal["auto", "flat", "ivf", "hnsw"]
"""How an index is searched: exactly, by inverted lists (in a folder), by a graph (in a database), or by size."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """What came of one file, and when that was found out; `reason` says why it is not in the index."""

    uri: str
    digest: str
    state: State
    checked_at: datetime
    reason: str = ""
    pages: int = 0
    chunks: int = 0
    language: str = ""
    seconds: float = 0.0
    size: int = 0


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document in the index, without its text."""

    uri: str
    digest: str
    title: str
    format: str
    language: str
    size: int
    modified: datetime
    ingested_at: datetime
    pages: int
    chunks: int


@dataclass(frozen=True, slots=True)
class Status:
    """An index at a glance: `languages` counts chunks, `formats` documents, `size` is bytes on disk.

    `dimension` is what is searched, `full_dimension` what is stored; `vectors` describes the saved vector index.
    `last_ingest` is when a file was last read, or found unreadable: a run that finds nothing new does not count.
    `precision` is int8 if its vectors were made with 8-bit weights, else full.
    `wordless` counts the chunks in which there is no word to find: numbers of pages, drawings, rules.
    `replica` says how far the replica that is searched is behind; empty if the index itself is searched.
    """

    documents: int
    chunks: int
    languages: dict[str, int]
    formats: dict[str, int]
    model: str
    precision: str
    dimension: int
    full_dimension: int
    kind: Kind
    size: int
    last_ingest: datetime | None
    failures: tuple[LedgerRow, ...]
    generation: int
    vectors: str
    wordless: int
    replica: str = ""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A chunk with its text, as it stands among others."""

    chunk_id: int
    chunk: Chunk
    text: str


@dataclass(frozen=True, slots=True)
class Context:
    """A chunk among its neighbours in reading order, none of them outside its section.

    `section` is the innermost heading that most of the chunk stands under, and `span` all that it governs, with
    the headings below it; without one, that is the document.
    """

    chunk_id: int
    uri: str
    title: str
    format: str
    section: str | None
    span: Span
    chunks: tuple[Neighbour, ...]
