"""What the searches of one state of an index share: the chunks that filters admit, and samples of languages."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from jv3search.indexes.catalog.chunks import chunk_languages
from jv3search.indexes.catalog.filters import filtered_ids
from jv3search.indexes.catalog.index_info import stamp
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.keywords.snapshot import OpenKeywords
from jv3search.indexes.keywords.terms import stemmed
from jv3search.indexes.vectors.languages import ChunkLanguages, LanguageSamples
from jv3search.indexes.vectors.port import FilteredIds, Languages
from jv3search.types import UNKNOWN_LANGUAGE, Filter

_MOST_BYTES = 64 << 20  # of cached ids, eight bytes each, and bitmaps: seven filters that admit a million chunks
_ENTRY = 1024  # bytes of a filter beside its ids, about

Stamp = tuple[str, int]
Learned = Any  # the catalog's, which is imported where it is needed


@dataclass
class SearchCache:
    """Filled by searches; several threads may find the same thing out at once, and either answer is right."""

    _filtered_ids: dict[tuple[Stamp, Filter], FilteredIds] = field(default_factory=dict)
    _samples: tuple[tuple[str, int], LanguageSamples] | None = None
    _learned: tuple[tuple[Hashable, ...], Learned] | None = None
    _stemmed: tuple[Stamp, tuple[str, ...]] | None = None

    def filtered_ids(
        self,
        transaction: ReadTransaction,
        where: Filter,
        keywords: OpenKeywords,
        languages: ChunkLanguages | None = None,
    ) -> FilteredIds:
        """The chunks that a filter admits; one with phrases needs the keywords. `languages` spare the catalog."""
        key = (stamp(transaction), where)
        known = self._filtered_ids.get(key)
        if known is None:
            of_languages = languages is not None and where == Filter(languages=where.languages)
            known = FilteredIds(
                languages.ids_of(where.languages)
                if languages is not None and of_languages
                else filtered_ids(transaction, where, keywords)
            )
            kept = {other: ids for other, ids in self._filtered_ids.copy().items() if other[0] == key[0]}
            if sum(_ENTRY + ids.nbytes for ids in (*kept.values(), known)) > _MOST_BYTES:
                kept = {}
            self._filtered_ids = kept | {key: known}
        return known

    def language_samples(
        self,
        key: tuple[str, int],
        saved: LanguageSamples,
        languages: Languages,
        draw: Callable[[], LanguageSamples],
    ) -> LanguageSamples:
        """Those saved, or others that are drawn when the index has grown or shrunk by a twentieth since.

        `key` is the index's identity and the dimension that is searched.
        """
        counts = languages.counts.tolist()
        present = {name for name, count in zip(languages.names, counts, strict=True) if count}
        cached, known = self._samples or (None, saved)
        for samples in (saved, known if cached == key else None):
            if samples is not None and samples.still_fit(sum(counts), present):
                return samples
        known = draw()
        self._samples = (key, known)
        return known

    def learned(self, key: tuple[Hashable, ...], read: Callable[[], Learned]) -> Learned:
        """What was learned of a server's vectors, read again where `key` is another."""
        known = self._learned
        if known is None or known[0] != key:
            self._learned = known = (key, read())
        return known[1]

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
