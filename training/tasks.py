"""The adapters against the base without adapter, on pages kept out of the training and on a book of its own.

Each measure gives a value a text (or a run), so that the difference that an adapter makes has an interval.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jv3search.encoders.models import load
from jv3search.evaluation.measures import estimate
from jv3search.types import Task
from training import faq
from training.prepare import SOURCES, read_pages
from training.reference import Encode, Vectors
from training.sampling import is_dev
from training.settings import PREFIXES, SEED
from training.sources import Page

Values = NDArray[np.float64]
Labels = NDArray[np.str_]
MOST = 1200  # characters of a text
PAIRS, GROUPS, MEMBERS, CLUSTERINGS = 1500, 150, 4, 20
FOLDS = 5


@cache  # each call reads all prepared pages, and the measures ask for the same ones
def pages(dev: bool, sources: tuple[str, ...], every: int = 1) -> list[Page]:
    """Pages of the development set, or every so-manieth of the others."""
    number, found = -1, []
    for source in SOURCES:
        for page in read_pages(source):
            number += 1
            if page.source in sources and is_dev(number) == dev and (dev or number % every == 1):
                found.append(page)
    return found


def texts_of(page: Page, chance: np.random.Generator) -> list[str]:
    """Every block of a page in some language."""
    found = []
    for block in page.blocks:
        texts = list(block.texts.values())
        if texts:
            found.append(texts[chance.integers(len(texts))][:MOST])
    return [text for text in found if text.strip()]


def same_page() -> tuple[list[str], Labels]:
    """(texts of a few pages, each in any of its languages, the page of each)."""
    chance = np.random.default_rng(SEED)
    texts, labels = [], []
    found = [p for p in pages(True, ("libreoffice-help", "applications", "manuals")) if len(p.blocks) >= MEMBERS]
    for label, page in enumerate(found[:GROUPS]):
        members = chance.permutation(np.array(texts_of(page, chance), dtype=object))[:MEMBERS]
        texts += list(members)
        labels += [str(label)] * len(members)
    return texts, np.array(labels)


def same_chapter() -> tuple[list[str], Labels]:
    """(sections of the Debian FAQ, each in any of its languages, the chapter of each)."""
    chance = np.random.default_rng(SEED)
    found = faq.sections()
    texts = [str(chance.choice(list(section.texts.values())))[:MOST] for section in found]
    return texts, np.array([section.chapter for section in found])


def own_nearest(left: Vectors, right: Vectors) -> Values:
    """Whether each left row's nearest right one is its own."""
    found: NDArray[np.bool_] = (left @ right.T).argmax(1) == np.arange(len(left))
    return found.astype(np.float64)


def translated_pages(encode: Encode) -> Values:
    """Whether a text's nearest text in the other half of the pairs is its own translation."""
    chance = np.random.default_rng(SEED)
    left, right, seen = [], [], set()
    for page in pages(True, ("descriptions", "libreoffice-help", "applications")):
        for block in page.blocks:
            texts = [text for text in block.texts.values() if text.strip()]
            if len(texts) > 1 and block.texts.get("en") not in seen:
                seen.add(block.texts.get("en"))
                a, b = chance.choice(len(texts), 2, replace=False)
                left.append(texts[a][:MOST])
                right.append(texts[b][:MOST])
    some = chance.permutation(len(left))[:PAIRS]
    return own_nearest(*(encode([side[n] for n in some], "text-matching") for side in (left, right)))


def translated_titles(encode: Encode) -> Values:
    """The same of the FAQ's titles, in any two languages."""
    chance = np.random.default_rng(SEED)
    pairs = [chance.choice(list(section.titles.values()), 2, replace=False) for section in faq.sections()]
    return own_nearest(*(encode([str(pair[side]) for pair in pairs], "text-matching") for side in (0, 1)))


def answered(encode: Encode) -> Values:
    """Whether a title of the FAQ finds its own section in another language, first among all sections."""
    chance = np.random.default_rng(SEED)
    titles, texts = [], []
    for section in faq.sections():
        asked, told = chance.choice(list(section.titles), 2, replace=False)
        titles.append(section.titles[asked])
        texts.append(section.texts[told][:MOST])
    return own_nearest(encode(titles, "retrieval.query"), encode(texts, "retrieval.passage"))


