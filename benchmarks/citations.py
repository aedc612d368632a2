"""Whether a cited passage supports a sentence: how often the check is right.

    python -m benchmarks.citations [--half report] [--model jv3-mini] [--json]

citations-choice.tsv and citations-report.tsv hold 120 passages each in eight languages, every one with a sentence
that it supports and one that it does not, in the passage's language or in another. A wrong sentence is of the
same subject and says what the passage does not (`topic`), or says the passage with a fact changed or denied
(`changed`), or with another number in digits (`number`, 20 passages). The thresholds with the best mean of both
shares are found on the first file; the second is for reporting.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jv3search.answers.support import Support, other_numbers, threshold
from jv3search.encoders.models import load, locate
from jv3search.encoders.port import Encoder
from jv3search.types import Hit, Span

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Pair:
    """A sentence and the passage it cites: is it right, how is the passage's wrong one wrong, what is compared."""

    right: bool
    kind: str
    same_language: bool
    cosine: float
    numbers_stand: bool


def pairs(half: str, encoder: Encoder) -> list[Pair]:
    """The pairs of a file, compared as an answer's citations are."""
    with (HERE / f"citations-{half}.tsv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    support, found = Support(encoder), []
    for number, row in enumerate(rows):
        text, language = row["passage"], row["passage_language"]
        hit = Hit(number, 0.0, number, "", "", "txt", None, None, Span(0, len(text)), language, text)
        same = language == row["sentence_language"]
        for right, sentence in ((True, row["right"]), (False, row["wrong"])):
            stand = not other_numbers(sentence, text)
            found.append(Pair(right, row["kind"], same, support.cosine(sentence, hit)[0], stand))
    return found


def shares(of: Sequence[Pair], least: float | None = None, *, numbers: bool = True) -> dict[str, float]:
    """The shares of right pairs that pass, of wrong ones that are marked, and of each among all of its verdict.

    `least` is a cosine to try in place of the thresholds in use; `numbers`: whether those are compared, too.
    """
    passed = [
        pair.cosine >= (threshold(not pair.same_language) if least is None else least)
        and (pair.numbers_stand or not numbers)
        for pair in of
    ]
    right = [passes for pair, passes in zip(of, passed, strict=True) if pair.right]
    wrong = [passes for pair, passes in zip(of, passed, strict=True) if not pair.right]
    return {
        "right, passed": float(np.mean(right)),
        "wrong, marked": 1 - float(np.mean(wrong)),
        "precision of passing": sum(right) / max(1, sum(passed)),
        "precision of marking": (len(wrong) - sum(wrong)) / max(1, len(passed) - sum(passed)),
    }


def best_threshold(of: Sequence[Pair]) -> float:
    """The cosine with the best mean of right pairs that pass and wrong ones that are marked, in hundredths."""
    candidates = np.arange(0.0, 1.0, 0.01)
    balanced = [sum(list(shares(of, float(at)).values())[:2]) for at in candidates]
    return round(float(candidates[int(np.argmax(balanced))]), 2)


def groups(every: Sequence[Pair]) -> dict[str, list[Pair]]:
    """Pairs by their languages, and by how the wrong sentence of a passage is wrong."""
    return {
        "all": list(every),
        "same language": [pair for pair in every if pair.same_language],
        "across languages": [pair for pair in every if not pair.same_language],
        "not said there": [pair for pair in every if pair.kind == "topic"],
        "a fact changed": [pair for pair in every if pair.kind == "changed"],
        "a number changed": [pair for pair in every if pair.kind == "number"],
    }


def main() -> None:
    """Print the shares for groups of pairs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("choice", "report"), default="report")
    parser.add_argument("--model", default="jv3-mini")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    every = pairs(options.half, load(locate(options.model, Path("models"))))
    found = {}
    for name, of in groups(every).items():
        alone = {f"{key}, by cosine alone": value for key, value in shares(of, numbers=False).items()}
        found[name] = shares(of) | {"best": best_threshold(of)} | alone
    if options.json:
        print(json.dumps(found))
        return
    print(
        f"thresholds: {threshold(False)} in one language, {threshold(True)} across; `best` is what these pairs say"
    )
    for name, shown in found.items():
        print(f"  {name:17}", "  ".join(f"{key} {value:.2f}" for key, value in shown.items()))


if __name__ == "__main__":
    main()
