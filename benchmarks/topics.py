"""Topics and labels: how well documents in several languages are gathered and named by what they are about.

    python -m benchmarks.topics [--half report] [--model jv3-mini] [--no-books] [--json]

Documents of known groups are ingested, a file each, and gathered into as many topics as there are groups, and into
as many as the command finds unasked. Printed are the v-measure and the adjusted Rand index

- for what a document is known by: its vector under the separation adapter, the same text without adapter, the mean
  of its passages, and both together (in use), each with and without what the documents of a language share;
- for FAISS' spherical k-means (in use), scikit-learn's k-means and its HDBSCAN on those rows. What HDBSCAN leaves
  out counts as one more topic.

Then the accuracy of the nearest of some labels (topics-labels.tsv), in English, German and Chinese, by the
classification adapter and without. Choosing: everyday documents by subject (topics-choice.tsv) and sections of the
Debian Handbook by chapter, each in one of eight languages. Reporting: the other everyday documents, sections of
the Debian FAQ by chapter, each in one of eight languages, and the 80 passages of tests/evaluation/multilingual.
The books are Debian packages, fetched by name (`--no-books` leaves them out).
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.everyday import SETS, rows
from benchmarks.packages import unpacked
from jv3search import knowledge_base
from jv3search.analysis.classification import TASK, classify
from jv3search.analysis.clusters import clustered, document_rows, usual_count, without_language
from jv3search.ingest.document_vectors import sample
from jv3search.knowledge_base import KnowledgeBase
from jv3search.types import Embedding
from training import faq, reference
from training.settings import CHOICE_PACKAGE, FAQ_PACKAGES

HERE = Path(__file__).parent
WORK = HERE / "work" / "topics"
TREE = WORK / "tree"
BOOK_LANGUAGES = ("en", "de", "es", "fr", "it", "ja", "pt-br", "ru")
SHUFFLES = 5
_CHAPTER = re.compile(r'<link rel="up" href="([\w.-]+)\.html"')
_LEAST = 200  # characters of a section

Labelled = Iterator[tuple[str, str]]
"""(group, text) of each document."""
Labels = NDArray[np.intp]


def everyday(half: str) -> Labelled:
    """Everyday documents by subject; those of no subject are left out."""
    with (HERE / f"topics-{half}.tsv").open(encoding="utf-8") as lines:
        subjects = dict(line.rstrip("\n").split("\t") for line in lines)
    for row in rows(SETS / half / "corpus.jsonl"):
        if row["_id"] in subjects:
            yield subjects[row["_id"]], row["text"]


def multilingual() -> Labelled:
    """Ten subjects in eight languages."""
    for row in rows(SETS.parent / "multilingual" / "corpus.jsonl"):
        yield row["_id"].split(".")[0], row["text"]


def handbook() -> Labelled:
    """Sections by chapter, each in one language."""
    unpacked(TREE, CHOICE_PACKAGE)
    chance = random.Random(0)
    pages = {
        language: {path.name: path.read_text("utf-8") for path in reference.handbook_files(language, TREE)}
        for language in BOOK_LANGUAGES
    }
    for name, page in pages["en"].items():
        chapter = _CHAPTER.search(page)
        if chapter is None or chapter[1] == "index":
            continue
        versions = {language: reference.chapter(of.get(name, "")) for language, of in pages.items()}
        for anchor in versions["en"]:
            each = [of[anchor] for of in versions.values() if anchor in of and len(of[anchor].text) >= _LEAST]
            if len(each) > len(pages) - 3:
                section = chance.choice(each)
                yield chapter[1], f"{section.title}\n\n{section.text}"


def frequent_questions() -> Labelled:
    """Sections of the Debian FAQ by chapter, each in one language."""
    unpacked(TREE, *FAQ_PACKAGES.values())
    chance = random.Random(0)
    for section in faq.sections(TREE):
        language = chance.choice(list(section.texts))
        yield section.chapter, f"{section.titles[language]}\n\n{section.texts[language]}"


_SETS: dict[str, dict[str, Callable[[], Labelled]]] = {
    "choice": {"everyday": lambda: everyday("choice"), "handbook": handbook},
    "report": {"everyday": lambda: everyday("report"), "multilingual": multilingual, "faq": frequent_questions},
}
_BOOKS = ("handbook", "faq")


def indexed(name: str, documents: Labelled, model: str) -> KnowledgeBase:
    """An index of the documents of a set, whose names begin with their groups."""
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for number, (group, text) in enumerate(documents):
        (folder / f"{group}--{number:04}.txt").write_text(text, encoding="utf-8")
    kb = knowledge_base.open(WORK / f"index-{name}-{Path(model).name}", create=True, model=model)
    kb.ingest(folder, prune=True)
    return kb


def groups(kb: KnowledgeBase) -> list[str]:
    """The group of each document, by uri."""
    return [Path(row.uri).name.split("--")[0] for row in kb.documents()]


def samples(kb: KnowledgeBase) -> list[str]:
    """What document vectors are made of."""
    found = []
    for row in kb.documents():
        spans = [chunk.span for chunk in kb.reader.chunks(row.uri)]
        found.append(sample(kb.encoder.tokenize(kb.document(row.uri).text), spans))
    return found


def gathered(kb: KnowledgeBase) -> dict[str, dict[str, float]]:
    """V-measure and adjusted Rand index by what is clustered, and how."""
    truth = np.unique(groups(kb), return_inverse=True)[1]
    languages = [row.language for row in kb.documents()]
    _, separation = kb.reader.document_vectors("separation")
    means = kb.reader.document_means()
    passages = np.stack([means[row.uri] for row in kb.documents()])
    kinds = {"separation": separation, "no adapter": kb.encoder.encode(samples(kb), None), "passages": passages}
    found = {}
    for name, of in kinds.items():
        found[f"{name}, k-means"] = scored(truth, of, by_kmeans)
        found[f"{name}, language off, k-means"] = scored(truth, without_language(of, languages), by_kmeans)
    both = document_rows(separation, passages, languages)
    found["both, language off, k-means (in use)"] = scored(truth, both, by_kmeans)
    found["both, language off, scikit-learn's k-means"] = scored(truth, both, by_sklearn)
    found["both, language off, HDBSCAN of 2"] = scored(truth, both, lambda of, count: by_hdbscan(of, 2))
    found["both, language off, HDBSCAN of 5"] = scored(truth, both, lambda of, count: by_hdbscan(of, 5))
    unasked = usual_count(len(truth))
    found[f"both, language off, k-means, {unasked} topics"] = scored(
        truth, both, lambda of, count: by_kmeans(of, unasked)
    )
    return found


def scored(truth: Labels, of: Embedding, cluster: Callable[[Embedding, int], Labels]) -> dict[str, float]:
    """The mean over a few orders of the rows, for k-means begins with some of them."""
    from sklearn.metrics import adjusted_rand_score, v_measure_score

    rng, measured = np.random.default_rng(0), []
    for _ in range(SHUFFLES):
        order = rng.permutation(len(truth))
        labels = cluster(np.ascontiguousarray(of[order]), len(np.unique(truth)))
        measured.append((v_measure_score(truth[order], labels), adjusted_rand_score(truth[order], labels)))
    v_measure, rand = np.mean(measured, axis=0).tolist()
    return {"v-measure": v_measure, "adjusted Rand": rand}


def by_kmeans(of: Embedding, count: int) -> Labels:
    """As the command clusters."""
    return clustered(of, count)[0]


def by_sklearn(of: Embedding, count: int) -> Labels:
    """Lloyd's algorithm from ten k-means++ starts."""
    from sklearn.cluster import KMeans

    found: Labels = KMeans(count, n_init=10, random_state=0).fit_predict(of)
    return found


