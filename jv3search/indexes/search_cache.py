"""What the searches of one state of an index share: the chunks that filters admit, and samples of languages."""

from __future__ import annotations

from dataclasses import dataclass, field

from jv3search.indexes.catalog.chunks import chunk_languages
from jv3search.indexes.catalog.embeddings import language_samples
from jv3search.indexes.catalog.filters import filtered_ids
from jv3search.indexes.catalog.index_info import stamp
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.keywords.snapshot import NO_KEYWORDS, KeywordSnapshot
from jv3search.indexes.keywords.terms import stemmed
from jv3search.indexes.vectors.languages import LanguageSamples
from jv3search.indexes.vectors.port import FilteredIds
from jv3search.indexes.vectors.snapshot import VectorSnapshot
from jv3search.types import UNKNOWN_LANGUAGE, Filter

_MOST_BYTES = 64 << 20  # of cached ids, eight bytes each, and bitmaps: seven filters that admit a million chunks
_ENTRY = 1024  # bytes of a filter beside its ids, about

Stamp = tuple[str, int]


@dataclass
class SearchCache:
    """Filled by searches; several threads may find the same thing out at once, and either answer is right."""

    _filtered_ids: dict[tuple[Stamp, Filter], FilteredIds] = field(default_factory=dict)
    _samples: tuple[tuple[str, int], LanguageSamples] | None = None
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
            of_languages = where == Filter(languages=where.languages)
            known = FilteredIds(
                vectors.languages.ids_of(where.languages)
                if of_languages
                else filtered_ids(transaction, where, keywords)
            )
            kept = {other: ids for other, ids in self._filtered_ids.copy().items() if other[0] == key[0]}
            if sum(_ENTRY + ids.nbytes for ids in (*kept.values(), known)) > _MOST_BYTES:
                kept = {}
            self._filtered_ids = kept | {key: known}
        return known

    def language_samples(
        self, transaction: ReadTransaction, vectors: VectorSnapshot, dimension: int
    ) -> LanguageSamples:
        """Those saved with the vectors, or others when the index has grown or shrunk by a twentieth since."""
        languages = vectors.languages
        chunks = int(languages.counts.sum())
        key = (vectors.identity, vectors.dimension)
        cached, known = self._samples or (None, vectors.base.samples)
        for samples in (vectors.base.samples, known if cached == key else None):
            if samples is not None and samples.still_fit(chunks, languages.present):
                return samples
        known = language_samples(transaction, languages, dimension, vectors.dimension)
        self._samples = (key, known)
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


def _stamp(vectors: VectorSnapshot) -> Stamp:
    return vectors.identity, vectors.generation
