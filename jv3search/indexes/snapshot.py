"""One state of an index: everything a search needs is read from the same catalog and the same vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from jv3search.errors import InputError
from jv3search.indexes import vector_cache
from jv3search.indexes.cached_vectors import CachedVectors
from jv3search.indexes.catalog import chunks, links
from jv3search.indexes.catalog.embeddings import rows_of
from jv3search.indexes.catalog.index_info import read_info
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.keywords.coverage import coverage
from jv3search.indexes.keywords.phrases import query_terms
from jv3search.indexes.keywords.snapshot import OpenKeywords
from jv3search.indexes.keywords.stopwords import without_stopwords
from jv3search.indexes.manifest import Manifest
from jv3search.indexes.search_cache import SearchCache
from jv3search.indexes.vectors.languages import ChunkLanguages, LanguageSamples
from jv3search.indexes.vectors.port import FilteredIds, Ids, Languages, Vectors
from jv3search.types import UNKNOWN_LANGUAGE, Embedding, Filter, Hit, unit_rows

_EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class IndexSnapshot:
    """An index as it was when a read transaction began, whatever is written meanwhile."""

    manifest: Manifest
    dimension: int
    transaction: ReadTransaction
    vectors: Vectors
    keywords: OpenKeywords
    cache: SearchCache

    def at(self, dimension: int, kind: str | None = None) -> IndexSnapshot:
        """The same with its vectors in memory at another dimension; `kind` is "flat", "ivf" or "auto".

        Nothing is stored. InputError for a dimension that the stored vectors do not have.
        """
        full = self.manifest.dimension
        if not 1 <= dimension <= full:
            raise InputError(f"dimension {dimension} is not between 1 and {full}, the index's full size")
        info = read_info(self.transaction)
        built = vector_cache.built(self.transaction, info._replace(dimension=dimension, kind=kind or info.kind))
        vectors = CachedVectors(built, self.transaction, self.keywords, self.cache, full)
        return replace(self, dimension=dimension, vectors=vectors)

    def filtered_ids(self, where: Filter) -> FilteredIds:
        """The chunks that a filter admits."""
        languages = self.vectors.languages
        in_memory = languages if isinstance(languages, ChunkLanguages) else None
        return self.cache.filtered_ids(self.transaction, where, self.keywords, in_memory)

    def languages(self) -> Languages:
        """The languages of the chunks."""
        return self.vectors.languages

    def language_samples(self) -> LanguageSamples:
        """What is known of each language from a sample of its rows."""
        return self.vectors.samples

    def embeddings(self, ids: Ids) -> tuple[Ids, Embedding]:
        """(ids ascending, their full-size unit rows)."""
        ordered, rows = rows_of(self.transaction, ids, self.manifest.dimension)
        return ordered, unit_rows(rows, self.manifest.dimension)

    def match(
        self, words: str, k: int, where: Filter = _EVERYTHING, language: str = UNKNOWN_LANGUAGE
    ) -> list[tuple[int, float, tuple[float, float]]]:
        """The k best (chunk id, BM25, shares of the words) that `where` admits and that hold some of the words.

        Words are found inflected as in `language`, as in any language of the index if that is unknown; stop words
        of `language` only if there are no others. The shares are those of `coverage`.
        """
        inflected = self.cache.inflected(self.transaction, language, where)
        query = without_stopwords(query_terms(words, inflected), language)
        found = self.keywords().match(query.phrases, k, self.filtered_ids(where) if where else None)
        return list(zip(found.ids, found.scores, coverage(query, found, len(self.vectors)), strict=True))

    def hits(self, ids: Sequence[int], scores: Sequence[float]) -> list[Hit]:
        """Chunks with their texts in the order given, ranked from 1."""
        found = chunks.hits(self.transaction, ids)
        scored = enumerate(zip(ids, scores, strict=True), 1)
        return [replace(found[key], rank=rank, score=score) for rank, (key, score) in scored]

    def aligned(self, ids: Sequence[int], where: Filter = _EVERYTHING) -> dict[int, list[tuple[int, float]]]:
        """The chunks of `translations` by id with their cosines, without their texts."""
        aligned = links.aligned_chunks(self.transaction, ids)
        if not (where and aligned):
            return aligned
        admitted = self.filtered_ids(where)
        filtered = {own: _among(admitted, others) for own, others in aligned.items()}
        return {own: others for own, others in filtered.items() if others}

    def translations(self, ids: Sequence[int], where: Filter = _EVERYTHING) -> dict[int, list[Hit]]:
        """The passages that `where` admits which say the same in another language, by chunk, most alike first.

        The score of a hit is its cosine with the chunk; chunks without translation are left out.
        """
        return self.translated(self.aligned(ids, where))

    def translated(self, aligned: Mapping[int, Sequence[tuple[int, float]]]) -> dict[int, list[Hit]]:
        """The passages of `aligned`, with their texts."""
        found = chunks.hits(
            self.transaction, sorted({other for others in aligned.values() for other, _ in others})
        )
        return {
            own: [replace(found[key], rank=rank, score=cosine) for rank, (key, cosine) in enumerate(others, 1)]
            for own, others in aligned.items()
        }


def _among(admitted: FilteredIds, scored: list[tuple[int, float]]) -> list[tuple[int, float]]:
    kept = admitted.contains(np.array([key for key, _ in scored], np.int64))
    return [pair for pair, is_kept in zip(scored, kept.tolist(), strict=True) if is_kept]
