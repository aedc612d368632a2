"""The language of each chunk, and what is known of a language's vectors from a sample of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jv3search.indexes.vectors.port import Ids
from jv3search.types import Embedding, unit_rows

Codes = NDArray[np.uint16]

NO_LANGUAGE = 0xFFFF  # the code of ids that are not in the index
SAMPLE = 256  # chunks of a language: the mean of their cosines is known to a sixteenth of their deviation


@dataclass(frozen=True, eq=False)
class ChunkLanguages:
    """The language of chunk i is `names[codes[i]]`; a language whose chunks all left keeps its code."""

    names: tuple[str, ...] = ()
    codes: Codes = field(default_factory=lambda: np.empty(0, np.uint16))

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """The chunks of each language, by its code."""
        return np.bincount(self.codes[self.codes != NO_LANGUAGE], minlength=len(self.names))

    @cached_property
    def present(self) -> frozenset[str]:
        """The languages that have chunks."""
        return frozenset(name for name, count in zip(self.names, self.counts.tolist(), strict=True) if count)

    def codes_of(self, ids: Ids) -> Codes:
        """The codes of some ids, NO_LANGUAGE for those that are not in the index."""
        known = ids < len(self.codes)
        codes: Codes = np.where(known, self.codes[np.where(known, ids, 0)] if len(self.codes) else 0, NO_LANGUAGE)
        return codes.astype(np.uint16)

    def ids_of(self, names: Collection[str]) -> Ids:
        """All chunks in some languages, ascending."""
        wanted = np.zeros(NO_LANGUAGE + 1, bool)
        wanted[[code for code, name in enumerate(self.names) if name in names]] = True
        return np.flatnonzero(wanted[self.codes])

    def changed(self, added: Ids, languages: Sequence[str], gone: Ids) -> ChunkLanguages:
        """The same with some new ids and their languages, without those that left."""
        names = (*self.names, *sorted(set(languages) - set(self.names)))
        code_of = {name: code for code, name in enumerate(names)}
        codes = np.full(max(len(self.codes), int(added.max(initial=-1)) + 1), NO_LANGUAGE, np.uint16)
        codes[: len(self.codes)] = self.codes
        codes[added] = [code_of[name] for name in languages]
        codes[gone[gone < len(codes)]] = NO_LANGUAGE
        return ChunkLanguages(names, codes)

    def sample(self) -> dict[str, Ids]:
        """Up to 256 ids of each language, evenly spread."""
        found = {}
        for name in sorted(self.present):
            ids = self.ids_of((name,))
            found[name] = ids[np.linspace(0, len(ids) - 1, min(SAMPLE, len(ids))).astype(np.int64)]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Means (languages, dimension) and the scatter within the languages (dimension, dimension) of sampled rows.

    Cosines with a query are linear in it, so their means and their deviation follow from these.
    """

    means: Embedding
    scatter: Embedding

    @classmethod
    def of(cls, rows: Iterable[Embedding], dimension: int | None) -> Moments:
        """Of the unit rows of each language, cut to `dimension`."""
        cut = [unit_rows(of_one, dimension) for of_one in rows]
        means = [of_one.mean(axis=0) for of_one in cut]
        apart = np.concatenate([of_one - mean for of_one, mean in zip(cut, means, strict=True)])
        return cls(np.stack(means), apart.T @ apart)


@dataclass(frozen=True, slots=True, eq=False)
class LanguageSamples:
    """`sizes[i]` rows of language `names[i]` were sampled when the index had `chunks` chunks.

    `moments` are of full-size unit rows, and of unit rows at the searched dimension if that is smaller.
    """

    chunks: int
    names: tuple[str, ...]
    sizes: NDArray[np.int64]
    moments: tuple[Moments, ...]

    @classmethod
    def of(cls, chunks: int, rows: Mapping[str, Embedding], dimension: int | None = None) -> LanguageSamples:
        """From full-size unit rows of each language; the index is searched at `dimension`, or at full size."""
        full = {len(of_one[0]) for of_one in rows.values()}
        wanted = sorted(full | {dimension or size for size in full}, reverse=True)
        sizes = np.array([len(of_one) for of_one in rows.values()], np.int64)
        return cls(chunks, tuple(rows), sizes, tuple(Moments.of(rows.values(), size) for size in wanted))

    def at(self, dimension: int) -> Moments:
        """What is known at a dimension; ValueError if nothing is."""
        for moments in self.moments:
            if moments.means.shape[1] == dimension:
                return moments
        raise ValueError(f"nothing is known of {dimension} dimensions")

    def as_arrays(self) -> dict[str, NDArray[Any]]:
        """To be kept by `numpy.savez`; `of_arrays` makes the same of them."""
        moments = {
            f"{name}{number}": values
            for number, of_one in enumerate(self.moments)
            for name, values in (("means", of_one.means), ("scatter", of_one.scatter))
        }
        names = np.array(self.names, np.str_)
        return {"chunks": np.array(self.chunks), "sampled": names, "sample_sizes": self.sizes, **moments}

    @classmethod
    def of_arrays(cls, values: Mapping[str, NDArray[Any]]) -> LanguageSamples:
        """What was kept; KeyError if something is missing."""
        moments = tuple(
            Moments(values[f"means{number}"], values[f"scatter{number}"])
            for number in range(2)
            if f"means{number}" in values
        )
        return cls(int(values["chunks"]), tuple(values["sampled"].tolist()), values["sample_sizes"], moments)

    def still_fit(self, chunks: int, languages: Iterable[str]) -> bool:
        """Whether an index of so many chunks in these languages is still much like the one that was sampled."""
        return abs(chunks - self.chunks) * 20 <= self.chunks and set(self.names) == set(languages)
