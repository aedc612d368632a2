"""Two rankings made one, in which a leg that cannot have an opinion of a chunk has none.

Reciprocal rank fusion (Cormack, Clarke, Büttcher 2009), as the weighted mean over the legs that vote instead of
their sum: words cannot find a passage in another language, so there the keyword leg abstains, and the passage
stands where its embedding puts it. A sum would count the silence against it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from jv3search.types import Hit, Vote

CONSTANT = 60  # the paper's: how much the first ranks differ
KEYWORD_WEIGHT = 0.5  # of the keyword leg, where the dense leg has 1; see docs/decisions/search.md


def fuse(
    dense: Sequence[Hit],
    keyword: Sequence[Hit],
    abstains: Callable[[Hit], bool],
    *,
    depth: int,
    weight: float = KEYWORD_WEIGHT,
) -> list[Hit]:
    """All hits of both legs, each asked for `depth`, best first, each with both votes; equal ones by id.

    A leg that found a chunk votes for it with its rank; one that could have found it, but did not, with the rank
    after `depth`; the keyword leg abstains where `abstains` says that it could not.
    """
    by_meaning = {hit.chunk_id: hit for hit in dense}
    by_words = {hit.chunk_id: hit for hit in keyword}
    fused = []
    for key in by_meaning.keys() | by_words.keys():
        hit = by_meaning.get(key) or by_words[key]
        votes = (
            _dense_vote(by_meaning.get(key), hit),
            _keyword_vote(by_words.get(key), hit, abstains),
        )
        fused.append(_counted(hit, votes, depth + 1, (1.0, weight)))
    fused.sort(key=lambda hit: (-sum(vote.share for vote in hit.votes), hit.chunk_id))
    return [replace(hit, rank=rank) for rank, hit in enumerate(fused, 1)]


def _dense_vote(found: Hit | None, hit: Hit) -> Vote:
    return found.votes[0] if found else Vote("dense", None, hit.score)


def _keyword_vote(found: Hit | None, hit: Hit, abstains: Callable[[Hit], bool]) -> Vote:
    if found:
        return Vote("keyword", found.rank, found.score)
    return Vote("keyword", None, None, abstained=abstains(hit))


def _counted(hit: Hit, votes: Sequence[Vote], missed: int, weights: Sequence[float]) -> Hit:
    """The hit with each vote's share of its fused score."""
    total = sum(weight for vote, weight in zip(votes, weights, strict=True) if not vote.abstained)
    counted = tuple(
        vote if vote.abstained else replace(vote, share=weight / total / (CONSTANT + (vote.rank or missed)))
        for vote, weight in zip(votes, weights, strict=True)
    )
    return replace(hit, votes=counted)
