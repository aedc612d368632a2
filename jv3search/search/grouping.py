"""The same passage is one hit: its copies and its translations hang on it, and every source stays reachable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jv3search.search.duplicates import Passage, is_equal, passage, says_the_same
from jv3search.types import Filter, Hit

if TYPE_CHECKING:
    from jv3search.indexes import Reader

_EVERYTHING = Filter()
Links = Mapping[int, Sequence[tuple[int, float]]]
"""The chunks in other languages that are aligned with a chunk, and their likeness."""


def grouped(
    hits: Sequence[Hit], reader: Reader, k: int, languages: Sequence[str] = (), where: Filter = _EVERYTHING
) -> list[Hit]:
    """At most `k` different passages of `hits` (best first), ranked from 1, with their copies and translations.

    Give more than `k` hits: where the result is shorter, more candidates may fill it. Translations that were not
    among the hits are attached too, if `where` admits them. With `languages`, the best first, a passage is shown
    in the first of them that it exists in; without, in the language of its best hit.
    """
    links = reader.aligned([hit.chunk_id for hit in hits], where)
    groups: list[_Group] = []
    for hit in hits:
        text = passage(hit.text)
        if not any(group.takes(hit, text, links) for group in groups) and len(groups) < k:
            groups.append(_Group(hit, text))
    attached = reader.translations([chunk_id for group in groups for chunk_id in group.own], where)
    return [group.shown(rank, attached, languages) for rank, group in enumerate(groups, 1)]


@dataclass
class _Group:
    """A passage: the hit that stands for it, the same in other places, the same in other languages."""

    best: Hit
    text: Passage
    copies: list[Hit] = field(default_factory=list)
    translations: list[tuple[Hit, Passage]] = field(default_factory=list)

    def takes(self, hit: Hit, text: Passage, links: Links) -> bool:
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


def _copies(shown: Hit, shown_text: Passage, hit: Hit, text: Passage) -> bool:
    """Neighbours in one document share words; only the very same passage there is a copy."""
    if shown.uri == hit.uri:
        return is_equal(shown_text, text)
    return says_the_same(shown_text, text)


def _ranked(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    return tuple(replace(hit, rank=rank) for rank, hit in enumerate(hits, 1))
