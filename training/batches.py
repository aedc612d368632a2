"""What a step reads, as flat arrays; drawn ahead by processes of their own where a GPU would wait for Python."""

from __future__ import annotations

import copy
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from multiprocessing.process import BaseProcess
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training import corpus, teacher
from training.pages import PageSampler
from training.pooling import Span, Texts
from training.prompts import Prompts
from training.sampling import Pairs, Row, Sampler
from training.settings import PASSAGE, QUERY

Ints = NDArray[np.int64]
Batch = TypeVar("Batch")


@dataclass
class Data:
    """What a step draws from."""

    sampler: Sampler
    pages: PageSampler
    prompts: Prompts
    vectors: teacher.Vectors

    def reseeded(self, seed: int) -> Data:
        """The same with another chance, for a process of its own."""
        sampler, pages = copy.copy(self.sampler), copy.copy(self.pages)
        sampler.chance = pages.chance = np.random.default_rng(seed)
        pages.sampler = sampler
        return Data(sampler, pages, self.prompts, self.vectors)


def load(seed: int) -> Data:
    """Everything a step draws from; English texts only where the teacher has read them."""
    sampler = Sampler(corpus.load(), seed=seed)
    vectors = teacher.Vectors(sampler.corpus)
    sampler.spoken = {source: blocks[vectors.knows(blocks)] for source, blocks in sampler.spoken.items()}
    return Data(sampler, PageSampler(sampler), Prompts(), vectors)


@dataclass
class English:
    """Texts, and the teacher's rows of those at `known`."""

    texts: Texts
    known: Ints
    rows: Ints


@dataclass
class Both:
    """Left texts, then as many right ones; `first` and `second` are the teacher's rows of both sides at `known`.

    Pairs of one key mean the same thing.
    """

    texts: Texts
    keys: Ints
    known: Ints
    first: Ints
    second: Ints


@dataclass
class Late:
    """Pages, the spans in each, and for every span (in order) its query; spans of one key answer the same one."""

    pages: Texts
    spans: list[list[Span]]
    queries: Texts
    keys: Ints


def english(data: Data, size: int, longest: int) -> English:
    """English texts, as queries, passages or bare."""
    texts, blocks = data.sampler.english(size, longest)
    prefixes = data.sampler.chance.choice(["", QUERY, PASSAGE], size, p=(0.4, 0.25, 0.35))
    known, rows = data.vectors.places(blocks)
    around = [data.prompts.around([texts[at]], prefixes[at])[0] for at in known]
    return English(Texts.of(around), np.arange(len(known)), rows)


def translations(data: Data, size: int, longest: int) -> Both:
    """Two languages of the same text."""
    pairs = data.sampler.translations(size, longest)
    known, rows = data.vectors.places(pairs.blocks)
    return Both(Texts.of(data.prompts.around(pairs.left + pairs.right)), pairs.keys, known, rows, rows)


def sections(data: Data, size: int, longest: int, crops: bool, asymmetric: float) -> Both:
    """Headings, or crops, and their sections, with the retrieval prefixes most of the time."""
    pairs = (data.sampler.crops if crops else data.sampler.sections)(size, longest)
    left, right = data.prompts.pairs(pairs, bool(data.sampler.chance.random() < asymmetric))
    return Both(Texts.of(left + right), pairs.keys, *taught(data, pairs))


def taught(data: Data, pairs: Pairs) -> tuple[Ints, Ints, Ints]:
    """(pairs whose heading and first text the teacher has read, its rows of the headings, of the texts)."""
    heads, first = data.vectors.places(pairs.blocks)
    texts, second = data.vectors.places(pairs.blocks + 1)  # the first text below the heading
    both, at, where = np.intersect1d(heads, texts, return_indices=True)
    return both, first[at], second[where]


def late(data: Data, sizes: Sequence[tuple[int, int]]) -> Late:
    """Pages as the encoder reads them, (how many, tokens of the longest) of each kind."""
    head = len(data.prompts.heads[PASSAGE])
    rows: list[Row] = []
    spans: list[list[Span]] = []
    queries: list[Row] = []
    keys: list[Ints] = []
    for number, longest in sizes:
        drawn = data.pages.draw(number, longest)
        keys.append(np.array(drawn.keys) + len(queries))
        rows += data.prompts.around(drawn.rows, PASSAGE)
        queries += data.prompts.around(drawn.queries, QUERY)
        spans += [[(a + head, b + head) for a, b in wanted] for wanted in drawn.spans]
    return Late(Texts.of(rows), spans, Texts.of(queries), np.concatenate(keys))


class Targets:
    """The teacher's vectors where they are needed: a GPU holds all of them, a CPU reads them from disk."""

    def __init__(self, vectors: teacher.Vectors, device: torch.device) -> None:
        self.rows, self.device = vectors.rows, device
        self.held = torch.from_numpy(np.array(self.rows)).to(device) if device.type != "cpu" else None

    def __call__(self, numbers: Ints) -> Tensor:
        """The vectors of these numbers."""
        if self.held is None:
            return torch.from_numpy(self.rows[numbers].astype(np.float32))
        return self.held[torch.from_numpy(numbers).to(self.device)].float()


def stream(data: Data, draw: Callable[[Data, int], Batch], seed: int, first: int, readers: int) -> Iterator[Batch]:
    """`draw(data, step)` from step `first` on, for ever.

    Processes draw when there are readers, which leave two cores alone; their batches come as they are ready.
    They begin at once, share what was loaded and do without torch: CUDA does not survive a fork.
    """
    number = min(readers, max(1, (os.cpu_count() or 1) - 2))
    if not number:
        return map(partial(draw, data.reseeded(seed + first)), count(first))
    context = multiprocessing.get_context("fork")
    queue: multiprocessing.Queue[Batch] = context.Queue(2 * number)

    def read(reader: int) -> None:
        mine = data.reseeded(seed + first + reader)
        for step in count(first + reader, number):
            queue.put(draw(mine, step))

    processes = [context.Process(target=read, args=(reader,), daemon=True) for reader in range(number)]
    for process in processes:
        process.start()
    return ready(queue, processes)


def ready(queue: multiprocessing.Queue[Batch], processes: Sequence[BaseProcess]) -> Iterator[Batch]:
    """What the processes have drawn; they end with the iterator."""
    try:
        while True:
            yield queue.get()
    finally:
        for process in processes:
            process.terminate()