def clustered(rows: Vectors, labels: Labels) -> Values:
    """V-measure of as many k-means clusters as there are labels, run by run: one run is off by 0.01.

    Rosenberg, Hirschberg, "V-Measure: A Conditional Entropy-Based External Cluster Evaluation Measure" (2007).
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import v_measure_score

    count = len(set(labels.tolist()))
    runs = [KMeans(count, n_init=3, random_state=SEED + n).fit_predict(rows) for n in range(CLUSTERINGS)]
    return np.array([v_measure_score(labels, clusters) for clusters in runs])


def neighbours(rows: Vectors, labels: Labels) -> Values:
    """Average precision of finding the other texts of the same label, for each text as query."""
    scores = rows @ rows.T
    np.fill_diagonal(scores, -2)
    right = labels[(-scores).argsort(1)[:, :-1]] == labels[:, None]
    wanted = right.any(1)
    precision = right.cumsum(1) / np.arange(1, right.shape[1] + 1)
    found: Values = (precision * right).sum(1)[wanted] / right.sum(1)[wanted]
    return found


def guessed(known: Vectors, labels: Labels, asked: Vectors) -> Labels:
    """For each asked row the label whose known rows have the nearest mean."""
    names = np.unique(labels)
    centres = np.stack([known[labels == name].mean(0) for name in names])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    found: Labels = names[(asked @ centres.T).argmax(1)]
    return found


def archive_sections(encode: Encode) -> Values:
    """Whether a package's description is nearest to its own section of the archive, by other packages."""
    chance = np.random.default_rng(SEED)
    known, asked = pages(False, ("descriptions",), every=20), pages(True, ("descriptions",))
    rows = [
        encode([" ".join(texts_of(page, chance))[:MOST] for page in part], "classification")
        for part in (known, asked)
    ]
    found = guessed(rows[0], np.array([page.topic for page in known]), rows[1])
    right: NDArray[np.bool_] = found == np.array([page.topic for page in asked])
    return right.astype(np.float64)


def chapters(encode: Encode) -> Values:
    """Whether a section of the FAQ is nearest to its own chapter, by the sections of the other four fifths."""
    texts, labels = same_chapter()
    rows = encode(texts, "classification")
    fold = np.random.default_rng(SEED).permutation(len(rows)) % FOLDS
    right = np.zeros(len(rows))
    for number in range(FOLDS):
        asked = fold == number
        right[asked] = guessed(rows[~asked], labels[~asked], rows[asked]) == labels[asked]
    return right


def separated(
    measure: Callable[[Vectors, Labels], Values], texts: Callable[[], tuple[list[str], Labels]]
) -> Callable[[Encode], Values]:
    """A measure of labelled texts under the separation adapter."""

    def measured(encode: Encode) -> Values:
        rows, labels = texts()
        return measure(encode(rows, "separation"), labels)

    return measured


MEASURES: tuple[tuple[str, str, Callable[[Encode], Values]], ...] = (
    ("text-matching", "own translation is the nearest of 1,500", translated_pages),
    ("text-matching", "FAQ: own translation of a title is the nearest of 158", translated_titles),
    ("separation", "texts of the same page clustered by k-means, v-measure", separated(clustered, same_page)),
    ("separation", "texts of the same page found, mean average precision", separated(neighbours, same_page)),
    ("separation", "FAQ: sections clustered into chapters, v-measure", separated(clustered, same_chapter)),
    ("separation", "FAQ: sections of the same chapter found", separated(neighbours, same_chapter)),
    ("classification", "archive section of a package by the nearest centre, accuracy", archive_sections),
    ("classification", "FAQ: chapter of a section by the nearest centre, accuracy", chapters),
    ("retrieval", "FAQ: section by its title in another language, first of 158", answered),
)


def compare(folder: Path) -> list[dict[str, str | float]]:
    """Every task's measures with its adapter and without, and the 95 % interval of the difference."""
    encoder = load(folder)

    def plain(texts: list[str], task: Task) -> Vectors:
        return encoder.encode([PREFIXES[task] + text for text in texts], None)

    rows: list[dict[str, str | float]] = []
    for task, name, measure in MEASURES:
        base, adapter = measure(plain), measure(encoder.encode)
        gained = estimate(adapter - base)
        figures = {"base": base.mean(), "adapter": adapter.mean(), "low": gained.low, "high": gained.high}
        rows.append({"task": task, "measure": name} | {key: round(float(v or 0), 4) for key, v in figures.items()})
    return rows
