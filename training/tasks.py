"""The three symmetric adapters measured on pages nobody trained on, each against the base without adapter."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jv3search.encoders.models import load
from jv3search.encoders.port import Encoder
from jv3search.types import Task
from training.prepare import SOURCES, read_pages
from training.sampling import is_dev
from training.settings import SEED
from training.sources import Page

Rows = NDArray[np.float32]
MOST = 1200  # characters of a text
PAIRS, GROUPS, MEMBERS, CLUSTERINGS = 1500, 150, 4, 20


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


def translations(encoder: Encoder, task: Task | None) -> float:
    """Share of texts whose nearest text in the other half of the pairs is their own translation."""
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
    a, b = (encoder.encode([side[n] for n in some], task) for side in (left, right))
    return float(((a @ b.T).argmax(1) == np.arange(len(a))).mean())


def same_page(encoder: Encoder, task: Task | None) -> tuple[Rows, NDArray[np.int64]]:
    """(vectors of texts of a few pages, each in any of its languages, the page's number)."""
    chance = np.random.default_rng(SEED)
    texts, labels = [], []
    found = [p for p in pages(True, ("libreoffice-help", "applications", "manuals")) if len(p.blocks) >= MEMBERS]
    for label, page in enumerate(found[:GROUPS]):
        members = chance.permutation(np.array(texts_of(page, chance), dtype=object))[:MEMBERS]
        texts += list(members)
        labels += [label] * len(members)
    return encoder.encode(texts, task), np.array(labels)


def clustering(encoder: Encoder, task: Task | None) -> float:
    """V-measure of as many k-means clusters as there are pages, the mean of twenty runs: one run is off by 0.01.

    Rosenberg, Hirschberg, "V-Measure: A Conditional Entropy-Based External Cluster Evaluation Measure" (2007).
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import v_measure_score

    rows, labels = same_page(encoder, task)
    count = len(set(labels.tolist()))
    runs = [KMeans(count, n_init=3, random_state=SEED + n).fit_predict(rows) for n in range(CLUSTERINGS)]
    return float(np.mean([v_measure_score(labels, clusters) for clusters in runs]))


def neighbours(encoder: Encoder, task: Task | None) -> float:
    """Mean average precision of finding the other texts of the same page, over all texts as queries."""
    rows, labels = same_page(encoder, task)
    scores = rows @ rows.T
    np.fill_diagonal(scores, -2)
    right = labels[(-scores).argsort(1)[:, :-1]] == labels[:, None]
    wanted = right.any(1)
    precision = right.cumsum(1) / np.arange(1, right.shape[1] + 1)
    return float(((precision * right).sum(1)[wanted] / right.sum(1)[wanted]).mean())


def classification(encoder: Encoder, task: Task | None) -> float:
    """Share of descriptions whose archive section has the nearest centre; the centres come from other pages."""
    chance = np.random.default_rng(SEED)
    known, asked = pages(False, ("descriptions",), every=20), pages(True, ("descriptions",))
    rows = {}
    for name, part in (("known", known), ("asked", asked)):
        rows[name] = encoder.encode([" ".join(texts_of(page, chance))[:MOST] for page in part], task)
    topics = sorted({page.topic for page in known})
    centres = np.stack([rows["known"][[p.topic == t for p in known]].mean(0) for t in topics])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    guessed = np.array(topics)[(rows["asked"] @ centres.T).argmax(1)]
    return float((guessed == np.array([page.topic for page in asked])).mean())


MEASURES: tuple[tuple[Task, str, Callable[[Encoder, Task | None], float]], ...] = (
    ("text-matching", "own translation is the nearest of 1,500", translations),
    ("separation", "texts of the same page clustered by k-means, v-measure", clustering),
    ("separation", "texts of the same page found, mean average precision", neighbours),
    ("classification", "archive section of a package by the nearest centre, accuracy", classification),
)


def compare(folder: Path) -> list[dict[str, str | float]]:
    """Every task's measures with its adapter and without."""
    encoder = load(folder)
    return [
        {
            "task": task,
            "measure": name,
            "base": round(measure(encoder, None), 4),
            "adapter": round(measure(encoder, task), 4),
        }
        for task, name, measure in MEASURES
    ]
