"""A person's own folders: are the right hits on top, and is it said when there are none?

    python -m benchmarks.everyday [--half report] [--manuals] [--modes hybrid,dense,keyword] [--model M] [--json]

Asks the questions of `tests/evaluation/everyday/<half>` of an index of its documents, all languages competing;
with --manuals the Debian manuals of that half lie in the same index (fetched by apt-get, nothing is installed):
the Handbook in four languages for the half that constants are chosen on, the Reference in eight for the one that
is reported. Prints, each with its 95 % bootstrap interval:

- hit@1, hit@3 and nDCG@10 of documents, and hit@3 of passages (the hit holds the sentence that answers), for
  questions in the document's language and in another one, and for each kind of question;
- refusals: the share of unanswerable and of answerable questions to which "nothing relevant" is said, and the
  precision of saying it;
- what the words on a card ("very close", ...) are worth: the share of first hits with each that answer, by whether
  the hit is in the question's language;
- magnets: the largest share of the questions that a document does not answer for which it is among the first three
  hits, beside what three documents drawn at random give on average.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.debian_reference import fetch as fetch_reference
from jv3search import knowledge_base
from jv3search.evaluation.measures import Estimate, estimate
from jv3search.knowledge_base import KnowledgeBase
from jv3search.types import Hit, Mode
from jv3search.ui.closeness import closeness

SETS = Path(__file__).parent.parent / "tests" / "evaluation" / "everyday"
WORK = Path(__file__).parent / "work" / "everyday"
HANDBOOK = ("en-US", "de-DE", "fr-FR", "ja-JP")
SHOWN = 10
FIRST = 3
DRAWS = 1_000  # for what chance gives


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a set; `passages` maps the documents that answer it to the words that do."""

    id: str
    text: str
    language: str
    kind: str
    passages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A question, what was found, and whether it was said that nothing there is relevant."""

    question: Question
    same_language: bool
    hits: tuple[Hit, ...]
    refused: bool

    def rank(self, *, passages: bool = False) -> int:
        """Of the first hit in a document that answers, or that holds the very passage; 0 if there is none."""
        named = list(dict.fromkeys(document(hit) for hit in self.hits))
        if not passages:
            return next((at for at, name in enumerate(named, 1) if name in self.question.passages), 0)
        return next((at for at, hit in enumerate(self.hits, 1) if self._holds(hit)), 0)

    def _holds(self, hit: Hit) -> bool:
        words = self.question.passages.get(document(hit))
        return words is not None and "".join(words.split()) in "".join(hit.text.split())


def document(hit: Hit) -> str:
    """The name of a hit's document in the set, or its path."""
    path = Path(hit.uri)
    return path.stem if path.suffix == ".txt" else hit.uri


