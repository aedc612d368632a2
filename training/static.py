"""Stage one: a table of token vectors whose mean is the text's vector.

It has no matrix products, so it learns in minutes. The table becomes the word embeddings; checkpoint.py
says how the layers start as the identity on it.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from training import teacher
from training.batches import Both, Data, Targets, load, sections, stream, translations
from training.losses import distill, matryoshka, ranking
from training.pooling import Texts
from training.progress import Log, resume, save, steps_done
from training.settings import HIDDEN, SEED, VOCABULARY, WORK, Size, TableSize, size_for

PATH, STATE = WORK / "static.pt", WORK / "static.state.pt"
USED = HIDDEN - 2  # the last two dimensions are kept for the norm, see checkpoint.py
LONGEST = 224
TEACHER_WEIGHT = 5.0
RANKING_WEIGHT = 1.0


class Table(nn.Module):
    """Mean of token vectors; every vector has mean zero over its dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(VOCABULARY, USED, mode="mean")
        nn.init.normal_(self.bag.weight, std=0.1)
        self.head = nn.Linear(USED, teacher.SIZE)  # to the teacher's space; thrown away

    def forward(self, texts: Texts) -> Tensor:
        """One vector a text."""
        device = self.bag.weight.device
        starts = torch.from_numpy(np.cumsum(texts.lengths) - texts.lengths).to(device)
        mean: Tensor = self.bag(texts.ids(device), starts.int())
        return mean - mean.mean(dim=-1, keepdim=True)


def same(keys: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    """Pairs that repeat an earlier pair's text, off the diagonal."""
    numbers = torch.from_numpy(keys).to(device)
    return (numbers[:, None] == numbers[None, :]).fill_diagonal_(False)


def read(data: Data, _step: int, size: TableSize) -> list[Both]:
    """What a step reads: translations, headings with their sections, crops with theirs."""
    return [
        translations(data, size.pairs, 128),
        sections(data, size.pairs, LONGEST, False, 0.7),
        sections(data, size.pairs, LONGEST, True, 0.7),
    ]


def step_loss(model: Table, texts: list[Both], targets: Targets) -> Tensor:
    """Translations, sections and crops contrasted, translations pulled to the teacher."""
    words, *others = texts
    loss = translations_loss(model, words, targets)
    for pairs in others:
        left, right = model(pairs.texts).chunk(2)
        loss = loss + matryoshka(left, right, same(pairs.keys, left.device))
        loss = loss + RANKING_WEIGHT * ranked_sections(left, right, pairs, targets)
    return loss


def translations_loss(model: Table, pairs: Both, targets: Targets) -> Tensor:
    """Translations find each other, near the teacher's vector of the English text and in its order."""
    left, right = model(pairs.texts).chunk(2)
    loss = matryoshka(left, right, same(pairs.keys, left.device))
    if not len(pairs.known):
        return loss
    known, theirs = torch.from_numpy(pairs.known).to(left.device), targets(pairs.first)
    pulled = distill(model.head(left[known]), theirs) + distill(model.head(right[known]), theirs)
    ranked = ranking((left[known], right[known]), (theirs, theirs), itself=False)
    return loss + TEACHER_WEIGHT * pulled / 2 + RANKING_WEIGHT * ranked


def ranked_sections(left: Tensor, right: Tensor, pairs: Both, targets: Targets) -> Tensor:
    """The teacher's order of the sections for each heading, of those whose English texts it has read."""
    if len(pairs.known) < 2:
        return left.new_zeros(())
    known = torch.from_numpy(pairs.known).to(left.device)
    return ranking((left[known], right[known]), (targets(pairs.first), targets(pairs.second)))


def rate(step: int, size: TableSize) -> float:
    """The learning rate: it falls linearly in every round."""
    for steps, highest in size.rounds:
        if step < steps:
            return highest * (1 - step / steps)
        step -= steps
    return 0.0


def shortened(size: TableSize, share: float) -> TableSize:
    """The same with a share of its steps, for a trial."""
    return replace(size, rounds=tuple((max(1, int(steps * share)), highest) for steps, highest in size.rounds))


def train(size: Size, share: float, device: torch.device) -> None:
    """Adam, with a state on disk from time to time."""
    table = shortened(size.table, share)
    steps, start = sum(count for count, _ in table.rounds), steps_done(STATE)
    torch.manual_seed(SEED)
    data, model = load(SEED), Table()
    batches = stream(data, partial(read, size=table), SEED, start, size.readers)
    model, targets = model.to(device), Targets(data.vectors, device)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate(0, table), fused=True)
    resume(STATE, model, optimizer)
    log = Log("static", steps)
    for step, texts in zip(range(start, steps), batches, strict=False):
        optimizer.param_groups[0]["lr"] = rate(step, table)
        loss = step_loss(model, texts, targets)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        log(step, loss)
        if (step + 1) % size.keep_every == 0:
            save(STATE, model, optimizer, step + 1)
    model = model.cpu()
    torch.save({"table": model.bag.weight.detach(), "head": model.head.state_dict()}, PATH)


def main(arguments: list[str] | None = None) -> None:
    """Train the table if it is not there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="one is fastest while the machine does other work")
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of steps")
    options = parser.parse_args(arguments)
    if PATH.exists():
        return
    begun = time.monotonic()
    torch.set_num_threads(options.threads)
    train(size_for(options.device), options.share, torch.device(options.device))
    print(f"static: {time.monotonic() - begun:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
