"""An evaluation: the same questions asked of an index under several poolings, dimensions and modes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from jv3search.encoders.port import Encoder
from jv3search.errors import InputError
from jv3search.evaluation import trial
from jv3search.evaluation.collection import Collection
from jv3search.evaluation.matrix import Ask, Matrix, measure, searches
from jv3search.evaluation.trial import Pooling
from jv3search.evaluation.variant import Variant
from jv3search.indexes import Reader
from jv3search.types import Filter, Hit, Mode

Search = Callable[[Reader, Variant, str, int, Filter, Mode], Sequence[Hit]]
"""The search of the application, as the wiring makes it: query, how many chunks, which ones, how ranked."""

Progress = Callable[[int, str], AbstractContextManager[Callable[[], None]]]
"""So many steps of something begin; the function it gives is called after each."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured; no dimension means the model's own."""

    poolings: tuple[Pooling, ...]
    dimensions: tuple[int, ...]
    modes: tuple[Mode, ...]
    measures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One way of searching, and how well it did."""

    mode: Mode
    pooling: Pooling
    dimension: int
    matrix: Matrix


def runs(
    plan: Plan, collection: Collection, base: Reader, encoder: Encoder, search: Search, progress: Progress
) -> Iterator[Run]:
    """Measure a collection on `base` and on trial copies of it, which are deleted afterwards."""
    full = base.recipe.dimension
    for dimension in plan.dimensions:
        if not 1 <= dimension <= full:
            raise InputError(f"dimension {dimension} is not between 1 and {full}, the index's full size")
    asking = Variant(encoder)
    if set(plan.modes) != {"keyword"}:
        asking.remember(question.text for question in collection.questions)
    for pooling in plan.poolings:
        with _pooled(pooling, base, encoder, progress) as pooled:
            for dimension in plan.dimensions or (full,):
                with _cut(dimension, pooled, progress) as reader:
                    for mode in plan.modes:
                        ask = _asker(search, reader, asking.at(dimension), mode)
                        with progress(searches(collection), f"{mode} {pooling} {dimension}") as step:
                            matrix = measure(collection, ask, plan.measures, step)
                        yield Run(mode, pooling, dimension, matrix)


def _asker(search: Search, reader: Reader, encoder: Variant, mode: Mode) -> Ask:
    return lambda query, k, where: search(reader, encoder, query, k, where, mode)


@contextmanager
def _pooled(pooling: Pooling, base: Reader, encoder: Encoder, progress: Progress) -> Iterator[Reader]:
    if pooling == base.recipe.pooling:
        yield base
        return
    with trial.scratch() as folder:
        with progress(len(base.documents()), f"embedding ({pooling})") as step:
            reader = trial.pooled_anew(folder, base, encoder, pooling, step)
        with reader:
            yield reader


@contextmanager
def _cut(dimension: int, base: Reader, progress: Progress) -> Iterator[Reader]:
    if dimension == base.recipe.dimension:
        yield base
        return
    with trial.scratch() as folder:
        with progress(len(base.documents()), f"cutting to {dimension}") as step:
            reader = trial.cut_down(folder, base, dimension, step)
        with reader:
            yield reader
