"""Everyday questions and statements in twenty-one languages, written for this project and part of it.

A line of `training/everyday_texts/*.tsv` holds item, language, question, statement; the lines of an item say the
same. A line of `training/everyday_terms/*.tsv` is a word or a phrase, a column for each language.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from training.sources import Block, Page, tidy

FOLDER = Path(__file__).resolve().parent.parent / "everyday_texts"
TERMS = FOLDER.parent / "everyday_terms"


def rows(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """(item, language, question, statement) of a file."""
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield row["item"], row["language"], tidy(row["question"]), tidy(row["statement"])


def pages(folder: Path = FOLDER) -> Iterator[Page]:
    """A page an item: the question stands as heading over the statement."""
    questions: dict[str, dict[str, str]] = defaultdict(dict)
    statements: dict[str, dict[str, str]] = defaultdict(dict)
    for path in sorted(folder.glob("*.tsv")):
        for item, lang, question, statement in rows(path):
            key = f"{path.stem}/{item}"
            questions[key][lang], statements[key][lang] = question, statement
    for key, texts in questions.items():
        yield Page("written", key, "", [Block(1, texts), Block(0, statements[key])])


def terms(folder: Path = TERMS) -> Iterator[Page]:
    """A page a word or phrase."""
    for path in sorted(folder.glob("*.tsv")):
        with path.open(encoding="utf-8", newline="") as lines:
            for number, row in enumerate(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)):
                texts = {lang: tidy(text) for lang, text in row.items()}
                yield Page("terms", f"{path.stem}/{number}", "", [Block(0, texts)])
