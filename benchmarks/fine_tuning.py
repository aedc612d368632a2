"""Fine-tuning shown: jv3-mini tuned on the headings of one book, measured on another.

    python -m benchmarks.fine_tuning [--book reference | faq] [--languages en,de,...] [--learn 250]
        [--sections 150] [--epochs N] [--rate R] [--engine E] [--fresh]

Fetches the Debian Administrator's Handbook and another book by name with apt-get (nothing is installed);
jv3-mini has learned from neither. The headings of the Handbook in eight languages are queries for the sections
below them, in each of the languages: `jv3search train-adapter` is run on them, in a process of its own whose
minutes and peak memory are shown; a model that is there from an earlier run is used, unless --fresh. Then it is
measured before and after on the headings of the other book, in the same way as `train-adapter` measures: the
Debian Reference, or the Debian FAQ, on which the rate was chosen. Passages have no headings, so that no query can
be found by its own words. Printed are the means over sections (of --sections, evenly spaced), the 95 % bootstrap
interval of the difference, and the difference of each pair of languages.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.packages import unpacked
from jv3search.cli.progress import counting
from jv3search.config import load_settings
from jv3search.encoders.models import TUNED
from jv3search.evaluation.matrix import ANY, Matrix, differences
from jv3search.evaluation.measures import Estimate, estimate
from jv3search.evaluation.reports import matrix_as_json
from jv3search.fine_tuning.measured import MEASURE, matrix, worse
from jv3search.fine_tuning.pairs import Pairs, read_pairs
from jv3search.fine_tuning.training_set import Tasks, embedded, shortened
from jv3search.knowledge_base import encoder_of, with_model
from training.reference import INDEXES, Section, book
from training.settings import FAQ_PACKAGES

WORK = Path(__file__).parent / "work" / "fine-tuning"
BOOKS = WORK / "books"
TASKS: Tasks = ("retrieval.query", "retrieval.passage")
LEAST = 60  # characters below a heading
MOST = 1200  # as many tokens as are learned from, at least
HANDBOOK = {
    "en": "en-US", "de": "de-DE", "es": "es-ES", "fr": "fr-FR",
    "it": "it-IT", "ja": "ja-JP", "pt": "pt-BR", "zh": "zh-CN",
}  # fmt: skip
REFERENCE = {"en": "en", "de": "de", "es": "es", "fr": "fr", "it": "it", "ja": "ja", "pt": "pt", "zh": "zh-cn"}
Book = dict[str, dict[str, Section]]
"""Language -> anchor -> section."""


def handbook() -> Book:
    """The Debian Administrator's Handbook."""
    folder = unpacked(BOOKS, "debian-handbook") / "debian-handbook"
    return {lang: _book(sorted(folder.rglob(f"{name}/*.html"))) for lang, name in HANDBOOK.items()}


def reference() -> Book:
    """The Debian Reference."""
    packages = [f"debian-reference-{name}" for name in REFERENCE.values()]
    folder = unpacked(BOOKS, *packages)
    return {
        lang: _book(sorted((folder / f"debian-reference-{name}").rglob(f"*.{name}.html")))
        for lang, name in REFERENCE.items()
    }


def faq() -> Book:
    """The Debian FAQ."""
    folder = unpacked(BOOKS, *FAQ_PACKAGES.values())
    return {
        lang.removesuffix("-cn"): _book(sorted((folder / package).rglob(f"*.{lang}.html")))
        for lang, package in FAQ_PACKAGES.items()
    }


def _book(pages: list[Path]) -> dict[str, Section]:
    """Sections by page and anchor: the FAQ's anchors begin anew in each page."""
    found: dict[str, Section] = {}
    for page in pages:
        if not page.name.startswith(INDEXES):
            found |= {f"{page.name.split('.')[0]}/{name}": section for name, section in book([page]).items()}
    return found


def translated(of: Book) -> Book:
    """Without what is left in English, and what has hardly a text."""
    english = of["en"]
    return {
        lang: {
            name: section
            for name, section in sections.items()
            if len(section.text) >= LEAST
            and section.title
            and (lang == "en" or (name in english and section.text != english[name].text))
        }
        for lang, sections in of.items()
    }


