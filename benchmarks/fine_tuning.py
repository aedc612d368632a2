"""Fine-tuning shown: jv3-mini tuned on the headings of one book, measured on another.

    python -m benchmarks.fine_tuning [--book reference | faq] [--languages en,de,...] [--learn 250]
        [--sections 150] [--epochs N] [--rate R] [--fresh]

Fetches the Debian Administrator's Handbook and another book by name with apt-get (nothing is installed);
jv3-mini has learned from neither. The headings of the Handbook in eight languages are queries for the sections
below them, in each of the languages: `jv3search train-adapter` is run on them, in a process of its own whose
minutes and peak memory are shown. Then `jv3search eval --mode dense` measures the model before and after on the
other book: the Debian Reference, or the Debian FAQ, on which the constants were chosen. Passages have no
headings, so that no query can be found by its own words.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.packages import unpacked
from training.reference import INDEXES, Section, book
from training.settings import FAQ_PACKAGES

WORK = Path(__file__).parent / "work" / "fine-tuning"
BOOKS = WORK / "books"
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


def write_beir(folder: Path, of: Book, most: int, split: str) -> int:
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
    (folder / "qrels" / f"{split}.tsv").write_text("\n".join(qrels) + "\n", encoding="utf-8")
    return len(queries)


def tuned(data: Path, out: Path, options: argparse.Namespace) -> dict[str, Any]:
    """`jv3search train-adapter`, with its peak memory as the operating system counts it."""
    command = [sys.executable, "-m", "jv3search", "train-adapter", str(data), "--model", "jv3-mini", "--json"]
    command += ["--out", str(out), "--epochs", str(options.epochs)]
    command += ["--rate", str(options.rate)] if options.rate else []
    began = time.perf_counter()
    done = subprocess.run(["/usr/bin/time", "-f", "%M %U", *command], capture_output=True, text=True)
    sys.stderr.write(done.stderr)
    if done.returncode not in (0, 1) or not done.stdout:
        raise SystemExit(done.returncode)
    peak, processor = done.stderr.strip().splitlines()[-1].split()
    found: dict[str, Any] = json.loads(done.stdout)
    return found | {
        "minutes": (time.perf_counter() - began) / 60,
        "processor_minutes": float(processor) / 60,
        "peak_mb": int(peak) / 1024,
    }


def measured(data: Path, model: str) -> dict[str, Any]:
    """`jv3search eval` on the other book, by meaning alone."""
    command = [sys.executable, "-m", "jv3search", "eval", str(data), "--model", model, "--mode", "dense", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    (run,) = json.loads(done.stdout)["runs"]
    found: dict[str, Any] = run
    return found


def show(name: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Means, and how many pairs of languages rose or fell."""
    for measure in before["means"]:
        for which in ("same_language", "across_languages"):
            a, b = (run["means"][measure][which] for run in (before, after))
            print(f"{name}: {measure} {which.replace('_', ' ')} {a['mean']:.3f} -> {b['mean']:.3f}")
    cells = [
        {(c["query"], c["document"]): c["nDCG@10"]["mean"] for c in run["cells"] if c["document"] != "any"}
        for run in (before, after)
    ]
    rises = sorted((cells[1][pair] - value, pair) for pair, value in cells[0].items())
    print(
        f"{name}: {sum(rise > 0 for rise, _ in rises)} of {len(rises)} pairs of languages rose; least "
        f"{rises[0][0]:+.3f} ({' -> '.join(rises[0][1])}), most {rises[-1][0]:+.3f} ({' -> '.join(rises[-1][1])})"
    )


def main() -> None:
    """Fetch, tune, measure, and print one JSON line after the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--book", choices=["reference", "faq"], default="reference")
    parser.add_argument("--languages", default=",".join(HANDBOOK), help="of the Handbook, to learn from")
    parser.add_argument("--sections", type=int, default=150, help="of the other book, asked for; 0: all")
    parser.add_argument("--learn", type=int, default=250, help="sections of the Handbook to learn from; 0: all")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--fresh", action="store_true", help="tune again")
    options = parser.parse_args()
    languages = options.languages.split(",")
    own = {lang: sections for lang, sections in translated(handbook()).items() if lang in languages}
    queries = write_beir(WORK / "handbook", own, options.learn, "train")
    print(f"the Handbook in {len(own)} languages: {queries} headings", file=sys.stderr)
    out = WORK / f"tuned-{options.epochs}-{options.rate:g}"
    if options.fresh:
        shutil.rmtree(out, ignore_errors=True)
        shutil.rmtree(f"{out}.partial", ignore_errors=True)
    training = tuned(WORK / "handbook", out, options)
    model = out if training["folder"] else Path(f"{out}.partial") / "model"
    other = translated({"reference": reference, "faq": faq}[options.book]())
    write_beir(WORK / options.book, other, options.sections, "test")
    before, after = measured(WORK / options.book, "jv3-mini"), measured(WORK / options.book, str(model))
    print(
        f"tuned in {training['minutes']:.1f} minutes ({training['processor_minutes']:.1f} of the processor), peak "
        f"{training['peak_mb']:.0f} MB, {training['steps']} steps; worse in {training['worse'] or 'no pair'}"
    )
    show("Handbook, held out", training["before"], training["after"])
    show(options.book, before, after)
    print(json.dumps({"training": training, options.book: {"before": before, "after": after}}))


if __name__ == "__main__":
    main()
