"""Pairs made ready to train on: cut to length, embedded, tokenised, with hard negatives of the model's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from jv3search.encoders.port import Encoder
from jv3search.evaluation.evaluate import Progress
from jv3search.fine_tuning.negatives import hard_negatives
from jv3search.fine_tuning.pairs import Pairs, Text
from jv3search.types import Embedding, Task

_MOST_TOKENS = 256  # of a text, as many as a chunk of an index has
_AT_ONCE = 64  # texts embedded together

Rows = Sequence[NDArray[np.int64]]
"""Token ids of texts, one row each."""

Tasks = tuple[Task, Task]
"""The adapters of the queries and of the passages."""


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Pairs as token ids, under the instruction of each side's adapter.

    `negatives` are the hard ones of each query, `itself` the places it must not find, as in `Pairs.itself`.
    """

    pairs: Pairs
    queries: Rows
    passages: Rows
    negatives: Sequence[NDArray[np.int64]]
    itself: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Vectors:
    """Unit rows of all queries and all passages, by their texts."""

    queries: dict[Text, Embedding]
    passages: dict[Text, Embedding]

    def of(self, pairs: Pairs) -> tuple[Embedding, Embedding]:
        """(queries, dimension) and (passages, dimension) of some of them."""
        return (
            np.stack([self.queries[text] for text in pairs.queries]),
            np.stack([self.passages[text] for text in pairs.passages]),
        )


def shortened(pairs: Pairs, encoder: Encoder, tasks: Tasks) -> Pairs:
    """Texts of at most `_MOST_TOKENS` tokens, with a notice of how many had to be cut."""
    queries = tuple(_cut(text, encoder, tasks[0]) for text in pairs.queries)
    passages = tuple(_cut(text, encoder, tasks[1]) for text in pairs.passages)
    long = sum(cut != whole for cut, whole in zip(passages, pairs.passages, strict=True))
    told = (f"passages cut to their first {_MOST_TOKENS} tokens: {long} of {len(passages)}",) if long else ()
    return replace(pairs, queries=queries, passages=passages, notices=(*pairs.notices, *told))


def embedded(pairs: Pairs, encoder: Encoder, tasks: Tasks, progress: Progress, when: str) -> Vectors:
    """All texts of some pairs as the model embeds them, each on its own."""
    sides = []
    for texts, task in zip((pairs.queries, pairs.passages), tasks, strict=True):
        parts = [texts[start : start + _AT_ONCE] for start in range(0, len(texts), _AT_ONCE)]
        found: dict[Text, Embedding] = {}
        with progress(len(parts), f"embedding {when} ({task})") as step:
            for part in parts:
                found.update(zip(part, encoder.encode([of.text for of in part], task), strict=True))
                step()
        sides.append(found)
    return Vectors(*sides)


def training_set_of(pairs: Pairs, vectors: Vectors, encoder: Encoder, tasks: Tasks) -> TrainingSet:
    """Tokens and hard negatives of some pairs; `vectors` are of the model as it is."""
    queries, passages = (
        [encoder.tokenize(of.text, task).ids for of in texts]
        for texts, task in zip((pairs.queries, pairs.passages), tasks, strict=True)
    )
    return TrainingSet(pairs, queries, passages, hard_negatives(pairs, *vectors.of(pairs)), pairs.itself())


def _cut(of: Text, encoder: Encoder, task: Task) -> Text:
    tokens = encoder.tokenize(of.text, task)
    over = len(tokens) - _MOST_TOKENS
    return Text(of.text[: int(tokens.starts[-over])].rstrip(), of.language) if over > 0 else of
