"""Batches by token budget: rows of similar length share a forward pass, so little of it is padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

MOST_PADDING = 0.25
"""A row joins a batch only if padding it to the longest wastes at most this share of its width."""


def token_batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indices of `lengths` in batches of at most `budget` tokens, padding included, longest first.

    Every index comes exactly once; a row longer than the budget makes a batch of its own.
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    batch: list[int] = []
    for i in order:
        if batch:
            width = lengths[batch[0]]
            if (len(batch) + 1) * width > budget or lengths[i] < (1 - MOST_PADDING) * width:
                yield batch
                batch = []
        batch.append(i)
    if batch:
        yield batch


def packed_batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indices of `lengths` in batches of at most `budget` tokens without any padding, longest first.

    Every index comes exactly once; a row longer than the budget makes a batch of its own.
    """
    batch: list[int] = []
    tokens = 0
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and tokens + lengths[i] > budget:
            yield batch
            batch, tokens = [], 0
        batch.append(i)
        tokens += lengths[i]
    if batch:
        yield batch
