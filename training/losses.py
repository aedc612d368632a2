"""The losses, each with its source."""

from __future__ import annotations

import random

import torch
import torch.nn.functional as F
from torch import Tensor

from training.settings import DIMS, size_for

SCALE = 20.0
SHORT = (0.2, 0.35, 0.45)  # shares of the smaller sizes


def info_nce(queries: Tensor, passages: Tensor, same: Tensor | None = None) -> Tensor:
    """Contrast every pair with the other pairs of the batch, in both directions.

    InfoNCE: van den Oord, Li, Vinyals, "Representation Learning with Contrastive Predictive Coding" (2018).
    `same` marks pairs (i, j) that mean the same thing and must not count as negatives of each other.
    Rows of `passages` beyond the queries are additional negatives.
    """
    scores = SCALE * F.normalize(queries, dim=-1) @ F.normalize(passages, dim=-1).T
    if same is not None:
        scores = scores.masked_fill(same, float("-inf"))
    target = torch.arange(len(queries), device=scores.device)
    forward = F.cross_entropy(scores, target)
    return (forward + F.cross_entropy(scores[:, : len(queries)].T, target)) / 2


def smaller(chance: random.Random = random.Random(20)) -> int:  # noqa: B008  one stream for all calls
    """One of the smaller sizes, the smallest most often: drawing one a step costs half of computing all."""
    return chance.choices(DIMS[1:], weights=SHORT)[0]


def sizes(device: torch.device) -> list[tuple[int, float]]:
    """(dimensions, weight) of a loss: all of them a third, the smaller sizes or a drawn one the rest."""
    if size_for(device.type).every_dimension:
        return [(DIMS[0], 1 / 3), *((dim, share * 2 / 3) for dim, share in zip(DIMS[1:], SHORT, strict=True))]
    return [(DIMS[0], 1 / 3), (smaller(), 2 / 3)]


def matryoshka(queries: Tensor, passages: Tensor, same: Tensor | None = None) -> Tensor:
    """InfoNCE over all dimensions and over the leading 128, 64 or 32, which weigh double.

    Kusupati et al., "Matryoshka Representation Learning" (2022).
    """
    found = [weight * info_nce(queries[:, :dim], passages[:, :dim], same) for dim, weight in sizes(queries.device)]
    return torch.stack(found).sum()


def distill(student: Tensor, teacher: Tensor) -> Tensor:
    """Cosine distance between the student's vectors (in any language) and the teacher's of the English source.

    Reimers, Gurevych, "Making Monolingual Sentence Embeddings Multilingual using Knowledge Distillation" (2020).
    """
    return 1 - F.cosine_similarity(student, teacher, dim=-1).mean()


def ranking(ours: tuple[Tensor, Tensor], theirs: tuple[Tensor, Tensor], itself: bool = True) -> Tensor:
    """How differently student and teacher spread each left text's attention over the right texts of a batch.

    The divergence of the two softmaxes of cosines, at all dimensions and at one of the smaller sizes, as in
    `matryoshka`: Fang et al., "SEED: Self-supervised Distillation" (2021). `itself` counts the pair's own text.
    """
    left, right = (F.normalize(side, dim=-1) for side in theirs)
    skipped = torch.zeros(len(left), len(right), dtype=torch.bool, device=left.device)
    if not itself:
        skipped.fill_diagonal_(True)
    wanted = (SCALE * left @ right.T).masked_fill(skipped, -1e4).log_softmax(1)

    def short(dim: int) -> Tensor:
        left, right = (F.normalize(side[:, :dim], dim=-1) for side in ours)
        found = (SCALE * left @ right.T).masked_fill(skipped, -1e4).log_softmax(1)
        return F.kl_div(found, wanted, log_target=True, reduction="batchmean")

    return torch.stack([weight * short(dim) for dim, weight in sizes(left.device)]).sum()


def supervised(vectors: Tensor, labels: Tensor, nearest: bool = False) -> Tensor:
    """Contrast groups: every member of the same group is a positive, everything else a negative.

    Khosla et al., "Supervised Contrastive Learning" (2020), over the Matryoshka dimensions: the mean over the
    positives outside of the logarithm, or, with `nearest`, their sum inside, which asks for some near member
    instead of for all: where the members are far apart, drawing all texts together would else pay best.
    """
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    positive = (labels[:, None] == labels[None, :]) & ~itself
    losses = []
    for dim in DIMS:
        unit = F.normalize(vectors[:, :dim], dim=-1)
        chance = (SCALE * unit @ unit.T).masked_fill(itself, float("-inf")).log_softmax(dim=1)
        if nearest:
            each = chance.masked_fill(~positive, float("-inf")).logsumexp(1)
        else:
            each = chance.masked_fill(~positive, 0).sum(1) / positive.sum(1).clamp(min=1)
        losses.append(-each.mean())
    return torch.stack(losses).mean()
