"""Stage four, fast: move the word embeddings towards the multilingual teacher without running the layers.

A token's state in a text of its own says most of what the token adds to the mean of a longer text (cosine 0.9 with
the model's vectors for words, 0.7 for sentences), and a linear map of its embedding behind the first LayerNorm
says most of that state (R² 0.86). So the states are learned as a static table is, in minutes, and what they
gained is brought back through the map: a step of Gauss and Newton from where the model stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import JinaEmbeddingsV3Model

from training.sampling import Row

CHUNK = 4000
RIDGE = 0.1  # of the mean square of the map: keeps small directions from blowing up


@torch.no_grad()
def states(model: JinaEmbeddingsV3Model) -> Tensor:
    """Every token's last state in a text of its own."""
    count = model.config.vocab_size
    rows = torch.tensor([[0, number, 2] for number in range(count)])
    return torch.cat([model(input_ids=part).last_hidden_state[:, 1] for part in torch.split(rows, CHUNK)])


@torch.no_grad()
def linear(inputs: Tensor, outputs: Tensor) -> Tensor:
    """The matrix that brings the inputs nearest to the outputs, beside a constant."""
    with_constant = torch.cat([inputs, torch.ones(len(inputs), 1)], dim=1)
    found: Tensor = torch.linalg.lstsq(with_constant, outputs).solution
    return found[:-1]


def back(moves: Tensor, through: Tensor) -> Tensor:
    """The smallest moves of the inputs that bring these moves of the outputs about, nearly."""
    square = through @ through.T
    weight = RIDGE * square.diagonal().mean() * torch.eye(len(square))
    found: Tensor = moves @ torch.linalg.solve(square + weight, through).T
    return found


@torch.no_grad()
def shift(model: JinaEmbeddingsV3Model, moves: Tensor, share: float) -> None:
    """Move the word embeddings so that the states move by a share of `moves`."""
    table, norm = model.embeddings.word_embeddings.weight, model.embeddings.LayerNorm
    through = linear(norm(table), states(model))
    middle, spread = table.mean(1, keepdim=True), table.std(1, keepdim=True, unbiased=False)
    unit = (table - middle) / spread + share * back(moves, through) / norm.weight
    unit = (unit - unit.mean(1, keepdim=True)) / unit.std(1, keepdim=True, unbiased=False)
    table.copy_(unit * spread + middle)


@dataclass
class Rows:
    """Token rows, one after the other, as an EmbeddingBag takes them."""

    flat: Tensor
    starts: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, rows: list[Row]) -> Rows:
        """The rows joined; none may be empty."""
        lengths: NDArray[np.int64] = np.array([len(row) for row in rows])
        flat = torch.from_numpy(np.concatenate(rows).astype(np.int64))
        return cls(flat, torch.from_numpy(np.cumsum(lengths) - lengths), torch.from_numpy(lengths)[:, None])


class Static(nn.Module):
    """Texts as means of their tokens' states, which learn."""

    def __init__(self, found: Tensor) -> None:
        super().__init__()
        count, size = found.shape
        self.known = nn.EmbeddingBag.from_pretrained(found.clone(), freeze=True, mode="sum")
        self.moved = nn.EmbeddingBag(count, size, mode="sum")
        nn.init.zeros_(self.moved.weight)

    def forward(self, rows: list[Row], moved: bool = True) -> Tensor:
        """The vectors of the texts, as they are now or as they were."""
        bags = Rows.of(rows)
        total: Tensor = self.known(bags.flat, bags.starts)
        if moved:
            total = total + self.moved(bags.flat, bags.starts)
        return total / bags.lengths
