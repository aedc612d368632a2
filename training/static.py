"""Stage one: a table of token vectors whose mean is the text's vector.

It has no matrix products, so it learns in minutes. The table becomes the word embeddings; checkpoint.py
says how the layers start as the identity on it.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import torch
from torch import Tensor, nn

from training import corpus, teacher, tokenizer
from training.losses import distill, matryoshka, ranking
from training.progress import Log, resume, save
from training.sampling import Pairs, Row, Sampler
from training.settings import HIDDEN, PASSAGE, QUERY, SEED, VOCABULARY, WORK

PATH = WORK / "static.pt"
USED = HIDDEN - 2  # the last two dimensions are kept for the norm, see checkpoint.py
Rounds = tuple[tuple[int, float], ...]
ROUNDS: Rounds = ((2000, 2e-2), (1500, 1e-2))  # steps and the rate they begin with; it falls linearly to zero
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

    def forward(self, rows: list[Row], device: str = "cpu") -> Tensor:
        """One vector a row of token ids."""
        starts = np.cumsum([0] + [len(row) for row in rows[:-1]])
        flat = torch.from_numpy(np.concatenate(rows).astype(np.int64)).to(device)
        mean: Tensor = self.bag(flat, torch.from_numpy(starts).to(device))
        return mean - mean.mean(dim=-1, keepdim=True)


class Prompts:
    """Puts the special tokens and a task's prefix around a text."""

    def __init__(self) -> None:
        made = tokenizer.load()
        self.heads = {p: np.array(made.encode(p).ids[:-1] if p else [0], np.uint16) for p in ("", QUERY, PASSAGE)}
        self.tail = np.array([2], np.uint16)

    def around(self, rows: list[Row], prefix: str = "") -> list[Row]:
        """Every row as the model will see it."""
        return [np.concatenate([self.heads[prefix], row, self.tail]) for row in rows]

    def pairs(self, pairs: Pairs, asymmetric: bool) -> tuple[list[Row], list[Row]]:
        """Both sides, with the retrieval prefixes or bare."""
        sides = (QUERY, PASSAGE) if asymmetric else ("", "")
        return self.around(pairs.left, sides[0]), self.around(pairs.right, sides[1])


def same(keys: np.ndarray) -> Tensor:
    """Pairs that repeat an earlier pair's text, off the diagonal."""
    found = torch.from_numpy(keys[:, None] == keys[None, :])
    return found.fill_diagonal_(False)


def step_loss(model: Table, sampler: Sampler, prompts: Prompts, vectors: teacher.Vectors, size: int) -> Tensor:
    """Translations, sections and crops contrasted, translations pulled to the teacher."""
    words = sampler.translations(size, 128)
    left, right = (model(rows) for rows in prompts.pairs(words, False))
    loss = matryoshka(left, right, same(words.keys))
    known, targets = vectors.of(words.blocks)
    if len(known):
        pulled = distill(model.head(left[known]), targets) + distill(model.head(right[known]), targets)
        ranked = ranking((left[known], right[known]), (targets, targets), itself=False)
        loss = loss + TEACHER_WEIGHT * pulled / 2 + RANKING_WEIGHT * ranked
    for pairs in (sampler.sections(size, LONGEST), sampler.crops(size, LONGEST)):
        asymmetric = bool(sampler.chance.random() < 0.7)
        left, right = (model(rows) for rows in prompts.pairs(pairs, asymmetric))
        loss = (
            loss
            + matryoshka(left, right, same(pairs.keys))
            + RANKING_WEIGHT * ranked_sections(left, right, pairs, vectors)
        )
    return loss


def ranked_sections(left: Tensor, right: Tensor, pairs: Pairs, vectors: teacher.Vectors) -> Tensor:
    """The teacher's order of the sections for each heading, of those whose English texts it has read."""
    heads, first = vectors.of(pairs.blocks)
    texts, second = vectors.of(pairs.blocks + 1)  # the first text below the heading
    both, at, where = np.intersect1d(heads, texts, return_indices=True)
    if len(both) < 2:
        return left.new_zeros(())
    device = left.device
    return ranking((left[both], right[both]), (first[at].to(device), second[where].to(device)))


def rate(step: int, rounds: Rounds) -> float:
    """The learning rate: it falls linearly in every round."""
    for steps, highest in rounds:
        if step < steps:
            return highest * (1 - step / steps)
        step -= steps
    return 0.0


def train(size: int, rounds: Rounds) -> None:
    """Adam; state is kept every hundred steps."""
    steps = sum(count for count, _ in rounds)
    torch.manual_seed(SEED)
    model = Table()
    optimizer = torch.optim.Adam(model.parameters(), lr=rate(0, rounds), fused=True)
    start = resume(WORK / "static.state.pt", model, optimizer)
    sampler, prompts = Sampler(corpus.load(), seed=SEED + start), Prompts()
    vectors = teacher.Vectors(sampler.corpus)
    log = Log("static", steps)
    for step in range(start, steps):
        optimizer.param_groups[0]["lr"] = rate(step, rounds)
        loss = step_loss(model, sampler, prompts, vectors, size)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        log(step, loss.item())
        if (step + 1) % 100 == 0:
            vectors = teacher.Vectors(sampler.corpus)  # the teacher may still be at work
            save(WORK / "static.state.pt", model, optimizer, step + 1)
    torch.save({"table": model.bag.weight.detach(), "head": model.head.state_dict()}, PATH)


def main(arguments: list[str] | None = None) -> None:
    """Train the table if it is not there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=1, help="one is fastest while the machine does other work")
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of steps")
    options = parser.parse_args(arguments)
    if PATH.exists():
        return
    begun = time.monotonic()
    torch.set_num_threads(options.threads)
    train(options.pairs, tuple((max(1, int(steps * options.share)), highest) for steps, highest in ROUNDS))
    print(f"static: {time.monotonic() - begun:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
