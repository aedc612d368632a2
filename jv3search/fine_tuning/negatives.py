"""Hard negatives: passages that the model itself takes for an answer, and that are none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jv3search.fine_tuning.pairs import Pairs
from jv3search.types import Embedding

MOST = 8  # a query; each step draws one of them
_NEARLY = 0.95  # of the right passage's cosine; what comes closer may well be right and not be marked so:
# Moreira et al., "NV-Retriever: Improving text embedding models with effective hard-negative mining" (2024)
_AT_ONCE = 1024


def hard_negatives(pairs: Pairs, queries: Embedding, passages: Embedding) -> list[NDArray[np.int64]]:
    """For each query the places of at most `MOST` passages, nearest first; rows are unit vectors."""
    found, itself = [], pairs.itself()
    for start in range(0, len(queries), _AT_ONCE):
        for at, scores in enumerate(queries[start : start + _AT_ONCE] @ passages.T, start):
            right = list(pairs.relevant[at])
            scores[scores > _NEARLY * scores[right].max()] = -np.inf
            scores[right + itself[at]] = -np.inf
            nearest = np.argsort(-scores, kind="stable")[:MOST]
            found.append(nearest[np.isfinite(scores[nearest])])
    return found
