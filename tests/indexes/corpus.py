"""Small real documents in several scripts, and the slow, certain search that an index is compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from statistics import NormalDist

import numpy as np

from jv3search.indexes import IndexReader, LedgerRow, Manifest
from jv3search.search.normalization import cohort_statistics
from jv3search.types import Chunk, Document, EmbeddedDocument, Filter, Hit, Page, Section, Source, Span
from tests.legs import dense_hits

FULL = 32
MANIFEST = Manifest(
    model="jv3-test",
    weights="ab" * 32,
    task="retrieval.passage",
    prefix="Represent the document for retrieval: ",
    pooling="late",
    chunk_tokens=256,
    dimension=FULL,
    chunking=1,
)
BORN = datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=UTC)

SENTENCES = {
    "de": "Die Straße führt über den Fluss. ",
    "en": "The road crosses the river. ",
    "zh": "这条路横跨河流。",
    "ar": "الطريق يعبر النهر. ",
    "ru": "Дорога пересекает реку. ",
    "hi": "सड़क नदी को पार करती है। ",
    "und": "🚲👩‍👩‍👧 → 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 ",
}
LANGUAGES = tuple(SENTENCES)
EVERYTHING = Filter()
FORMATS = ("pdf", "txt", "html")


def rows(count: int, seed: int, dimension: int = FULL) -> np.ndarray:
    """Unit rows in clusters, the same clusters for every seed."""
    centres = np.random.default_rng(7).normal(size=(40, dimension))
    rng = np.random.default_rng(seed)
    fading = (1 + np.arange(dimension)) ** -0.5  # the first values tell most, as in Matryoshka embeddings
    raw = (centres[rng.integers(40, size=count)] + 0.5 * rng.normal(size=(count, dimension))) * fading
    return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)


def document(uri: str, count: int = 5, *, seed: int = 0, version: int = 0) -> EmbeddedDocument:
    """A document of `count` chunks; its languages, format and date follow from `seed`."""
    tongues = [LANGUAGES[(seed + position) % len(LANGUAGES)] for position in range(count)]
    parts = [f"{version}.{position} {SENTENCES[tongue]}" for position, tongue in enumerate(tongues)]
    ends = np.cumsum([len(part) for part in parts])
    spans = [Span(int(end) - len(part), int(end)) for part, end in zip(parts, ends, strict=True)]
    text = "".join(parts)
    chunks = tuple(
        Chunk(span, tongue, len(span), page=1 + position // 2, section=f"§ {position}" if position % 2 else None)
        for position, (span, tongue) in enumerate(zip(spans, tongues, strict=True))
    )
    whole = Span(0, len(text))
    read = Document(
        text,
        f"Titel {seed} 題",
        FORMATS[seed % len(FORMATS)],
        (Page(1, whole, "i"),),
        (Section("Überschrift", 1, whole),),
    )
    source = Source(uri, f"{seed:032x}{version:032x}", len(text.encode()), BORN + timedelta(days=seed))
    return EmbeddedDocument(
        source, read, tongues[0] if tongues else "und", chunks, rows(count, 1000 * seed + version)
    )


def done(embedded: EmbeddedDocument) -> LedgerRow:
    """Its ledger row."""
    return LedgerRow(
        embedded.source.uri,
        embedded.source.digest,
        "done",
        BORN,
        pages=len(embedded.document.pages),
        chunks=len(embedded.chunks),
        language=embedded.language,
        seconds=0.25,
        size=embedded.source.size,
    )


def failed(uri: str, reason: str = "Passwort nötig") -> LedgerRow:
    """The ledger row of a file that could not be read."""
    return LedgerRow(uri, "f" * 64, "failed", BORN, reason=reason, size=3)


@dataclass(frozen=True)
class Expected:
    """A hit as the oracle knows it: it knows no chunk ids."""

    uri: str
    start: int
    score: float
    text: str


class Oracle:
    """All documents in a dictionary, searched one row after the other."""

    def __init__(self) -> None:
        self.documents: dict[str, EmbeddedDocument] = {}

    def replace(self, embedded: EmbeddedDocument) -> None:
        self.documents.pop(embedded.source.uri, None)
        self.documents[embedded.source.uri] = embedded

    def move(self, old: str, new: str) -> None:
        moved = self.documents.pop(old)
        self.documents[new] = replace(moved, source=replace(moved.source, uri=new))

    def search(
        self, query: np.ndarray, k: int, where: Filter, means: Mapping[str, float], deviation: float
    ) -> list[Expected]:
        """The k chunks with the highest z-scores, given the mean cosine of each language and the deviation."""
        everything = [chunk for embedded in self.documents.values() for chunk in embedded.chunks]
        by_chance = {name: blom(count) for name, count in Counter(chunk.language for chunk in everything).items()}
        found = []
        for uri, embedded in self.documents.items():
            for chunk, row in zip(embedded.chunks, embedded.embeddings, strict=True):
                if admits(where, embedded, chunk):
                    cosine = float(stored(row) @ query)
                    z = (cosine - means[chunk.language]) / deviation - by_chance[chunk.language] / 2
                    text = chunk.span.of(embedded.document.text)
                    found.append((z, Expected(uri, chunk.span.start, cosine, text)))
        return [hit for _, hit in sorted(found, key=lambda scored: -scored[0])[:k]]


def blom(count: int) -> float:
    """The highest of so many standard normal values, on average, by Blom's formula."""
    return NormalDist().inv_cdf((count - 0.375) / (count + 0.25)) if count > 1 else 0.0


def stored(row: np.ndarray) -> np.ndarray:
    """A row as it comes back: rounded to float16, normalised."""
    rounded = row.astype(np.float16).astype(np.float64)
    return rounded / np.linalg.norm(rounded)


def admits(where: Filter, embedded: EmbeddedDocument, chunk: Chunk) -> bool:
    """The filter in plain Python."""
    uri = embedded.source.uri
    return (
        (not where.languages or chunk.language in where.languages)
        and (not where.formats or embedded.document.format in where.formats)
        and (not where.under or any(uri == at or uri.startswith(at.rstrip("/") + "/") for at in where.under))
        and (where.since is None or embedded.source.modified >= where.since)
    )


def check_dense(
    reader: IndexReader, oracle: Oracle, query: np.ndarray, k: int, where: Filter = EVERYTHING
) -> None:
    """The dense leg finds what the oracle finds; which chunks are the sample of a language is the index's choice."""
    with reader.snapshot() as index:
        hits = dense_hits(index, query, k, where)
        statistics = cohort_statistics(index.language_samples(), query)
    check(hits, oracle.search(query, k, where, statistics.means, statistics.deviation))


def check(hits: list[Hit], expected: list[Expected]) -> None:
    """Same chunks in the same order with the same scores and texts."""
    assert [(hit.uri, hit.span.start) for hit in hits] == [(hit.uri, hit.start) for hit in expected]
    np.testing.assert_allclose([hit.score for hit in hits], [hit.score for hit in expected], atol=1e-5)
    assert [hit.text for hit in hits] == [hit.text for hit in expected]
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
