"""What the searches of one state of an index share: the chunks of filters and languages, and samples of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from jv3search.indexes.catalog.chunks import chunk_languages
from jv3search.indexes.catalog.embeddings import rows_of
from jv3search.indexes.catalog.filters import filtered_ids
from jv3search.indexes.catalog.index_info import stamp
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.keywords.snapshot import NO_KEYWORDS, KeywordSnapshot
from jv3search.indexes.keywords.terms import stemmed
from jv3search.indexes.vectors.port import FilteredIds
from jv3search.indexes.vectors.snapshot import VectorSnapshot
from jv3search.types import UNKNOWN_LANGUAGE, Embedding, Filter, unit_rows

_MOST_BYTES = 64 << 20  # of cached ids, eight bytes each, and bitmaps: seven filters that admit a million chunks
_ENTRY = 1024  # bytes of a filter beside its ids, about
_SAMPLE = 256  # chunks of a language: the mean of their cosines is known to a sixteenth of their deviation

Stamp = tuple[str, int]


@dataclass(frozen=True, slots=True)
class LanguageSamples:
    """Unit rows of each language, (up to 256, dimension), taken when the index had `chunks` chunks."""

    chunks: int
    rows: Mapping[str, Embedding]

    def still_fit(self, chunks: int, languages: Iterable[str]) -> bool:
        """Whether an index of so many chunks in these languages is still much like the one that was sampled."""
        return abs(chunks - self.chunks) * 20 <= self.chunks and set(self.rows) == set(languages)


@dataclass
class SearchCache:
    """Filled by searches; several threads may find the same thing out at once, and either answer is right."""

    _filtered_ids: dict[tuple[Stamp, Filter], FilteredIds] = field(default_factory=dict)
    _languages: tuple[Stamp, dict[str, FilteredIds]] | None = None
    _samples: tuple[str, LanguageSamples] | None = None
    _stemmed: tuple[Stamp, tuple[str, ...]] | None = None

    def filtered_ids(
        self,
        transaction: ReadTransaction,
        vectors: VectorSnapshot,
        where: Filter,
        keywords: KeywordSnapshot = NO_KEYWORDS,
    ) -> FilteredIds:
        """The chunks that a filter admits; one with phrases needs the keywords."""
        key = (_stamp(vectors), where)
        known = self._filtered_ids.get(key)
        if known is None:
            known = FilteredIds(filtered_ids(transaction, where, keywords))
            kept = {other: ids for other, ids in self._filtered_ids.copy().items() if other[0] == key[0]}
            if sum(_ENTRY + ids.nbytes for ids in (*kept.values(), known)) > _MOST_BYTES:
                kept = {}
            self._filtered_ids = kept | {key: known}
        return known

    def languages(self, transaction: ReadTransaction, vectors: VectorSnapshot) -> dict[str, FilteredIds]:
        """All chunks of each language."""
        current = _stamp(vectors)
        known = self._languages
        if known is None or known[0] != current:
            filters = {name: Filter(languages=frozenset((name,))) for name in sorted(chunk_languages(transaction))}
            found = {name: self.filtered_ids(transaction, vectors, where) for name, where in filters.items()}
            self._languages = known = (current, found)
        return known[1]

    def language_samples(
        self, transaction: ReadTransaction, vectors: VectorSnapshot, dimension: int
    ) -> LanguageSamples:
        """Full-size rows of each language, taken anew when the index has grown or shrunk by a twentieth."""
        languages = self.languages(transaction, vectors)
        chunks = sum(len(of_one.ids) for of_one in languages.values())
        identity, known = self._samples or ("", None)
        if known is None or identity != vectors.identity or not known.still_fit(chunks, languages):
            rows = {name: _sample(transaction, of_one, dimension) for name, of_one in languages.items()}
            known = LanguageSamples(chunks, rows)
            self._samples = (vectors.identity, known)
        return known

    def inflected(self, transaction: ReadTransaction, language: str, where: Filter) -> tuple[str, ...]:
        """The languages in whose forms the words of a query in `language` are to be found."""
        if language != UNKNOWN_LANGUAGE:
            return (language,)
        if where.languages:
            return stemmed(where.languages)
        current, known = stamp(transaction), self._stemmed
        if known is None or known[0] != current:
            self._stemmed = known = (current, stemmed(chunk_languages(transaction)))
        return known[1]


def _sample(transaction: ReadTransaction, chunks: FilteredIds, dimension: int) -> Embedding:
    """An even sample of some chunks."""
    every = np.linspace(0, len(chunks.ids) - 1, min(_SAMPLE, len(chunks.ids))).astype(np.int64)
    return unit_rows(rows_of(transaction, chunks.ids[every], dimension)[1], dimension)


def _stamp(vectors: VectorSnapshot) -> Stamp:
    return vectors.identity, vectors.generation
