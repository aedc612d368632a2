"""Reranking: nDCG@10 and first places by the cosine, by MaxSim, and by the mean of both, with jv3-mini.

    python -m benchmarks.rerank

Every query of the three small sets of `tests/evaluation` is compared with all passages of its set.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jv3search.encoders.models import MINI, load, locate
from jv3search.encoders.port import Encoder
from jv3search.evaluation.beir import read_beir
from jv3search.search.reranking import max_similarity, mean_similarity, relevance

SETS = Path(__file__).parents[1] / "tests" / "evaluation"
NAMES = ("multilingual", "everyday/choice", "everyday/report")
Score = Callable[[NDArray[np.float32], NDArray[np.float32]], float]
SCORES: dict[str, Score] = {"cosine": mean_similarity, "MaxSim": max_similarity, "both": relevance}
DEPTH = 10


def gains(found: NDArray[np.bool_]) -> float:
    """nDCG@10 of a ranking; (documents,) says which of them are relevant."""
    discounts = 1 / np.log2(np.arange(2, DEPTH + 2))
    ideal = discounts[: int(found.sum())].sum()
    return float((found[:DEPTH] * discounts[: len(found)]).sum() / ideal)


def measured(encoder: Encoder, name: str) -> tuple[int, dict[str, tuple[float, float]]]:
    """How many queries a set has, and for each score the mean nDCG@10 and the share of right first places."""
    corpus, collection = read_beir(SETS / name)
    states = [found.states for found in encoder.encode_tokens([d.text for d in corpus], "retrieval.passage")]
    asked = encoder.encode_tokens([query.text for query in collection.queries], "retrieval.query")
    relevant = [np.array([d.id in query.relevant for d in corpus]) for query in collection.queries]
    results = {}
    for kind, score in SCORES.items():
        values = [[score(query.states, document) for document in states] for query in asked]
        ranked = [right[np.argsort(-np.array(row))] for row, right in zip(values, relevant, strict=True)]
        results[kind] = (float(np.mean([gains(r) for r in ranked])), float(np.mean([r[0] for r in ranked])))
    return len(asked), results


def main() -> None:
    """Print a line for each set and score."""
    encoder = load(locate(MINI, Path("absent")))
    for name in NAMES:
        queries, results = measured(encoder, name)
        for kind, (ndcg, first) in results.items():
            print(f"{name:16} {queries:4} queries   {kind:7} nDCG@10 {ndcg:.3f}   first right {first:.3f}")


if __name__ == "__main__":
    main()
