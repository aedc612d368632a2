"""The training loop: LoRA alone over a frozen base, a contrastive loss at every Matryoshka size, hard negatives.

A step embeds its texts twice: once without gradients for the loss, then group by group with them, so that it needs
the memory of one group, however large the batch: Gao et al., "Scaling Deep Contrastive Learning Batch Size under
Memory Limited Setup" (2021).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jv3search.encoders.jina_v3.trainable import TrainableAdapter
from jv3search.errors import InputError
from jv3search.fine_tuning.training_set import Rows, TrainingSet

_SCALE = 20.0  # of cosines in the loss, a temperature of 0.05, as usual
_WARM = 0.1  # share of the steps in which the rate rises
_SAVE_EVERY = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Recipe:
    """How it is learned; `sizes` are the Matryoshka sizes, `rate` the highest of AdamW."""

    epochs: int
    batch: int
    rate: float
    sizes: tuple[int, ...]
    seed: int


@dataclass(frozen=True, slots=True)
class State:
    """A file from which a run that was killed goes on; `made_of` says of what: another one begins anew."""

    file: Path
    made_of: str


def steps_of(data: TrainingSet, recipe: Recipe) -> int:
    """How many steps it takes."""
    return recipe.epochs * _batches(data, recipe)


def train(
    sides: tuple[TrainableAdapter, TrainableAdapter],
    data: TrainingSet,
    recipe: Recipe,
    state: State,
    on_step: Callable[[], None],
) -> int:
    """Tune the adapters of the queries and of the passages, which may be the same one.

    `on_step` is told of every step, those done by an earlier run included. Returns how many those were.
    """
    torch.manual_seed(recipe.seed)
    parameters = list(dict.fromkeys(parameter for side in sides for parameter in side.parameters()))
    optimizer = torch.optim.AdamW(parameters, lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.0)
    mark = f"{state.made_of} {asdict(recipe)}"
    first, steps = _resumed(state.file, mark, parameters, optimizer), steps_of(data, recipe)
    saved = time.monotonic()
    for step in range(steps):
        if step >= first:
            optimizer.param_groups[0]["lr"] = recipe.rate * _share(step, steps)
            optimizer.zero_grad()
            _backward(sides, data, recipe, step)
            optimizer.step()
            if time.monotonic() - saved >= _SAVE_EVERY or step == steps - 1:
                _save(state.file, mark, step + 1, parameters, optimizer)
                saved = time.monotonic()
        on_step()
    return first


def _share(step: int, steps: int) -> float:
    """Of the highest rate: it rises for a tenth of the steps, then falls to nothing."""
    warm = max(1.0, _WARM * steps)
    return min((step + 1) / warm, (steps - step) / max(1.0, steps - warm))


def _batches(data: TrainingSet, recipe: Recipe) -> int:
    return max(1, round(len(data.pairs) / recipe.batch))


def _backward(
    sides: tuple[TrainableAdapter, TrainableAdapter], data: TrainingSet, recipe: Recipe, step: int
) -> None:
    """The gradients of one batch."""
    queries, passages = _drawn(data, recipe, step)
    texts = [data.queries[at] for at in queries], [data.passages[at] for at in passages]
    with torch.no_grad():
        vectors = [_embedded(adapter, rows) for adapter, rows in zip(sides, texts, strict=True)]
    leaves = [of_side.requires_grad_() for of_side in vectors]
    known = _known(data, queries, passages).to(leaves[0].device)
    loss = matryoshka(leaves[0], leaves[1], known, recipe.sizes)
    if not torch.isfinite(loss):
        raise InputError(f"the loss is {loss.item()} at step {step}: choose a lower --rate than {recipe.rate:g}")
    loss.backward()  # type: ignore[no-untyped-call]
    for adapter, rows, leaf in zip(sides, texts, leaves, strict=True):
        assert leaf.grad is not None
        for group in adapter.groups(rows):
            adapter.vectors([rows[at] for at in group]).backward(leaf.grad[group])  # type: ignore[no-untyped-call]


def _embedded(adapter: TrainableAdapter, rows: Rows) -> Tensor:
    """(rows, hidden), not normalised, in the order of the rows."""
    groups = list(adapter.groups(rows))
    found = torch.cat([adapter.vectors([rows[at] for at in group]) for group in groups])
    return found[torch.tensor([at for group in groups for at in group]).argsort().to(found.device)]


def _drawn(data: TrainingSet, recipe: Recipe, step: int) -> tuple[list[int], list[int]]:
    """The queries of a step; one passage of each, then a hard negative of each. By the step's number alone."""
    epoch, batch = divmod(step, _batches(data, recipe))
    order = np.random.default_rng([recipe.seed, epoch]).permutation(len(data.pairs))
    queries: list[int] = np.array_split(order, _batches(data, recipe))[batch].tolist()
    chance = np.random.default_rng([recipe.seed, epoch, batch])
    right = [int(chance.choice(sorted(data.pairs.relevant[at]))) for at in queries]
    wrong = [int(chance.choice(data.negatives[at])) for at in queries if len(data.negatives[at])]
    return queries, right + wrong


