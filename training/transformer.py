"""Stage two: transformer layers learn to add to the static table what a mean of token vectors cannot know.

All sources are mixed from the first step. Four losses: the teacher's vectors of English texts and its order,
translations, headings with their sections (under the retrieval prefixes), and spans of whole pages (late
chunking). On a CPU the table stays as it is: a step there sees a tenth of the pairs of a table's step, too few for
a word that comes up once in a thousand of them. On a GPU it goes on learning.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from transformers import JinaEmbeddingsV3Model

from jv3search.types import Task
from training import checkpoint, reference, static, teacher, tokenizer
from training.batches import (
    Both,
    Data,
    English,
    Late,
    Targets,
    english,
    late,
    load,
    sections,
    stream,
    translations,
)
from training.losses import distill, matryoshka, ranking
from training.pooling import Texts, embed, embed_spans, pack
from training.progress import Log, resume, save, steps_done
from training.prompts import Prompts
from training.settings import HIDDEN, PREFIXES, SEED, WORK, LayersSize, Size, size_for

PATH, STATE = WORK / "transformer.pt", WORK / "transformer.state.pt"
RATE, WARM = 1e-3, 50
TEACHER_WEIGHT, RANKING_WEIGHT = 5.0, 2.0


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


def optimizer_of(student: Student, table_rate: float) -> torch.optim.Optimizer:
    """Adam; the table has a rate of its own, or stays as it is."""
    table = student.model.embeddings.word_embeddings.requires_grad_(table_rate > 0).weight
    others = [p for p in student.parameters() if p.requires_grad and p is not table]
    groups = [{"params": others, "highest": RATE}]
    if table_rate:
        groups.append({"params": [table], "highest": table_rate})
    return torch.optim.Adam(groups, betas=(0.9, 0.98), fused=True)


def set_rate(optimizer: torch.optim.Optimizer, step: int, steps: int) -> None:
    """Up linearly, then down linearly."""
    share = min((step + 1) / WARM, 1.0) * (1 - step / steps)
    for group in optimizer.param_groups:
        group["lr"] = share * group["highest"]


@dataclass
class Read:
    """What a step reads."""

    english: English
    translations: Both
    sections: Both
    late: Late


def read(data: Data, step: int, size: LayersSize) -> Read:
    """The texts of a step; headings with their sections, or crops."""
    crops = bool(data.sampler.chance.random() < 0.5)
    return Read(
        english(data, 2 * size.pairs, 112),
        translations(data, size.pairs, 96),
        sections(data, size.pairs, size.section_tokens, crops, 0.8),
        late(data, size.pages if step % 10 else size.tenth_pages),
    )


def taught(student: Student, ours: Tensor, theirs: Tensor) -> Tensor:
    """What the vectors lack of the teacher's, and of its order of the texts."""
    return TEACHER_WEIGHT * distill(student.head(ours), theirs) + RANKING_WEIGHT * ranking(
        (ours, ours), (theirs, theirs), itself=False
    )


def english_loss(student: Student, texts: English, targets: Targets) -> Tensor:
    """English texts, as queries, passages or bare, are pulled to the teacher's vectors and ranked as there."""
    return taught(student, embed(student.model, texts.texts), targets(texts.rows))


def translations_loss(student: Student, pairs: Both, targets: Targets) -> Tensor:
    """Translations find each other and are pulled to the teacher's vector of the English text."""
    left, right = embed(student.model, pairs.texts).chunk(2)
    loss = matryoshka(left, right, static.same(pairs.keys, left.device))
    if len(pairs.known) > 1:
        known, theirs = torch.from_numpy(pairs.known).to(left.device), targets(pairs.first)
        loss = loss + (taught(student, left[known], theirs) + taught(student, right[known], theirs)) / 2
    return loss


def sections_loss(student: Student, pairs: Both, targets: Targets) -> Tensor:
    """Headings, or crops, find their sections."""
    queries, passages = embed(student.model, pairs.texts).chunk(2)
    loss = matryoshka(queries, passages, static.same(pairs.keys, queries.device))
    return loss + RANKING_WEIGHT * static.ranked_sections(queries, passages, pairs, targets)


