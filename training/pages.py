"""Whole pages for late-chunk training: the tokens of a page, the spans of its sections, a query for each span."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from training.corpus import DEV_EVERY
from training.pooling import Span
from training.prepare import SOURCES
from training.sampling import Row, Sampler

PAGE_SOURCES = {"libreoffice-help": 0.3, "applications": 0.3, "handbooks": 0.2, "manuals": 0.2}  # shares
FEWEST = 3  # sections of a page worth contrasting
PIECE = (48, 160)  # tokens


@dataclass
class Spans:
    """Pages as token rows, the spans in them, and for every span (in order) the query that asks for it.

    `keys` numbers the section of every span: spans of one section answer the same query.
    """

    rows: list[Row] = field(default_factory=list)
    spans: list[list[Span]] = field(default_factory=list)
    queries: list[Row] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)


class PageSampler:
    """Draws pages with several sections."""

    def __init__(self, sampler: Sampler) -> None:
        self.sampler, self.corpus, self.chance = sampler, sampler.corpus, sampler.chance
        corpus = self.corpus
        headings = np.add.reduceat(corpus.level > 0, corpus.block_start[:-1])
        names = [list(SOURCES).index(name) for name in PAGE_SOURCES]
        mine = (np.arange(corpus.pages) % DEV_EVERY == 0) == sampler.dev
        found = {n: np.flatnonzero(mine & (headings > FEWEST) & (corpus.page_source == n)) for n in names}
        self.pools = [pool for pool in found.values() if len(pool)]
        weight = np.array(
            [share for share, pool in zip(PAGE_SOURCES.values(), found.values(), strict=True) if len(pool)]
        )
        self.shares = weight / weight.sum()

    def draw(self, count: int, longest: int) -> Spans:
        """`count` pages, cut at `longest` tokens."""
        made = Spans()
        while len(made.rows) < count:
            pool = self.pools[self.chance.choice(len(self.pools), p=self.shares)]
            self.add(made, int(self.chance.choice(pool)), longest)
        return made

    def languages(self, page: int) -> tuple[int, int]:
        """(language of the page, language of the queries): those of its first heading."""
        known = list(self.corpus.block(self.corpus.block_start[page]))
        text = known[self.chance.integers(len(known))]
        return text, text if self.chance.random() < 0.5 else known[self.chance.integers(len(known))]

    def add(self, made: Spans, page: int, longest: int) -> None:
        """Append a page: headings stay in the text but outside of the spans."""
        lang, other = self.languages(page)
        first, end = self.corpus.block_start[page : page + 2].tolist()
        title = self.corpus.block(first).get(other)
        parts, spans, queries, size, query = [], [], [], 0, None
        for number in range(first, end):
            block, heading = self.corpus.block(number), self.corpus.level[number] > 0
            if heading:
                query = self.query(title, block.get(other))
            if lang not in block or size >= longest:
                continue
            row = self.corpus.text(block[lang])[: longest - size]
            parts.append(row)
            if not heading and query is not None:
                spans.append((size, size + len(row)))
                queries.append(query)
                query = None
            elif not heading and spans and spans[-1][1] == size:
                spans[-1] = (spans[-1][0], size + len(row))
            size += len(row)
        if len(spans) > 1:
            made.rows.append(np.concatenate(parts))
            made.spans.append([])
            for span, asked in zip(spans, queries, strict=True):
                pieces = self.pieces(span)
                made.keys += [len(made.queries)] * len(pieces)
                made.queries += [asked] * len(pieces)
                made.spans[-1] += pieces

    def pieces(self, span: Span) -> list[Span]:
        """A section as chunks: those after the first can be told from others by what stands before them alone."""
        size = int(self.chance.integers(*PIECE))
        cuts = [*range(span[0], max(span[1] - size // 2, span[0] + 1), size), span[1]]
        return list(pairwise(cuts))

    def query(self, title: int | None, heading: int | None) -> Row | None:
        """The heading, often with the page's title before it: then only the context tells the spans apart."""
        if heading is None:
            return None
        if title is None or title == heading or self.chance.random() < 0.4:
            return self.corpus.text(heading)
        return np.concatenate([self.corpus.text(title), self.corpus.text(heading)])

    def groups(self, count: int, members: int) -> tuple[list[Row], np.ndarray]:
        """(texts, number of their page): `members` paragraphs of each of `count` pages, each in any language."""
        rows, labels = [], []
        for label in range(count):
            pool = self.pools[self.chance.integers(len(self.pools))]
            page = self.chance.choice(pool)
            blocks = np.arange(*self.corpus.block_start[page : page + 2])
            for block in self.chance.permutation(blocks)[:members].tolist():
                texts = list(self.corpus.block(block).values())
                rows.append(self.corpus.text(texts[self.chance.integers(len(texts))])[:96])
                labels.append(label)
        return rows, np.array(labels)