def write_beir(folder: Path, of: Book, most: int) -> int:
    """A data set of a book's sections, at most `most` of each language (0: all); how many queries it has."""
    anchors = [name for name in of["en"] if sum(name in sections for sections in of.values()) > 1]
    few = 0 < most < len(anchors)
    asked = {anchors[i * len(anchors) // most] for i in range(most)} if few else set(anchors)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "qrels").mkdir(parents=True)
    corpus, queries, qrels = [], [], ["query-id\tcorpus-id\tscore"]
    for lang, sections in of.items():
        for name in sorted(asked & sections.keys()):
            key = f"{lang} {name}"
            corpus.append({"_id": key, "text": sections[name].text[:MOST], "language": lang})
            queries.append({"_id": key, "text": sections[name].title, "language": lang})
            qrels += [f"{key}\t{other} {name}\t1" for other, found in of.items() if name in found]
    for file, rows in (("corpus", corpus), ("queries", queries)):
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{file}.jsonl").write_text(lines, encoding="utf-8")
    (folder / "qrels" / "train.tsv").write_text("\n".join(qrels) + "\n", encoding="utf-8")
    return len(queries)


def tuned(data: Path, out: Path, options: argparse.Namespace) -> dict[str, Any]:
    """`jv3search train-adapter` in a process of its own, or what an earlier run of it wrote."""
    if out.exists():
        earlier: dict[str, Any] = json.loads((out / TUNED).read_text(encoding="utf-8"))
        return earlier
    command = [sys.executable, "-m", "jv3search", "train-adapter", str(data), "--model", "jv3-mini", "--json"]
    command += ["--out", str(out), "--epochs", str(options.epochs), "--engine", options.engine]
    command += ["--rate", str(options.rate)] if options.rate else []
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1) or not done.stdout:
        raise SystemExit(done.returncode)
    processor = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    print(f"{processor / 60:.1f} minutes of the processor", file=sys.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measured(pairs: Pairs, model: str, engine: str) -> Matrix:
    """How well headings find their sections by cosine, as `train-adapter` measures."""
    settings = with_model(load_settings({"model": model, "engine": engine}))
    encoder = encoder_of(settings)
    cut = shortened(pairs, encoder, TASKS)
    return matrix(cut, *embedded(cut, encoder, TASKS, counting, Path(model).name).of(cut))


def by_section(pairs: Pairs, of: Matrix, *, same: bool) -> NDArray[np.float64]:
    """The mean of each section over its headings, in the language of the text or in all others.

    The headings of a section are translations: as queries they are no independent draws, sections are.
    """
    values: dict[frozenset[int], list[float]] = defaultdict(list)
    for (asked, answered), cell in of.cells.items():
        if answered != ANY and (asked == answered) == same:
            for query, value in zip(_queries(pairs, asked, answered), cell.values[MEASURE].tolist(), strict=True):
                values[pairs.relevant[query]].append(value)
    return np.array([np.mean(each) for each in values.values()])


def _queries(pairs: Pairs, asked: str, answered: str) -> list[int]:
    """Those of a cell, in its order."""
    return [
        at
        for at, query in enumerate(pairs.queries)
        if query.language == asked
        and any(pairs.passages[place].language == answered for place in pairs.relevant[at])
    ]


def show(name: str, pairs: Pairs, before: Matrix, after: Matrix) -> None:
    """Means over sections with the interval of their difference, then the difference of each pair of languages."""
    for same in (True, False):
        a, b = (by_section(pairs, of, same=same) for of in (before, after))
        rise, which = estimate(b - a), "same language" if same else "across languages"
        interval = f"{rise.low:+.3f} to {rise.high:+.3f}, {len(a)} sections"
        print(f"{name}, {which}: {MEASURE} {a.mean():.3f} -> {b.mean():.3f}, {rise.mean:+.3f} ({interval})")
    rises = differences(before, after, MEASURE)
    better = sum(of.low is not None and of.low > 0 for of in rises.values())
    print(
        f"{name}: of {len(rises)} pairs of languages {better} rose by more than the interval, {len(worse(rises))} "
        "fell by more; the difference of each, with * where the interval does not hold 0"
    )
    print("\t".join(["", *after.columns]))
    for row in after.rows:
        print("\t".join([row, *(_change(rises.get((row, column))) for column in after.columns)]))


def _change(rise: Estimate | None) -> str:
    if rise is None or rise.low is None or rise.high is None:
        return "-"
    return f"{rise.mean:+.3f}" + ("*" if rise.low > 0 or rise.high < 0 else "")


def held_out(training: dict[str, Any]) -> str:
    """The Handbook's own headings before and after."""
    means = [training[when]["means"][MEASURE] for when in ("before", "after")]
    told = [
        f"{which.replace('_', ' ')} " + " -> ".join(f"{of[which]['mean']:.3f}" for of in means)
        for which in ("same_language", "across_languages")
    ]
    return f"Handbook, held out: {', '.join(told)}; worse in {training['worse'] or 'no pair'}"


def main() -> None:
    """Fetch, tune, measure, and print one JSON line after the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--book", choices=["reference", "faq"], default="reference")
    parser.add_argument("--languages", default=",".join(HANDBOOK), help="of the Handbook, to learn from")
    parser.add_argument("--sections", type=int, default=150, help="of the other book, asked for; 0: all")
    parser.add_argument("--learn", type=int, default=250, help="sections of the Handbook to learn from; 0: all")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--fresh", action="store_true", help="tune again")
    options = parser.parse_args()
    languages = options.languages.split(",")
    own = {lang: sections for lang, sections in translated(handbook()).items() if lang in languages}
    queries = write_beir(WORK / "handbook", own, options.learn)
    print(f"the Handbook in {len(own)} languages: {queries} headings", file=sys.stderr)
    out = WORK / f"tuned-{options.epochs}-{options.rate:g}"
    if options.fresh:
        shutil.rmtree(out, ignore_errors=True)
        shutil.rmtree(f"{out}.partial", ignore_errors=True)
    training = tuned(WORK / "handbook", out, options)
    model = out if out.exists() else Path(f"{out}.partial") / "model"
    other = translated({"reference": reference, "faq": faq}[options.book]())
    write_beir(WORK / options.book, other, options.sections)
    pairs = read_pairs(WORK / options.book, "retrieval")
    before, after = (measured(pairs, name, options.engine) for name in ("jv3-mini", str(model)))
    print(
        f"tuned in {training['seconds'] / 60:.1f} minutes, peak {training['megabytes']:.0f} MB, "
        f"{training['steps']} steps"
    )
    print(held_out(training))
    show(options.book, pairs, before, after)
    found = {"before": matrix_as_json(before), "after": matrix_as_json(after)}
    print(json.dumps({"training": training, options.book: found}))


if __name__ == "__main__":
    main()