def _known(data: TrainingSet, queries: Sequence[int], passages: Sequence[int]) -> Tensor:
    """(queries, passages): which ones belong together too, beside the pair itself, or are the same text."""
    relevant, itself = data.pairs.relevant, data.itself
    known = torch.tensor([[place in relevant[at] or place in itself[at] for place in passages] for at in queries])
    known[range(len(queries)), range(len(queries))] = False
    return known


def matryoshka(queries: Tensor, passages: Tensor, known: Tensor, sizes: Sequence[int]) -> Tensor:
    """InfoNCE in both directions, the mean over the leading `sizes` of the vectors.

    Passage i belongs to query i; rows of `passages` beyond the queries are further negatives. `known` (queries,
    passages) marks what must not count as a negative. van den Oord, Li, Vinyals, "Representation Learning with
    Contrastive Predictive Coding" (2018); Kusupati et al., "Matryoshka Representation Learning" (2022).
    """
    target = torch.arange(len(queries), device=queries.device)

    def at(size: int) -> Tensor:
        left, right = (F.normalize(side[:, :size], dim=-1) for side in (queries, passages))
        scores = (_SCALE * left @ right.T).masked_fill(known, float("-inf"))
        forward, backward = F.cross_entropy(scores, target), F.cross_entropy(scores[:, : len(target)].T, target)
        return (forward + backward) / 2

    return torch.stack([at(size) for size in sizes]).mean()


def _resumed(state: Path, mark: str, parameters: Sequence[nn.Parameter], optimizer: torch.optim.Optimizer) -> int:
    """How many steps an earlier run has done; what it had is put in place."""
    if not state.is_file():
        return 0
    saved: dict[str, Any] = torch.load(state, weights_only=True, map_location=parameters[0].device)
    if saved["mark"] != mark:
        return 0
    with torch.no_grad():
        for parameter, value in zip(parameters, saved["parameters"], strict=True):
            parameter.copy_(value)
    optimizer.load_state_dict(saved["optimizer"])
    return int(saved["step"])


def _save(
    state: Path, mark: str, step: int, parameters: Sequence[nn.Parameter], optimizer: torch.optim.Optimizer
) -> None:
    """Whole or not at all: a kill while it is written leaves the former one.

    It is made in memory first: on a full disk torch.save raises an error that does not say so.
    """
    new, whole = state.with_suffix(".new"), BytesIO()
    values = [parameter.detach() for parameter in parameters]
    torch.save({"mark": mark, "step": step, "parameters": values, "optimizer": optimizer.state_dict()}, whole)
    new.write_bytes(whole.getbuffer())
    new.replace(state)
