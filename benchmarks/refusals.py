"""When an answer is refused: what other thresholds of relevance would give.

    python -m benchmarks.refusals [--half report] [--model jv3-mini] [--json]

Every question of the everyday set is searched. For each threshold: the shares of the questions in a document's
language and across languages that are answered, and answered with the right document first, and the share of the
unanswerable questions that are refused. docs/decisions/answers.md says what came of it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jv3search.cli.progress import counting
from jv3search.config import load_settings
from jv3search.encoders.port import Encoder
from jv3search.evaluation.collection import Collection, Query
from jv3search.evaluation.evaluate import dataset_index
from jv3search.indexes import IndexReader
from jv3search.knowledge_base import KnowledgeBase, encoder_of, with_model
from jv3search.search.relevance import COEFFICIENTS
from jv3search.search.retrieval import SearchOptions, plain_request, retrieve
from jv3search.types import Filter

EVERYDAY = Path(__file__).parents[1] / "tests" / "evaluation" / "everyday"
THRESHOLDS = (COEFFICIENTS["hybrid"].threshold, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3)


@dataclass(frozen=True, slots=True)
class Found:
    """A question's kind (`same`, `across`, `none`), its best passage's relevance, and whether that is right."""

    kind: str
    relevance: float
    right: bool


def measured(half: str, model: str) -> list[Found]:
    """The best passage for each question of a half."""
    kb = KnowledgeBase(with_model(load_settings({"model": model})))
    encoder = encoder_of(kb.settings)
    with dataset_index(EVERYDAY / half, encoder, kb.manifest(), "late", counting) as (reader, collection):
        queries = (*collection.queries, *collection.unanswerable)
        return [_found(reader, encoder, collection, query) for query in queries]


def _found(reader: IndexReader, encoder: Encoder, collection: Collection, query: Query) -> Found:
    hits = retrieve(reader, encoder, plain_request(query.text, Filter()), SearchOptions(1)).hits
    languages = {collection.languages[name] for name in query.relevant}
    kind = "same" if query.language in languages else "across" if languages else "none"
    return Found(kind, *((hits[0].relevance, hits[0].uri in query.relevant) if hits else (0.0, False)))


def shares(every: Sequence[Found], threshold: float) -> dict[str, float]:
    """What a threshold gives."""
    found = {"threshold": threshold}
    for kind in ("same", "across"):
        of = [one for one in every if one.kind == kind]
        found[f"answered, {kind}"] = float(np.mean([one.relevance >= threshold for one in of]))
        found[f"right, {kind}"] = float(np.mean([one.relevance >= threshold and one.right for one in of]))
    unanswerable = [one for one in every if one.kind == "none"]
    return found | {"refused, none": float(np.mean([one.relevance < threshold for one in unanswerable]))}


def main() -> None:
    """Print a line for each threshold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("choice", "report"), default="report")
    parser.add_argument("--model", default="jv3-mini")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    every = measured(options.half, options.model)
    found = [shares(every, threshold) for threshold in THRESHOLDS]
    if options.json:
        print(json.dumps(found))
        return
    for line in found:
        print("  ".join(f"{key} {value:.2f}" for key, value in line.items()))


if __name__ == "__main__":
    main()
