"""The vectors of one state of an index in a folder, as a search asks for them: FAISS and what came since."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from jv3search.indexes.catalog.embeddings import language_samples
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.keywords.snapshot import OpenKeywords
from jv3search.indexes.search_cache import SearchCache
from jv3search.indexes.vectors.languages import ChunkLanguages, LanguageSamples
from jv3search.indexes.vectors.port import Ids, Scores
from jv3search.indexes.vectors.snapshot import VectorSnapshot
from jv3search.types import Embedding, Filter

_EVERYTHING = Filter()


@dataclass(frozen=True)
class CachedVectors:
    """As the port says; `full` is the size of the stored rows."""

    snapshot: VectorSnapshot
    transaction: ReadTransaction
    keywords: OpenKeywords
    cache: SearchCache
    full: int

    def __len__(self) -> int:
        return len(self.snapshot)

    @property
    def approximate(self) -> bool:
        """Whether a search may overlook a row."""
        return self.snapshot.base.approximate

    @property
    def languages(self) -> ChunkLanguages:
        """The language of each chunk."""
        return self.snapshot.languages

    @property
    def samples(self) -> LanguageSamples:
        """Those saved with the vectors, or others when the index has grown or shrunk by a twentieth since."""
        languages, dimension = self.languages, self.snapshot.dimension
        return self.cache.language_samples(
            (self.snapshot.identity, dimension),
            self.snapshot.base.samples,
            languages,
            lambda: language_samples(self.transaction, languages, self.full, dimension),
        )

    def nearest(
        self, query: Embedding, k: int, where: Filter = _EVERYTHING, offsets: Scores | None = None
    ) -> tuple[Ids, Scores]:
        """As the port says; languages alone are left out by their offsets."""
        if not self._filters_documents(where):
            return self.snapshot.nearest(query, k, None, self._of_languages(where, offsets))
        admitted = self.cache.filtered_ids(self.transaction, where, self.keywords, self.languages)
        if len(admitted.ids) < k:
            return admitted.ids, np.zeros(len(admitted.ids), np.float32)
        return self.snapshot.nearest(query, k, admitted.bitmap, offsets)

    def size(self) -> int:
        """Bytes on disk, whether or not they are saved."""
        return self.snapshot.base.size()

    def _filters_documents(self, where: Filter) -> bool:
        """Whether a filter asks for more than languages."""
        return bool(replace(where, languages=frozenset()))

    def _of_languages(self, where: Filter, offsets: Scores | None) -> Scores | None:
        if not where.languages:
            return offsets
        left_out = [name not in where.languages for name in self.languages.names]
        taken = np.zeros(len(left_out), np.float32) if offsets is None else offsets
        return np.where(left_out, np.float32(np.inf), taken)
