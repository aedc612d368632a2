"""Long contexts: is a section still found when it stands at the end of 2,040 tokens of other sections?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np

from jv3search.encoders.models import load
from jv3search.types import Span
from training import reference

CONTEXT = 2040  # tokens, the most that one window takes with its prefix and special tokens
PARTS = 5  # of a context; every section stands in most of them once
STRIDE = 101  # sections that stand together in the book are kept apart


def contexts(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Numbers of sections that fill a context together, every section in one."""
    group: list[int] = []
    for turn in range(len(lengths)):
        number = turn * STRIDE % len(lengths)
        if sum(lengths[n] for n in (*group, number)) > CONTEXT:
            yield group
            group = []
        group.append(number)
    yield group


def spans_of(parts: Sequence[str]) -> list[Span]:
    """Where texts stand that are joined by one character."""
    starts = accumulate((len(part) + 1 for part in parts), initial=0)
    return [Span(start, start + len(part)) for start, part in zip(starts, parts, strict=False)]


def by_position(folder: Path, lang: str = "en") -> dict[str, float]:
    """Hit@10 of the titles for sections late-chunked in each part of a long context, and for sections alone."""
    encoder = load(folder)
    sections = reference.test_sections()[lang]
    texts = [section.text[: reference.PASSAGE_LENGTH] for section in sections]
    lengths = [len(encoder.tokenize(text)) + 1 for text in texts]
    queries = encoder.encode([section.title for section in sections], "retrieval.query")
    alone = encoder.encode(texts, "retrieval.passage")
    found: dict[int, list[bool]] = defaultdict(list)
    for turn in range(PARTS):
        rows, places = np.zeros_like(alone), np.zeros(len(texts), int)
        for group in contexts(lengths):
            cut = turn * len(group) // PARTS
            order = [*group[cut:], *group[:cut]]
            parts = [texts[n] for n in order]
            rows[order] = encoder.encode_document("\n".join(parts), spans_of(parts))
            places[order] = [*accumulate((lengths[n] for n in order[:-1]), initial=0)]
        right_ones = reference.found(queries, rows).tolist()
        for place, right in zip((places * PARTS // CONTEXT).tolist(), right_ones, strict=True):
            found[place].append(right)
    shares = {f"{part * CONTEXT // PARTS}": float(np.mean(found[part])) for part in sorted(found)}
    return {"alone": round(reference.hits(queries, alone), 4)} | {k: round(v, 4) for k, v in shares.items()}
