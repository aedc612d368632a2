"""The same passage is one hit: its copies and its translations hang on it, and every source stays reachable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jv3search.search.duplicates import NormalizedText, candidates, is_equal, near_duplicate, normalized
from jv3search.types import Filter, Hit

if TYPE_CHECKING:
    from jv3search.indexes.snapshot import IndexSnapshot

_EVERYTHING = Filter()
Links = Mapping[int, Sequence[tuple[int, float]]]
"""The chunks in other languages that are aligned with a chunk, and their likeness."""


def grouped(
    hits: Sequence[Hit], index: IndexSnapshot, k: int, languages: Sequence[str] = (), where: Filter = _EVERYTHING
) -> list[Hit]:
    """At most `k` different passages of `hits` (best first), ranked from 1, with their copies and translations.

    Give more than `k` hits: where the result is shorter, more candidates may fill it. Translations that were not
    among the hits are attached too, if `where` admits them. With `languages`, the best first, a passage is shown
    in the first of them that it exists in; without, in the language of its best hit.
    """
    links = index.aligned([hit.chunk_id for hit in hits], where)
    groups = _groups(hits, links, k)
    attached = index.translated({own: links[own] for group in groups for own in group.own if own in links})
    return [group.shown(rank, attached, languages) for rank, group in enumerate(groups, 1)]


def _groups(hits: Sequence[Hit], links: Links, k: int) -> list[_Group]:
    """Each hit in the first group that takes it, or in a new one while there are fewer than `k`."""
    texts = [normalized(hit.text) for hit in hits]
    related = _related(hits, texts, links)
    groups: list[_Group] = []
    numbers: dict[int, int] = {}  # of the group that the hit in a place is in
    for place, (hit, text) in enumerate(zip(hits, texts, strict=True)):
        linked = sorted({numbers[other] for other in related[place] if other in numbers})
        number = next((number for number in linked if groups[number].takes(hit, text, links)), None)
        if number is None and len(groups) < k:
            number = len(groups)
            groups.append(_Group(hit, text))
        if number is not None:
            numbers[place] = number
    return groups


def _related(hits: Sequence[Hit], texts: Sequence[NormalizedText], links: Links) -> list[set[int]]:
    """For each hit the places of those it may share a group with: near copies, and what it is aligned with."""
    related = candidates(texts)
    places = {hit.chunk_id: place for place, hit in enumerate(hits)}
    for own, others in links.items():
        for other in (chunk_id for chunk_id, _ in others if chunk_id in places):
            related[places[other]].add(places[own])
    return related


@dataclass
class _Group:
    """A passage: the hit that stands for it, the same in other places, the same in other languages."""

    best: Hit
    text: NormalizedText
    copies: list[Hit] = field(default_factory=list)
    translations: list[tuple[Hit, NormalizedText]] = field(default_factory=list)

    def takes(self, hit: Hit, text: NormalizedText, links: Links) -> bool:
        """Whether the hit belongs here; it is kept if so."""
        if _copies(self.best, self.text, hit, text):
            self.copies.append(hit)
            return True
        if self._translated(hit, links) or any(_copies(a, b, hit, text) for a, b in self.translations):
            self.translations.append((hit, text))
            return True
        return False

    @property
    def own(self) -> list[int]:
        """The chunks in the language of the best hit."""
        return [self.best.chunk_id, *(hit.chunk_id for hit in self.copies)]

    def _translated(self, hit: Hit, links: Links) -> bool:
        """Of two passages of a document that have one translation, the better one is shown as it."""
        if any(hit.uri == known.uri for known, _ in self.translations):
            return False
        return any(hit.chunk_id == other for own in self.own for other, _ in links.get(own, ()))

    def shown(self, rank: int, attached: Mapping[int, Sequence[Hit]], languages: Sequence[str]) -> Hit:
        """The group as one hit, in the reader's language if there is a version in it."""
        others = [hit for hit, _ in self.translations] + self._unfound(attached)
        chosen = next((hit for tag in languages for hit in (self.best, *others) if hit.language == tag), self.best)
        if chosen is self.best:
            return replace(self.best, rank=rank, copies=_ranked(self.copies), translations=_ranked(others))
        rest = [hit for hit in others if hit is not chosen]
        return replace(
            chosen,
            rank=rank,
            score=self.best.score,  # a version that was not itself found has only its likeness to the best
            copies=_ranked([hit for hit in rest if hit.language == chosen.language]),
            translations=_ranked(
                [self.best, *self.copies, *(hit for hit in rest if hit.language != chosen.language)]
            ),
        )

    def _unfound(self, attached: Mapping[int, Sequence[Hit]]) -> list[Hit]:
        """Aligned passages that are not in the group yet: the most alike of each document."""
        known = {hit.uri for hit in (self.best, *self.copies, *(hit for hit, _ in self.translations))}
        missing: dict[str, Hit] = {}
        for own in self.own:
            for other in attached.get(own, ()):
                if other.uri not in known and other.score > getattr(missing.get(other.uri), "score", -1):
                    missing[other.uri] = other
        return sorted(missing.values(), key=lambda hit: -hit.score)


def _copies(shown: Hit, shown_text: NormalizedText, hit: Hit, text: NormalizedText) -> bool:
    """Neighbours in one document share words; only the very same passage there is a copy."""
    if shown.uri == hit.uri:
        return is_equal(shown_text, text)
    return near_duplicate(shown_text, text)


def _ranked(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    return tuple(replace(hit, rank=rank) for rank, hit in enumerate(hits, 1))
