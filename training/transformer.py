"""Stage two: two transformer layers learn to add to the static table what a mean of token vectors cannot know.

All sources are mixed from the first step. Four losses: the teacher's vectors of English texts and its order,
translations, headings with their sections (under the retrieval prefixes), and spans of whole pages (late
chunking). The table stays as it is: a step here sees a tenth of the pairs of a static step, too few for a word
that comes up once in a thousand of them.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from transformers import JinaEmbeddingsV3Model

from jv3search.types import Task
from training import checkpoint, corpus, reference, static, teacher, tokenizer
from training.losses import distill, matryoshka, ranking
from training.pages import PageSampler, Spans
from training.pooling import Span, embed, embed_spans
from training.progress import Log, resume, save
from training.sampling import Row, Sampler
from training.settings import HIDDEN, PASSAGE, PREFIXES, QUERY, SEED, WORK

PATH, STATE = WORK / "transformer.pt", WORK / "transformer.state.pt"
STEPS, RATE, WARM = 700, 1e-3, 50
TEACHER_WEIGHT, RANKING_WEIGHT = 5.0, 2.0
LONG_EVERY, LONG = 10, 2040


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


def english_loss(student: Student, data: Data, size: int) -> Tensor:
    """English texts, as queries, passages or bare, are pulled to the teacher's vectors and ranked as there."""
    texts, blocks = data.sampler.english(size, 112)
    prefixes = data.sampler.chance.choice(["", QUERY, PASSAGE], size, p=(0.4, 0.25, 0.35))
    known, targets = data.vectors.of(blocks)
    rows = [data.prompts.around([texts[at]], prefixes[at])[0] for at in known]
    return taught(student, embed(student.model, rows), targets)


def taught(student: Student, ours: Tensor, targets: Tensor) -> Tensor:
    """What the vectors lack of the teacher's, and of its order of the texts."""
    targets = targets.to(ours.device)
    return TEACHER_WEIGHT * distill(student.head(ours), targets) + RANKING_WEIGHT * ranking(
        (ours, ours), (targets, targets), itself=False
    )


def translations_loss(student: Student, data: Data, size: int) -> Tensor:
    """Translations find each other and are pulled to the teacher's vector of the English text."""
    pairs = data.sampler.translations(size, 96)
    left, right = embed(student.model, data.prompts.around(pairs.left + pairs.right)).chunk(2)
    loss = matryoshka(left, right, static.same(pairs.keys).to(left.device))
    known, targets = data.vectors.of(pairs.blocks)
    if len(known) > 1:
        loss = loss + (taught(student, left[known], targets) + taught(student, right[known], targets)) / 2
    return loss


def sections_loss(student: Student, data: Data, size: int, longest: int) -> Tensor:
    """Headings, or crops, find their sections, with the retrieval prefixes most of the time."""
    crops = data.sampler.chance.random() < 0.5
    pairs = (data.sampler.crops if crops else data.sampler.sections)(size, longest)
    left, right = data.prompts.pairs(pairs, bool(data.sampler.chance.random() < 0.8))
    queries, passages = embed(student.model, left + right).tensor_split([size])
    loss = matryoshka(queries, passages, static.same(pairs.keys).to(queries.device))
    return (
        loss if crops else loss + RANKING_WEIGHT * static.ranked_sections(queries, passages, pairs, data.vectors)
    )


def with_passage_prefix(pages: Spans, prompts: static.Prompts) -> tuple[list[Row], list[list[Span]]]:
    """Pages as the encoder reads them; the first span also pools <s> and the prefix, the last one </s>."""
    head = len(prompts.heads[PASSAGE])
    rows = prompts.around(pages.rows, PASSAGE)
    spans = [[(a + head, b + head) for a, b in wanted] for wanted in pages.spans]
    return rows, spans


def late_loss(
    asker: JinaEmbeddingsV3Model, reader: JinaEmbeddingsV3Model, data: Data, count: int, longest: int
) -> Tensor:
    """A query finds its span among the other spans of the same page and of the other pages."""
    pages = data.pages.draw(count, longest)
    rows, spans = with_passage_prefix(pages, data.prompts)
    passages = embed_spans(reader, rows, spans)
    queries = embed(asker, data.prompts.around(pages.queries, QUERY))
    return matryoshka(queries, passages, static.same(np.array(pages.keys)).to(queries.device))


def step_loss(student: Student, data: Data, size: int, step: int) -> Tensor:
    """All losses of a step."""
    loss = english_loss(student, data, 2 * size) + translations_loss(student, data, size)
    longest, count = (LONG, 2) if step % LONG_EVERY == 0 else (480, 6)
    late = late_loss(student.model, student.model, data, count, longest)
    return loss + sections_loss(student, data, size, 144) + late


def draw_from(seed: int) -> Data:
    """Everything a step draws from; English texts only where the teacher has read them."""
    sampler = Sampler(corpus.load(), seed=seed)
    vectors = teacher.Vectors(sampler.corpus)
    sampler.spoken = {source: blocks[vectors.knows(blocks)] for source, blocks in sampler.spoken.items()}
    return Data(sampler, PageSampler(sampler), static.Prompts(), vectors)


@torch.inference_mode()
def choice(student: Student, prompts: static.Prompts, sections: reference.Sections) -> str:
    """(same-language, cross-language) hit@10 at each dimension on the book that choices are made on."""
    tokens = tokenizer.load()

    def encode(texts: list[str], task: Task) -> reference.Vectors:
        rows = [np.array(e.ids, np.uint16) for e in tokens.encode_batch(texts, add_special_tokens=False)]
        return embed(student.model, prompts.around(rows, PREFIXES[task])).float().cpu().numpy()

    found = {dim: reference.summary(matrix) for dim, matrix in reference.measure(encode, sections).items()}
    return ", ".join(f"{dim}: {mono:.3f} / {cross:.3f}" for dim, (mono, cross) in found.items())


def train(steps: int, size: int, device: str) -> None:
    """Train with a state on disk every hundred steps."""
    torch.manual_seed(SEED)
    student = Student().to(device)
    optimizer = optimizer_of(student)
    start = resume(STATE, student, optimizer)
    data = draw_from(SEED + 1000 + start)
    sections = {lang: rows for lang, rows in reference.choice_sections().items() if lang in ("en", "de", "ja")}
    log = Log("transformer", steps)
    for step in range(start, steps):
        if step % 200 == 0:
            print(f"transformer {step}: {choice(student, data.prompts, sections)}", file=sys.stderr, flush=True)
        set_rate(optimizer, step, steps)
        loss = step_loss(student, data, size, step)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(student.parameters(), 5.0)
        optimizer.step()
        log(step, loss.item())
        if (step + 1) % 100 == 0:
            save(STATE, student, optimizer, step + 1)
    torch.save({name: value.cpu() for name, value in student.model.state_dict().items()}, PATH)


def main(arguments: list[str] | None = None) -> None:
    """Train the layers if that is not done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help=f"of the usual {STEPS} steps")
    parser.add_argument("--pairs", type=int, default=96)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    if PATH.exists():
        return
    begun = time.monotonic()
    torch.set_num_threads(options.threads)
    train(max(1, int(STEPS * options.share)), options.pairs, options.device)
    print(f"transformer: {(time.monotonic() - begun) / 60:.0f} min", file=sys.stderr)


if __name__ == "__main__":
    main()
