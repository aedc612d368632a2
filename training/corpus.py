"""The prepared pages as numbers: every distinct text once as token ids, pages and blocks as ranges of arrays."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from training import tokenizer
from training.prepare import SOURCES, read_pages
from training.settings import LANGUAGES, WORK
from training.sources import Page

Ints = NDArray[np.int64]
PATH = WORK / "corpus.npz"
BATCH = 20_000
DEV_EVERY = 97  # every 97th page is never trained on: the development set


@dataclass
class Corpus:
    """Flat arrays; `x_start[i]:x_start[i + 1]` is the range that belongs to item i.

    A block's `members` are its texts, one a language; `english` is the key of the English one, 0 without it.
    """

    tokens: NDArray[np.uint16]
    token_start: Ints
    members: NDArray[np.int32]
    member_language: NDArray[np.int8]
    member_start: Ints
    level: NDArray[np.int8]
    english: NDArray[np.uint64]
    block_start: Ints
    page_source: NDArray[np.int8]
    page_topic: NDArray[np.int32]
    topics: NDArray[np.str_]

    def text(self, number: int) -> NDArray[np.uint16]:
        """The token ids of a text, without specials."""
        return self.tokens[self.token_start[number] : self.token_start[number + 1]]

    def block(self, number: int) -> dict[int, int]:
        """Language -> text of a block."""
        a, b = self.member_start[number], self.member_start[number + 1]
        return dict(zip(self.member_language[a:b].tolist(), self.members[a:b].tolist(), strict=True))

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return len(self.page_source)


class Builder:
    """Collects pages into the arrays of a corpus."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.topics: dict[str, int] = {}
        self.members: list[int] = []
        self.member_language: list[int] = []
        self.member_start: list[int] = [0]
        self.level: list[int] = []
        self.block_start: list[int] = [0]
        self.english: list[int] = []
        self.page_source: list[int] = []
        self.page_topic: list[int] = []

    def add(self, page: Page, source: int) -> None:
        """Append a page."""
        for block in page.blocks:
            for lang, text in block.texts.items():
                self.members.append(self.ids.setdefault(text, len(self.ids)))
                self.member_language.append(LANGUAGES.index(lang))
            self.member_start.append(len(self.members))
            self.level.append(min(block.level, 9))
            self.english.append(key(block.texts["en"]) if "en" in block.texts else 0)
        self.block_start.append(len(self.level))
        self.page_source.append(source)
        self.page_topic.append(self.topics.setdefault(f"{page.source}/{page.topic}", len(self.topics)))

    def corpus(self) -> Corpus:
        """Tokenise the texts and freeze everything."""
        tokens, lengths = encode(list(self.ids))
        return Corpus(
            tokens,
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            np.array(self.members, np.int32),
            np.array(self.member_language, np.int8),
            np.array(self.member_start, np.int64),
            np.array(self.level, np.int8),
            np.array(self.english, np.uint64),
            np.array(self.block_start, np.int64),
            np.array(self.page_source, np.int8),
            np.array(self.page_topic, np.int32),
            np.array(list(self.topics)),
        )


def encode(texts: list[str]) -> tuple[NDArray[np.uint16], NDArray[np.int32]]:
    """All texts as one row of token ids, and their lengths."""
    made, pieces = tokenizer.load(), []
    lengths: list[int] = []
    for start in range(0, len(texts), BATCH):
        rows = [e.ids for e in made.encode_batch_fast(texts[start : start + BATCH], add_special_tokens=False)]
        lengths += map(len, rows)
        pieces.append(np.concatenate([np.array(row, np.uint16) for row in rows]))
        print(f"\rtokenised {len(lengths)}/{len(texts)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return np.concatenate(pieces), np.array(lengths, np.int32)


def key(text: str) -> int:
    """A number that stands for a text; never 0."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) | 1


def english_texts() -> Iterator[str]:
    """The English text of every block that has one."""
    for source in SOURCES:
        for page in read_pages(source):
            yield from (block.texts["en"] for block in page.blocks if "en" in block.texts)


def load() -> Corpus:
    """The corpus from disk."""
    with np.load(PATH) as stored:
        return Corpus(**{field.name: stored[field.name] for field in fields(Corpus)})


def main() -> None:
    """Build the corpus if it is not there."""
    if PATH.exists():
        return
    builder = Builder()
    for number, source in enumerate(SOURCES):
        for page in read_pages(source):
            builder.add(page, number)
    made = builder.corpus()
    np.savez(PATH.with_suffix(".part.npz"), **{field.name: getattr(made, field.name) for field in fields(Corpus)})
    PATH.with_suffix(".part.npz").replace(PATH)
    print(f"corpus: {made.pages} pages, {len(made.level)} blocks, {len(made.tokens):,} tokens", file=sys.stderr)


if __name__ == "__main__":
    main()
