"""How well a text answers a query, by late interaction of their token states.

Every token of the query counts with the token of the text that is most like it (MaxSim: Khattab & Zaharia 2020,
arXiv 2004.12832); the mean of that and the cosine of the two mean states is the score. The model was trained for
the cosine alone, and the two err differently: nDCG@10 of 404 everyday questions 0.60 by both, 0.54 by the cosine,
0.54 by MaxSim (`python -m benchmarks.rerank`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jv3search.types import unit_rows


def relevance(query: NDArray[np.float32], text: NDArray[np.float32]) -> float:
    """Token states of a query (Q, dimension) and a text (T, dimension) -> -1 to 1, higher is better."""
    return (max_similarity(query, text) + mean_similarity(query, text)) / 2


def max_similarity(query: NDArray[np.float32], text: NDArray[np.float32]) -> float:
    """The mean, over the query's tokens, of the highest cosine with a token of the text."""
    return float((unit_rows(query) @ unit_rows(text).T).max(axis=1).mean())


def mean_similarity(query: NDArray[np.float32], text: NDArray[np.float32]) -> float:
    """The cosine of the mean states."""
    return float(unit_rows(query.mean(axis=0)) @ unit_rows(text.mean(axis=0)))