def late_loss(asker: JinaEmbeddingsV3Model, reader: JinaEmbeddingsV3Model, pages: Late) -> Tensor:
    """A query finds its span among the other spans of the same page and of the other pages."""
    passages = embed_spans(reader, pages.pages, pages.spans)
    queries = embed(asker, pages.queries)
    return matryoshka(queries, passages, static.same(pages.keys, queries.device))


def losses(student: Student, texts: Read, targets: Targets) -> Iterator[Tensor]:
    """All losses of a step, one after the other: no more than one loss's states are held at a time."""
    yield english_loss(student, texts.english, targets)
    yield translations_loss(student, texts.translations, targets)
    yield sections_loss(student, texts.sections, targets)
    yield late_loss(student.model, student.model, texts.late)


@torch.inference_mode()
def choice(student: Student, prompts: Prompts, sections: reference.Sections) -> str:
    """(same-language, cross-language) hit@10 at each dimension on the book that choices are made on."""
    tokens = tokenizer.load()

    def encode(texts: list[str], task: Task) -> reference.Vectors:
        rows = [np.array(e.ids, np.uint16) for e in tokens.encode_batch(texts, add_special_tokens=False)]
        return embed(student.model, Texts.of(prompts.around(rows, PREFIXES[task]))).float().cpu().numpy()

    found = {dim: reference.summary(matrix) for dim, matrix in reference.measure(encode, sections).items()}
    return ", ".join(f"{dim}: {mono:.3f} / {cross:.3f}" for dim, (mono, cross) in found.items())


def improve(student: Student, optimizer: torch.optim.Optimizer, found: Iterator[Tensor]) -> Tensor:
    """One step of the optimizer, a backward pass for each of the losses; returns their sum."""
    optimizer.zero_grad()
    total = torch.zeros((), device=student.head.weight.device)
    for loss in found:
        torch.autograd.backward(loss)
        total += loss.detach()
    nn.utils.clip_grad_norm_(student.parameters(), 5.0)
    optimizer.step()
    return total


def train(size: Size, steps: int, device: torch.device) -> None:
    """Train with a state on disk from time to time."""
    torch.manual_seed(SEED)
    student, data, start = Student(), load(SEED), steps_done(STATE)
    batches = stream(data, partial(read, size=size.layers), SEED + 1000, start, size.readers)
    student, targets = student.to(device), Targets(data.vectors, device)
    if size.packed:
        pack(student.model, compiled=True)
    optimizer = optimizer_of(student, size.layers.table_rate)
    resume(STATE, student, optimizer)
    book, log = choice_book(size.layers.shown), Log("transformer", steps)
    for step, texts in zip(range(start, steps), batches, strict=False):
        if step % size.layers.show_every == 0:
            show(step, student, data.prompts, book)
        set_rate(optimizer, step, steps)
        log(step, improve(student, optimizer, losses(student, texts, targets)))
        if (step + 1) % size.keep_every == 0:
            save(STATE, student, optimizer, step + 1)
    show(steps, student, data.prompts, book)
    torch.save({name: value.cpu() for name, value in student.model.state_dict().items()}, PATH)


def choice_book(languages: tuple[str, ...]) -> reference.Sections:
    """The book that choices are made on, in some languages."""
    return {lang: rows for lang, rows in reference.choice_sections().items() if lang in languages}


def show(step: int, student: Student, prompts: Prompts, book: reference.Sections) -> None:
    """How well the book's titles find their sections now."""
    print(f"transformer {step}: {choice(student, prompts, book)}", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Train the layers if that is not done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of steps")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    if PATH.exists():
        return
    begun = time.monotonic()
    torch.set_num_threads(options.threads)
    size = size_for(options.device)
    train(size, max(1, int(size.layers.steps * options.share)), torch.device(options.device))
    print(f"transformer: {(time.monotonic() - begun) / 60:.0f} min", file=sys.stderr)


if __name__ == "__main__":
    main()