def rows(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def questions(half: str) -> list[Question]:
    """The questions of a half, those that nothing answers among them."""
    return [
        Question(row["_id"], row["text"], row["language"], row["kind"], row.get("passages", {}))
        for row in rows(SETS / half / "queries.jsonl")
    ]


def documents(half: str, folder: Path) -> dict[str, str]:
    """Write the documents of a half as text files; their languages by name."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    found = rows(SETS / half / "corpus.jsonl")
    for row in found:
        (folder / f"{row['_id']}.txt").write_text(row["text"], encoding="utf-8")
    return {row["_id"]: row["language"] for row in found}


def manuals(half: str) -> list[Path]:
    """HTML pages in some languages, which answer none of the questions."""
    if half == "report":
        return sorted(fetch_reference().glob("*/*.html"))
    unpacked = WORK / "handbook"
    if not unpacked.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-qq", "debian-handbook"], cwd=WORK, check=True)
        subprocess.run(["dpkg", "-x", next(WORK.glob("debian-handbook*.deb")), unpacked], check=True)
    return sorted(page for language in HANDBOOK for page in unpacked.rglob(f"{language}/*.html"))


def index_of(half: str, model: str, *, with_manuals: bool) -> tuple[Path, dict[str, str]]:
    """An index of a half, brought up to date, and its documents' languages."""
    name = f"{half}{'-manuals' if with_manuals else ''}"
    languages = documents(half, WORK / half)
    index = WORK / f"index-{name}-{Path(model).name}"
    paths = [WORK / half, *(manuals(half) if with_manuals else ())]
    command = [sys.executable, "-m", "jv3search", "ingest", *map(str, paths), "--index", str(index)]
    subprocess.run([*command, "--model", model, "--prune"], stdout=sys.stderr, check=True)
    return index, languages


def ask(kb: KnowledgeBase, asked: Iterable[Question], languages: Mapping[str, str], mode: Mode) -> list[Outcome]:
    """Every question, as the application asks it."""
    found = []
    for question in asked:
        result = kb.search(plain(question.text), k=SHOWN, mode=mode, group=False)
        same = any(languages[name] == question.language for name in question.passages)
        found.append(Outcome(question, same, result.hits, result.nothing_relevant))
    return found


def plain(text: str) -> str:
    """A question in which nothing is an operator."""
    return text.replace('"', " ").replace(" -", " ")


def measured(asked: Sequence[Outcome]) -> dict[str, Any]:
    """All figures of one mode."""
    answerable = [one for one in asked if one.question.passages]
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for one in answerable:
        groups["same language" if one.same_language else "across languages"].append(one)
        groups[f"{one.question.kind}, {'same' if one.same_language else 'across'}"].append(one)
    return {
        "questions": {name: quality(of) for name, of in sorted(groups.items(), key=order)},
        "refusals": refusals(asked),
        "closeness": closeness_of_first(asked),
        "magnets": magnets(asked),
    }


def order(group: tuple[str, Sequence[Outcome]]) -> tuple[bool, str]:
    """The two large groups first."""
    return "language" not in group[0], group[0]


def quality(asked: Sequence[Outcome]) -> dict[str, Any]:
    """Estimates over questions."""
    ranks = np.array([one.rank() for one in asked])
    passages = np.array([one.rank(passages=True) for one in asked])
    # one or two right documents: the best possible gain is that of the first place, as nearly all have one
    gain = np.where(ranks > 0, 1 / np.log2(np.maximum(ranks, 1) + 1), 0.0)
    values = {
        "hit@1": (ranks == 1).astype(float),
        f"hit@{FIRST}": ((ranks > 0) & (ranks <= FIRST)).astype(float),
        "nDCG@10": gain,
        f"passage@{FIRST}": ((passages > 0) & (passages <= FIRST)).astype(float),
    }
    return {"n": len(asked), **{name: asdict(estimate(found)) for name, found in values.items()}}


def refusals(asked: Sequence[Outcome]) -> dict[str, Any]:
    """How often "nothing relevant" is said, where it is right and where it is not."""
    unanswerable = [one.refused for one in asked if not one.question.passages]
    groups = {
        "unanswerable": unanswerable,
        "answerable": [one.refused for one in asked if one.question.passages],
        "answerable, same language": [one.refused for one in asked if one.question.passages and one.same_language],
        "answerable, found among three": [one.refused for one in asked if 0 < one.rank() <= FIRST],
    }
    said = sum(one.refused for one in asked)
    shares = {name: asdict(estimate(np.array(of, float))) for name, of in groups.items() if of}
    return {"precision": sum(unanswerable) / said if said else None, **shares}


def closeness_of_first(asked: Sequence[Outcome]) -> dict[str, Any]:
    """How often the first hit answers, by what its card says of it; refused questions are left out."""
    right: dict[str, list[bool]] = defaultdict(list)
    for one in asked:
        if one.hits and not one.refused:
            first = one.hits[0]
            where = "the question's language" if first.language == one.question.language else "another language"
            right[f"{closeness(first)}, in {where}"].append(document(first) in one.question.passages)
    return {
        name: {"n": len(of), "right": asdict(estimate(np.array(of, float)))} for name, of in sorted(right.items())
    }


def magnets(asked: Sequence[Outcome]) -> dict[str, Any]:
    """The document that stands among the first three of most questions that it does not answer."""
    seen: Counter[str] = Counter()
    unrelated: Counter[str] = Counter()
    names = {document(hit) for one in asked for hit in one.hits}
    for one in asked:
        first = list(dict.fromkeys(document(hit) for hit in one.hits))[:FIRST]
        seen.update(name for name in first if name not in one.question.passages)
        unrelated.update(name for name in names if name not in one.question.passages)
    if not seen:
        return {"document": None, "share": 0.0, "chance": 0.0}
    name, share = max(((name, seen[name] / unrelated[name]) for name in seen), key=lambda pair: pair[1])
    return {"document": Path(name).name, "share": share, "chance": by_chance(len(asked), len(names))}


def by_chance(asked: int, among: int) -> float:
    """The largest such share if each question drew three of `among` documents, on average."""
    rng = np.random.default_rng(0)
    largest = rng.binomial(asked, min(1.0, FIRST / among), size=(DRAWS, among)).max(axis=1)
    return float(largest.mean() / asked)


def show(mode: str, found: Mapping[str, Any]) -> None:
    """The figures of one mode for a terminal."""
    print(f"\n{mode}")
    for name, values in found["questions"].items():
        cells = "  ".join(f"{key} {_written(Estimate(**of))}" for key, of in values.items() if key != "n")
        print(f"  {name:24} n={values['n']:3}  {cells}")
    for name, of in found["refusals"].items():
        print(f"  refused, {name}: {_written(Estimate(**of)) if isinstance(of, dict) else of}")
    for name, of in found["closeness"].items():
        print(f"  {name}: n={of['n']} right {_written(Estimate(**of['right']))}")
    magnet = found["magnets"]
    print(f"  magnet: {magnet['document']} {magnet['share']:.3f}, by chance {magnet['chance']:.3f}")


def _written(found: Estimate) -> str:
    interval = "" if found.low is None else f" ({found.low:.2f}-{found.high:.2f})"
    return f"{found.mean:.3f}{interval}"


def main() -> None:
    """Measure each mode."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("report", "choice"), default="report")
    parser.add_argument("--manuals", action="store_true")
    parser.add_argument("--modes", default="hybrid,dense,keyword")
    parser.add_argument("--model", default="jv3-mini")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    index, languages = index_of(options.half, options.model, with_manuals=options.manuals)
    found = {}
    with knowledge_base.open(index) as kb:
        for mode in options.modes.split(","):
            found[mode] = measured(ask(kb, questions(options.half), languages, mode))
            if not options.json:
                show(mode, found[mode])
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
