"""Training pairs drawn from the corpus: translations, and headings with the section below them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.corpus import DEV_EVERY, Corpus, Ints
from training.prepare import SOURCES
from training.settings import LANGUAGES, SEED

TRANSLATIONS = {
    "libreoffice-help": 0.24,
    "descriptions": 0.26,
    "cldr": 0.05,
    "messages": 0.1,
    "dictionaries": 0.11,
    "applications": 0.14,
    "handbooks": 0.05,
    "manuals": 0.05,
}
SECTIONS = {
    "libreoffice-help": 0.15,
    "descriptions": 0.26,
    "cldr": 0.01,
    "applications": 0.2,
    "handbooks": 0.2,
    "manuals": 0.1,
    "glossaries": 0.08,
}
ENGLISH = {
    "descriptions": 0.25,
    "libreoffice-help": 0.12,
    "applications": 0.14,
    "handbooks": 0.2,
    "manuals": 0.1,
    "messages": 0.06,
    "dictionaries": 0.03,
    "glossaries": 0.1,
}
SAME_LANGUAGE = 0.35
WHOLE_PAGE = 0.3
Row = NDArray[np.uint16]
_EN = LANGUAGES.index("en")


@dataclass
class Pairs:
    """A batch: two sides as token rows, a key a pair (equal keys mean the same), the block of the query."""

    left: list[Row]
    right: list[Row]
    keys: Ints
    blocks: Ints


def is_dev(page: int) -> bool:
    """Whether a page is kept out of the training, for choosing between variants."""
    return page % DEV_EVERY == 0


class Sampler:
    """Draws pairs; every source has its share, every language of a block the same chance."""

    def __init__(self, corpus: Corpus, dev: bool = False, seed: int = SEED) -> None:
        self.corpus, self.dev = corpus, dev
        self.chance = np.random.default_rng(seed)
        self.page_of = np.repeat(np.arange(corpus.pages), np.diff(corpus.block_start))
        mine = (self.page_of % DEV_EVERY == 0) == dev
        source = corpus.page_source[self.page_of]
        languages = np.diff(corpus.member_start)
        names = list(SOURCES)
        self.translated = {
            s: np.flatnonzero(mine & (languages > 1) & (source == names.index(s))) for s in TRANSLATIONS
        }
        spoken = mine & (corpus.english > 0)
        self.spoken = {s: np.flatnonzero(spoken & (source == names.index(s))) for s in ENGLISH}
        self.by_topic: dict[int, Ints] = {}
        self.heads = {s: self.headings(mine & (source == names.index(s))) for s in SECTIONS}

    def headings(self, mine: NDArray[np.bool_]) -> Ints:
        """Headings that have a paragraph right below them, on the same page."""
        level = self.corpus.level
        head = mine[:-1] & (level[:-1] > 0) & (level[1:] == 0) & (self.page_of[:-1] == self.page_of[1:])
        return np.flatnonzero(head)

    def pick(self, pools: dict[str, Ints], shares: dict[str, float], count: int) -> Ints:
        """`count` members of the pools, by the sources' shares."""
        names = [name for name in shares if len(pools[name])]
        weight = np.array([shares[name] for name in names])
        numbers = self.chance.multinomial(count, weight / weight.sum())
        drawn = [self.chance.choice(pools[n], k) for n, k in zip(names, numbers, strict=True) if k]
        return self.chance.permutation(np.concatenate(drawn))

    def translations(self, count: int, longest: int) -> Pairs:
        """Two languages of the same block."""
        corpus = self.corpus
        blocks = self.pick(self.translated, TRANSLATIONS, count)
        left, right = [], []
        for block in blocks.tolist():
            a, b = corpus.member_start[block], corpus.member_start[block + 1]
            first, second = self.chance.choice(b - a, 2, replace=False)
            left.append(corpus.text(corpus.members[a + first])[:longest])
            right.append(corpus.text(corpus.members[a + second])[:longest])
        return Pairs(left, right, corpus.members[corpus.member_start[blocks]].astype(np.int64), blocks)

    def english(self, count: int, longest: int) -> tuple[list[Row], Ints]:
        """(English texts, numbers of their blocks)."""
        blocks = self.pick(self.spoken, ENGLISH, count)
        texts = [self.corpus.text(self.corpus.block(block)[_EN])[:longest] for block in blocks.tolist()]
        return texts, blocks

    def section(self, head: int, lang: int, longest: int, whole: bool = False) -> Row:
        """The text below a heading in a language, up to the next heading (or the page's end), cut."""
        corpus, rows, size, number = self.corpus, [], 0, head + 1
        end = corpus.block_start[self.page_of[head] + 1]
        while number < end and (whole or corpus.level[number] == 0) and size < longest:
            text = corpus.block(number).get(lang)
            if text is not None:
                rows.append(corpus.text(text))
                size += len(rows[-1])
            number += 1
        return np.concatenate(rows)[:longest]

    def sections(self, count: int, longest: int) -> Pairs:
        """A heading in one language and its section in the same or another one."""
        corpus = self.corpus
        heads = self.pick(self.heads, SECTIONS, count)
        left, right = [], []
        for head in heads.tolist():
            titles, bodies = corpus.block(head), list(corpus.block(head + 1))
            lang = bodies[self.chance.integers(len(bodies))]
            if lang in titles and self.chance.random() < SAME_LANGUAGE:
                title = titles[lang]
            else:
                title = list(titles.values())[self.chance.integers(len(titles))]
            left.append(corpus.text(title))
            right.append(self.section(head, lang, longest, self.chance.random() < WHOLE_PAGE))
        return Pairs(left, right, corpus.members[corpus.member_start[heads]].astype(np.int64), heads)

    def crops(self, count: int, longest: int) -> Pairs:
        """A few words in a row out of a section in one language, and the section in the same or another.

        The inverse cloze task of Lee, Chang, Toutanova, "Latent Retrieval" (2019), across languages.
        """
        corpus = self.corpus
        heads = self.pick(self.heads, SECTIONS, count)
        left, right = [], []
        for head in heads.tolist():
            first, lang = self.chance.choice(list(corpus.block(head + 1)), 2).tolist()
            text = self.section(head, first, longest)
            size = int(self.chance.integers(3, 14))
            start = int(self.chance.integers(max(len(text) - size, 0) + 1))
            left.append(text[start : start + size])
            right.append(self.section(head, lang, longest, self.chance.random() < WHOLE_PAGE))
        return Pairs(left, right, corpus.members[corpus.member_start[heads]].astype(np.int64), heads)

    def topics(self, count: int, members: int) -> tuple[list[Row], NDArray[np.int64]]:
        """(texts, number of their topic): package descriptions in any language, by section of the archive."""
        corpus = self.corpus
        if not self.by_topic:
            blocks = self.heads["descriptions"]
            topic = corpus.page_topic[self.page_of[blocks]]
            found = {int(t): blocks[topic == t] for t in np.unique(topic)}
            self.by_topic = {t: rows for t, rows in found.items() if len(rows) >= members}
        rows, labels = [], []
        for topic in self.chance.choice(
            list(self.by_topic), min(count, len(self.by_topic)), replace=False
        ).tolist():
            for head in self.chance.choice(self.by_topic[topic], members, replace=False).tolist():
                titles, bodies = corpus.block(head), corpus.block(head + 1)
                lang = list(bodies)[self.chance.integers(len(bodies))]
                parts = [corpus.text(titles[lang])] if lang in titles else []
                rows.append(np.concatenate([*parts, corpus.text(bodies[lang])])[:128])
                labels.append(topic)
        return rows, np.array(labels)
