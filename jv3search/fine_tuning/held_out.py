"""Pairs that are kept back: an adapter is measured on what it has not learned from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from jv3search.errors import InputError
from jv3search.fine_tuning.pairs import Pairs

_SHARE = 0.2
_MOST = 2000  # queries measured on: more take time and narrow no interval that matters
_LEAST = 10  # queries measured on: with fewer an interval says nothing
_LEAST_PAIRS = 50


def split(pairs: Pairs, seed: int) -> tuple[Pairs, Pairs]:
    """(to learn from, to measure on): no passage that belongs to a query of the second is in the first.

    The second has all passages, for a search has to choose among all of them. InputError if there are too few.
    """
    if len(pairs) < _LEAST_PAIRS:
        raise InputError(
            f"{pairs.name} has {len(pairs)} queries, at least {_LEAST_PAIRS} are needed: four fifths to learn "
            "from, the rest to measure on; a few hundred are better"
        )
    held = _held(pairs, seed)
    if len(held) < _LEAST:
        raise InputError(
            f"only {len(held)} of the {len(pairs)} queries of {pairs.name} share no passage with the others, too "
            "few to measure on: most of them have the same passages"
        )
    return _to_learn(pairs, held), _some(pairs, sorted(held), range(len(pairs.passages)))


def _held(pairs: Pairs, seed: int) -> set[int]:
    """Families of queries in a random order, as long as they fit."""
    wanted = min(_MOST, round(_SHARE * len(pairs)))
    alone = [[place] for place in range(len(pairs))]
    families = alone if pairs.by_label else list(_families(pairs.relevant))
    held: set[int] = set()
    for at in np.random.default_rng(seed).permutation(len(families)):
        if len(held) + len(families[at]) <= wanted:
            held.update(families[at])
    return held


def _families(relevant: Sequence[frozenset[int]]) -> Iterator[list[int]]:
    """Places of queries that share passages, directly or through others."""
    asked: dict[int, list[int]] = defaultdict(list)
    for query, places in enumerate(relevant):
        for place in places:
            asked[place].append(query)
    seen: set[int] = set()
    for first in range(len(relevant)):
        family, waiting = [], [first]
        while waiting:
            query = waiting.pop()
            if query not in seen:
                seen.add(query)
                family.append(query)
                waiting += [other for place in relevant[query] for other in asked[place]]
        if family:
            yield family


def _to_learn(pairs: Pairs, held: set[int]) -> Pairs:
    if pairs.by_label:
        own = {pairs.queries[query] for query in held}
        kept = [place for place, text in enumerate(pairs.passages) if text not in own]
    else:
        theirs = frozenset[int]().union(*(pairs.relevant[query] for query in held))
        kept = [place for place in range(len(pairs.passages)) if place not in theirs]
    return _some(pairs, [query for query in range(len(pairs)) if query not in held], kept)


def _some(pairs: Pairs, queries: Sequence[int], passages: Sequence[int]) -> Pairs:
    """Some queries with some passages; a query to which none of them belongs is left out."""
    new = {place: at for at, place in enumerate(passages)}
    relevant = {at: frozenset(new[place] for place in pairs.relevant[at] if place in new) for at in queries}
    kept = [at for at in queries if relevant[at]]
    return Pairs(
        pairs.name,
        tuple(pairs.queries[at] for at in kept),
        tuple(pairs.passages[place] for place in passages),
        tuple(relevant[at] for at in kept),
        pairs.by_label,
    )
