"""Stage two: two transformer layers learn to add to the static table what a mean of token vectors cannot know.

All sources are mixed from the first step. Three losses: translations, headings with their sections (under the
retrieval prefixes) and spans of whole pages (late chunking). The table stays as it is: a step here sees a tenth of
the pairs of a static step, too few for a word that comes up once in a thousand of them.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import JinaEmbeddingsV3Model

from training import checkpoint, corpus, static, teacher
from training.losses import distill, matryoshka
from training.pages import PageSampler, Spans
from training.pooling import Span, embed, embed_spans
from training.progress import Log, resume, save
from training.sampling import Row, Sampler
from training.settings import HIDDEN, PASSAGE, QUERY, SEED, WORK

PATH, STATE = WORK / "transformer.pt", WORK / "transformer.state.pt"
RATE, WARM = 5e-4, 50
TEACHER_WEIGHT = 2.0
LONG_EVERY, LONG = 10, 2040
BLEND = 0.5


@dataclass
class Data:
    """What a step draws from."""

    sampler: Sampler
    pages: PageSampler
    prompts: static.Prompts
    vectors: teacher.Vectors


class Student(nn.Module):
    """The transformer and the head towards the teacher, which is thrown away."""

    def __init__(self) -> None:
        super().__init__()
        stored = torch.load(static.PATH, weights_only=True)
        self.model: JinaEmbeddingsV3Model = checkpoint.start(stored["table"])
        self.head = nn.Linear(HIDDEN, teacher.SIZE)
        with torch.no_grad():
            self.head.weight.zero_()
            self.head.weight[:, : static.USED] = stored["head"]["weight"]
            self.head.bias.copy_(stored["head"]["bias"])


def optimizer_of(student: Student) -> torch.optim.Optimizer:
    """Adam over everything but the table."""
    student.model.embeddings.word_embeddings.requires_grad_(False)
    return torch.optim.Adam([p for p in student.parameters() if p.requires_grad], betas=(0.9, 0.98), fused=True)


def set_rate(optimizer: torch.optim.Optimizer, step: int, steps: int) -> None:
    """Up linearly, then down linearly."""
    share = min((step + 1) / WARM, 1.0) * (1 - step / steps)
    for group in optimizer.param_groups:
        group["lr"] = share * RATE


def translations_loss(student: Student, data: Data, size: int) -> Tensor:
    """Translations find each other and are pulled to the teacher's vector of the English text."""
    pairs = data.sampler.translations(size, 96)
    rows = data.prompts.around(pairs.left + pairs.right)
    left, right = embed(student.model, rows).chunk(2)
    loss = matryoshka(left, right, static.same(pairs.keys).to(left.device))
    known, targets = data.vectors.of(pairs.blocks)
    if len(known):
        targets = targets.to(left.device)
        pulled = distill(student.head(left[known]), targets) + distill(student.head(right[known]), targets)
        loss = loss + TEACHER_WEIGHT * pulled / 2
    return loss


def sections_loss(student: Student, data: Data, size: int, longest: int) -> Tensor:
    """Headings, or crops, find their sections, with the retrieval prefixes most of the time."""
    draw = data.sampler.sections if data.sampler.chance.random() < 0.5 else data.sampler.crops
    pairs = draw(size, longest)
    left, right = data.prompts.pairs(pairs, bool(data.sampler.chance.random() < 0.8))
    queries, passages = embed(student.model, left + right).split([size, size])
    return matryoshka(queries, passages, static.same(pairs.keys).to(queries.device))


def with_passage_prefix(pages: Spans, prompts: static.Prompts) -> tuple[list[Row], list[list[Span]]]:
    """Pages as the encoder reads them; the first span also pools <s> and the prefix, the last one </s>."""
    head = len(prompts.heads[PASSAGE])
    rows = prompts.around(pages.rows, PASSAGE)
    spans = [[(a + head, b + head) for a, b in wanted] for wanted in pages.spans]
    return rows, spans


def late_loss(student: Student, data: Data, count: int, longest: int) -> Tensor:
    """A query finds its span among the other spans of the same page and of the other pages."""
    pages = data.pages.draw(count, longest)
    rows, spans = with_passage_prefix(pages, data.prompts)
    passages = embed_spans(student.model, rows, spans)
    queries = embed(student.model, data.prompts.around(pages.queries, QUERY))
    return matryoshka(queries, passages)


def step_loss(student: Student, data: Data, size: int, step: int) -> Tensor:
    """All losses of a step."""
    loss = translations_loss(student, data, size // 2) + sections_loss(student, data, size, 176)
    longest, count = (LONG, 2) if step % LONG_EVERY == 0 else (400, 5)
    return loss + 0.5 * late_loss(student, data, count, longest)


@torch.inference_mode()
def dev_accuracy(student: Student, count: int = 600) -> tuple[float, float]:
    """(share of headings whose section comes first, is among the first ten) on pages nobody trains on."""
    sampler, prompts = Sampler(corpus.load(), dev=True, seed=1), static.Prompts()
    pairs = sampler.sections(count, 160)
    left, right = prompts.pairs(pairs, True)
    queries, passages = (nn.functional.normalize(embed(student.model, rows), dim=-1) for rows in (left, right))
    scores = queries @ passages.T
    scores = scores.masked_fill(static.same(pairs.keys).to(scores.device), -1.0)
    rank = (scores > scores.diagonal()[:, None]).sum(1)
    return (rank < 1).float().mean().item(), (rank < 10).float().mean().item()


def blend(trained: dict[str, Tensor], share: float = BLEND) -> dict[str, Tensor]:
    """Half way between the start and the trained layers, in everything that decides how much a layer adds.

    Wortsman et al., "Robust fine-tuning of zero-shot models" (2022): what was learned on our sources stays, what
    the table knew about other texts is not lost.
    """
    torch.manual_seed(SEED)
    start = Student().model.state_dict()
    mixed = {name: value.cpu() for name, value in trained.items()}
    for name, value in mixed.items():
        if any(part in name for part in ("o_proj", "fc2", "LayerNorm", "layernorm", "token_type")):
            mixed[name] = start[name] + share * (value - start[name])
    return mixed


def train(steps: int, size: int, device: str) -> None:
    """Train with a state on disk every hundred steps."""
    torch.manual_seed(SEED)
    student = Student().to(device)
    optimizer = optimizer_of(student)
    start = resume(STATE, student, optimizer)
    sampler = Sampler(corpus.load(), seed=SEED + 1000 + start)
    data = Data(sampler, PageSampler(sampler), static.Prompts(), teacher.Vectors())
    log = Log("transformer", steps)
    for step in range(start, steps):
        if step % 100 == 0:
            first, ten = dev_accuracy(student)
            print(f"transformer {step}: dev first {first:.3f}, first ten {ten:.3f}", file=sys.stderr, flush=True)
        set_rate(optimizer, step, steps)
        loss = step_loss(student, data, size, step)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 5.0)
        optimizer.step()
        log(step, loss.item())
        if (step + 1) % 100 == 0:
            save(STATE, student, optimizer, step + 1)
    torch.save(blend(student.model.state_dict()), PATH)


def main(arguments: list[str] | None = None) -> None:
    """Train the layers if that is not done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--pairs", type=int, default=128)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    if PATH.exists():
        return
    begun = time.monotonic()
    torch.set_num_threads(options.threads)
    train(options.steps, options.pairs, options.device)
    print(f"transformer: {(time.monotonic() - begun) / 60:.0f} min", file=sys.stderr)


if __name__ == "__main__":
    main()
