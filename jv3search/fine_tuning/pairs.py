"""What an adapter learns from: texts, and which of them belong together.

A .tsv file of pairs (question, tab, passage), a .tsv file of labels (text, tab, label) for the two tasks that
group texts, or a data set in the BEIR layout.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from jv3search.errors import InputError
from jv3search.evaluation.beir import read_beir
from jv3search.evaluation.collection import numbered_lines
from jv3search.text.language import detect
from jv3search.types import Task

GROUPING: tuple[Task, ...] = ("separation", "classification")
"""The tasks that need groups of texts; the others need pairs."""

TUNABLE = ("retrieval", "text-matching", *GROUPING)
"""What can be tuned; retrieval is its two adapters together."""

_HEADERS = {("question", "passage"), ("query", "passage"), ("text", "text"), ("text", "label")}


@dataclass(frozen=True, slots=True)
class Text:
    """A text and its language, detected where nobody told."""

    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Pairs:
    """Queries, passages, and for each query the places of the passages that belong to it.

    Passages that belong to no query are there to be told apart. Where texts are grouped by labels, the queries are
    the passages, and to each belong the others of its label.
    """

    name: str
    queries: tuple[Text, ...]
    passages: tuple[Text, ...]
    relevant: tuple[frozenset[int], ...]
    by_label: bool = False
    notices: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.queries)

    def itself(self) -> list[list[int]]:
        """For each query the places it must not find: where texts are grouped, its own."""
        places = {text: place for place, text in enumerate(self.passages)} if self.by_label else {}
        return [[places[query]] if self.by_label else [] for query in self.queries]

    def digest(self) -> str:
        """SHA-256 of all of it: the same pairs, the same digest."""
        texts = [[of.text for of in side] for side in (self.queries, self.passages)]
        rows = json.dumps([texts, [sorted(places) for places in self.relevant]])
        return hashlib.sha256(rows.encode()).hexdigest()


def read_pairs(path: Path, task: str) -> Pairs:
    """The pairs of a file or a folder for a task of `TUNABLE`; InputError names the line that does not fit."""
    if path.is_dir():
        if task in GROUPING:
            raise InputError(
                f"{path} tells no labels, which {task} learns from: give a .tsv file of text, tab, label"
            )
        return _from_beir(path)
    return _labelled(path) if task in GROUPING else _paired(path)


def made_of(name: str, pairs: Iterable[tuple[Text, Text]], notices: tuple[str, ...] = ()) -> Pairs:
    """Pairs from (query, passage); the same words are the same text."""
    passages: dict[Text, int] = {}
    queries: dict[Text, set[int]] = {}
    for query, passage in pairs:
        queries.setdefault(query, set()).add(passages.setdefault(passage, len(passages)))
    return Pairs(name, tuple(queries), tuple(passages), tuple(map(frozenset, queries.values())), notices=notices)


def _from_beir(folder: Path) -> Pairs:
    """Each query with the documents that are relevant to it; all others of the corpus are only told apart."""
    corpus, collection = read_beir(folder, split="train")
    passages = tuple(Text("\n\n".join(filter(str.strip, (of.title, of.text))), of.language) for of in corpus)
    places = {of.id: place for place, of in enumerate(corpus)}
    asked = [of for of in collection.queries if any(name in places for name in of.relevant)]
    queries = tuple(Text(query.text, query.language) for query in asked)
    relevant = tuple(frozenset(places[name] for name in of.relevant if name in places) for of in asked)
    return Pairs(collection.name, queries, passages, relevant, notices=collection.notices)


def _paired(path: Path) -> Pairs:
    found = [(first, second) for _, first, second in _fields(path, "question, a tab, the passage that answers it")]
    texts = {text: _text(text) for text in chain.from_iterable(found)}
    once = dict.fromkeys(found)
    notices = _told(path, len(found) - len(once), "pairs that stand there twice, counted once")
    return made_of(path.name, [(texts[query], texts[passage]) for query, passage in once], notices)


def grouped(name: str, labels: Mapping[Text, str], notices: tuple[str, ...] = ()) -> Pairs:
    """Texts with their labels: to each belong the others of its label. InputError for fewer than two labels."""
    groups: dict[str, set[int]] = {}
    for place, label in enumerate(labels.values()):
        groups.setdefault(label, set()).add(place)
    if len(groups) < 2:
        raise InputError(f"{name} has {len(groups)} label: texts of at least two are needed to tell them apart")
    texts = tuple(labels)
    others = {at: frozenset(groups[label] - {at}) for at, label in enumerate(labels.values())}
    asked = [at for at, of in others.items() if of]
    alone = len(texts) - len(asked)
    if alone:
        notices += (f"{name}: {alone} texts are alone with their label, so nothing belongs to them",)
    return Pairs(name, tuple(texts[at] for at in asked), texts, tuple(others[at] for at in asked), True, notices)


def _labelled(path: Path) -> Pairs:
    labels: dict[str, tuple[str, str]] = {}
    repeated = 0
    for where, text, label in _fields(path, "text, a tab, its label"):
        known, at = labels.setdefault(text, (label, where))
        repeated += at != where
        if known != label:
            raise InputError(f"{where}: the text {text[:40]!r} has the label {label!r} here, {known!r} at {at}")
    notices = _told(path, repeated, "texts that stand there twice, counted once")
    return grouped(path.name, {_text(text): label for text, (label, _) in labels.items()}, notices)


def _fields(path: Path, layout: str) -> Iterator[tuple[str, str, str]]:
    """(place, first, second) of each line."""
    missing = "give a .tsv file or a folder in the BEIR layout, or --silver for the headings of an index"
    empty = True
    for number, line in numbered_lines(path, missing=missing):
        fields = [part.strip() for part in line.split("\t")]
        if number == 1 and tuple(part.lower() for part in fields) in _HEADERS:
            continue
        where, empty = f"{path}, line {number}", False
        if len(fields) != 2 or not all(fields):
            raise InputError(f"{where} is {line[:60]!r}; it must be: {layout}")
        yield where, fields[0], fields[1]
    if empty:
        raise InputError(f"{path} has nothing to learn from; each line must be: {layout}")


def _text(text: str) -> Text:
    return Text(text, detect(text))


def _told(path: Path, count: int, what: str) -> tuple[str, ...]:
    return (f"{path.name}: {count} {what}",) if count else ()
