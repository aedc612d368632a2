"""Nearest chunks with every language heard: cosines are compared with the background of the chunk's own language.

A question lies nearer to passages of its own language than to others, whatever they say, and a language with
many chunks has more of them near by chance. So each language proposes candidates of its own, and a candidate
counts by how far it stands out: the standard deviations of its cosine above the mean of a sample of its language
(after the test normalisation of Auckenthaler, Carey, Lloyd-Thomas 2000, with languages as cohorts), less half of
what the best of so many chunks would reach by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from jv3search.indexes.ranking import Survivors, ranked
from jv3search.indexes.vectors.port import Ids, Scores, unit_rows
from jv3search.indexes.vectors.snapshot import Snapshot
from jv3search.indexes.view import View
from jv3search.types import Embedding

_SAMPLE = 256  # chunks of a language: the mean of their cosines is known to a sixteenth of their deviation
_DOUBT = 16.0  # chunks that the average language counts for in the mean of a language with few
_LEAST_DEVIATION = 0.02  # of cosines; a handful of copies of one text must not make everything else stand out
_HEARD = 20  # hits that each language has among the candidates, as far as it has them and they are asked for
_PER_HIT = 3  # chunks that are scored again for each of them
_CANDIDATES = 200  # at least, of all languages together


_CHANCE = 0.5  # of the best standard score to expect by chance; docs/decisions/search.md has what 0 and 1 do


@dataclass(frozen=True, slots=True)
class Background:
    """A sample of unit rows a language, (up to 256, dimension) each, taken when the index held `chunks` chunks."""

    chunks: int
    rows: Mapping[str, Embedding]

    def serves(self, chunks: int, languages: Iterable[str]) -> bool:
        """Whether an index of this size and these languages is still much like the one that was sampled."""
        return abs(chunks - self.chunks) * 20 <= self.chunks and set(self.rows) == set(languages)

    def of(self, unit: Embedding) -> tuple[dict[str, float], float]:
        """Each language's mean cosine with a query, and the deviation from it that all languages share.

        A language of which little was seen leans on the average one.
        """
        cosines = {language: rows @ unit for language, rows in self.rows.items()}
        if not cosines:
            return {}, _LEAST_DEVIATION
        sizes = np.array([len(values) for values in cosines.values()])
        shares = sizes / (sizes + _DOUBT)
        means = np.array([float(values.mean()) for values in cosines.values()])
        leaning = shares * means + (1 - shares) * np.average(means, weights=shares)
        apart = np.concatenate([values - mean for values, mean in zip(cosines.values(), leaning, strict=True)])
        return dict(zip(cosines, leaning.tolist(), strict=True)), max(float(apart.std()), _LEAST_DEVIATION)


def best_by_chance(chunks: int) -> float:
    """The highest of so many standard normal scores, on average (Blom 1958)."""
    return NormalDist().inv_cdf((chunks - 0.375) / (chunks + 0.25)) if chunks > 1 else 0.0


def background(view: View, languages: Mapping[str, Survivors], dimension: int) -> Background:
    """An even sample of each language's chunks."""
    rows = {}
    for language, chunks in languages.items():
        every = np.linspace(0, len(chunks.ids) - 1, min(_SAMPLE, len(chunks.ids))).astype(np.int64)
        rows[language] = unit_rows(view.rows(chunks.ids[every], dimension)[1], dimension)
    return Background(sum(len(chunks.ids) for chunks in languages.values()), rows)


def nearest(
    view: View,
    snapshot: Snapshot,
    query: Embedding,
    k: int,
    survivors: Survivors | None,
    languages: Mapping[str, Survivors],
    means: Mapping[str, float],
    deviation: float,
    of_language: Callable[[str], Survivors],
) -> tuple[Ids, Scores, Scores]:
    """(ids, cosines, fair scores) of the k chunks that stand out most, best first, equal ones by id.

    `languages` are all chunks of each language, `means` their mean cosines with the query and `deviation` the
    usual distance from them; `of_language` narrows the filter behind `survivors` to one language.
    """
    found = [ranked(view, snapshot, query, k, survivors, max(_CANDIDATES, _PER_HIT * k))]
    heard = {name: int(chunks.hold(found[0][0]).sum()) for name, chunks in languages.items()}
    if len(languages) > 1:
        found += [
            ranked(view, snapshot, query, min(k, _HEARD), of_language(name), _PER_HIT * min(k, _HEARD))
            for name, count in heard.items()
            if count < min(k, _HEARD) and len(of_language(name).ids)
        ]
    ids, first = np.unique(np.concatenate([part for part, _ in found]), return_index=True)
    cosines: Scores = np.concatenate([part for _, part in found])[first]
    fair: Scores = np.zeros(len(ids), np.float32)
    for name, chunks in languages.items():
        mine = chunks.hold(ids)
        fair[mine] = (cosines[mine] - means[name]) / deviation - _CHANCE * best_by_chance(len(chunks.ids))
    best = np.lexsort((ids, -fair))[:k]
    return ids[best], cosines[best], fair[best]
