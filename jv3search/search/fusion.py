"""Two rankings made one, in which a leg that cannot have an opinion of a chunk has none.

Reciprocal rank fusion (Cormack, Clarke, Büttcher 2009), as the weighted mean over the legs that vote instead of
their sum: words cannot find a passage in another language, so there the keyword leg abstains, and the passage
stands where its embedding puts it. A sum would count the silence against it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from jv3search.types import Hit, Vote

# Measured on the Debian Reference, see docs/decisions/search.md. The dense leg has the weight 1.
CONSTANT = 10  # how much the first ranks differ; the paper has 60, for rankings of a thousand
KEYWORD_WEIGHT = 0.3
FOREIGN_WEIGHT = 0.15  # of the keyword leg for what it found in another language: a name or a command they share


def fuse(
    dense: Sequence[Hit], keyword: Sequence[Hit], is_foreign: Callable[[Hit], bool], *, depth: int
) -> list[Hit]:
    """All hits of both legs, each asked for `depth`, best first, each with both votes; equal ones by id.

    A leg that found a chunk votes for it with its rank; one that could have found it, but did not, with the rank
    after `depth`. The keyword leg could not have found what `is_foreign` to the question: there it abstains.
    """
    by_meaning = {hit.chunk_id: hit for hit in dense}
    by_words = {hit.chunk_id: hit for hit in keyword}
    fused = []
    for key in by_meaning.keys() | by_words.keys():
        hit = by_meaning.get(key) or by_words[key]
        foreign = is_foreign(hit)
        votes = _dense_vote(by_meaning.get(key), hit), _keyword_vote(by_words.get(key), foreign)
        fused.append(_counted(hit, votes, depth + 1, FOREIGN_WEIGHT if foreign else KEYWORD_WEIGHT))
    fused.sort(key=lambda hit: (-sum(vote.share for vote in hit.votes), hit.chunk_id))
    return [replace(hit, rank=rank) for rank, hit in enumerate(fused, 1)]


def _dense_vote(found: Hit | None, hit: Hit) -> Vote:
    return found.votes[0] if found else Vote("dense", None, hit.score)


def _keyword_vote(found: Hit | None, foreign: bool) -> Vote:
    return found.votes[0] if found else Vote("keyword", None, None, abstained=foreign)


def _counted(hit: Hit, votes: tuple[Vote, Vote], missed: int, keyword_weight: float) -> Hit:
    """The hit with each vote's share of its fused score."""
    weights = [
        0.0 if vote.abstained else weight for vote, weight in zip(votes, (1.0, keyword_weight), strict=True)
    ]
    counted = tuple(
        replace(vote, share=weight / sum(weights) / (CONSTANT + (vote.rank or missed)))
        for vote, weight in zip(votes, weights, strict=True)
    )
    return replace(hit, votes=counted)