def by_hdbscan(of: Embedding, least: int) -> Labels:
    """Clusters of at least so many documents; -1 for what is in none."""
    from sklearn.cluster import HDBSCAN

    found: Labels = HDBSCAN(min_cluster_size=least, copy=True).fit_predict(of)
    return found


def labelled(kb: KnowledgeBase) -> dict[str, dict[str, float]]:
    """The share of documents whose nearest label is that of their group, by adapter and language of the labels."""
    with (HERE / "topics-labels.tsv").open(encoding="utf-8", newline="") as lines:
        words = {row.pop("subject"): row for row in csv.DictReader(lines, delimiter="\t")}
    truth, texts = groups(kb), samples(kb)
    names = sorted(set(truth))
    rows = {task: kb.encoder.encode(texts, task) for task in (TASK, None)}
    found: dict[str, dict[str, float]] = {TASK: {}, f"{TASK}, each label's mean off": {}, "no adapter": {}}
    for language in ("en", "de", "zh"):
        labels = [words[name][language] for name in names]
        given = [names[labels.index(each.label)] for each in classify(kb.encoder, texts, labels)]
        cosines = {task: rows[task] @ kb.encoder.encode(labels, task).T for task in (TASK, None)}
        for name, of in (
            (f"{TASK}, each label's mean off", cosines[TASK] - cosines[TASK].mean(axis=0)),
            ("no adapter", cosines[None]),
        ):
            found[name][language] = share([names[place] for place in of.argmax(axis=1).tolist()], truth)
        found[TASK][language] = share(given, truth)
    return found | {"chance": {"all": 1 / len(names)}}


def share(given: list[str], truth: list[str]) -> float:
    """Of those that agree."""
    return float(np.mean([one == other for one, other in zip(given, truth, strict=True)]))


def main() -> None:
    """Measure every set of a half."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("report", "choice"), default="report")
    parser.add_argument("--model", default="jv3-mini")
    parser.add_argument("--no-books", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = {}
    for name, documents in _SETS[options.half].items():
        if options.no_books and name in _BOOKS:
            continue
        print(f"{name} ...", file=sys.stderr)
        with indexed(f"{options.half}-{name}", documents(), options.model) as kb:
            found[name] = {"topics": gathered(kb)} | ({} if name in _BOOKS else {"labels": labelled(kb)})
            if not options.json:
                show(name, len(kb.documents()), found[name])
    if options.json:
        print(json.dumps(found))


def show(name: str, documents: int, found: dict[str, dict[str, dict[str, float]]]) -> None:
    """The figures of a set for a terminal."""
    print(f"\n{name}, {documents} documents")
    for measured in found.values():
        for what, values in measured.items():
            print(f"  {what:44}", "  ".join(f"{key} {value:.3f}" for key, value in values.items()))


if __name__ == "__main__":
    main()
