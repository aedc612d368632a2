"""Stage three: everyday language, from a multilingual teacher, without losing what the layers learned.

1. the word embeddings alone, as a static table is learned (`contextless`), brought back into the model;
2. all of the model: the teacher's vectors and order of everyday texts, translations of everyday things, questions
   with their answers; and manuals as before, held to the vectors they had;
3. the mean of the weights before and after: Wortsman et al., "Robust Fine-tuning of Zero-shot Models" (2022).
   Manuals lose little of what the second step takes from them, everyday texts keep most of what it gives.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import JinaEmbeddingsV3Model

from training import batches, contextless, everyday, static, tokenizer, transformer
from training.checkpoint import start
from training.everyday import Taught, Texts
from training.losses import distill, matryoshka, ranking
from training.multilingual import SIZE
from training.pooling import Texts as Rows
from training.pooling import embed
from training.progress import Log, resume, save, steps_done
from training.prompts import Prompts
from training.sampling import Row
from training.settings import EVERYDAY_LANGUAGES, HIDDEN, PASSAGE, QUERY, SEED, WORK

PATH = WORK / "everyday.pt"
TABLE = WORK / "everyday.table.pt"  # after step one
STATE = WORK / "everyday.state.pt"  # of a step two that goes on
PARTS = WORK / "everyday.parts.pt"  # the weights whose mean it is
MOVED = 0.3  # of the way that step one goes is gone before step two begins
WEIGHTS = (0.2, 0.8)  # of the weights before and after
STEPS, TABLE_STEPS, KEEP_EVERY = 980, 800, 100
RATE, TABLE_RATE, HEAD_RATE = 8e-4, 3e-3, 1e-3
SHARES = {  # of a step's texts
    "words": 0.22,
    "things": 0.08,
    "messages": 0.06,
    "talk": 0.16,
    "written": 0.26,
    "terms": 0.22,
}
TAUGHT, PAIRS, ASKED, REPLAYED = 256, 96, 96, 12  # texts, translations, questions, sections a step
TRANSLATED = {"things": 0.15, "messages": 0.1, "written": 0.35, "terms": 0.4}  # of the translations of a step
TABLE_ASKED = 256  # questions of a step of the table
LONGEST, LONGEST_PASSAGE = 96, 160  # tokens
SAME_LANGUAGE = 0.25  # of the questions have their answer in their own language
TOGETHER = 7  # languages of a step's questions: so many passages in a question's language do not answer it
AROUND = (0.35, 0.25, 0.2, 0.2)  # shares of answers that stand alone, or among one, two or three other statements
TEACHER_WEIGHT, RANKING_WEIGHT, KEPT_WEIGHT, ASKED_WEIGHT = 5.0, 2.0, 2.0, 0.6


class Head(nn.Linear):
    """From the model's vectors to the teacher's; thrown away in the end."""

    def __init__(self) -> None:
        super().__init__(HIDDEN, SIZE)

    @torch.no_grad()
    def fit(self, ours: Tensor, theirs: Tensor) -> float:
        """Start as the least squares of a sample; returns the mean cosine reached."""
        left, right = (F.normalize(side, dim=-1) for side in (ours, theirs))
        solved = torch.linalg.solve(left.T @ left + torch.eye(HIDDEN), left.T @ right)
        self.weight.copy_(solved.T)
        self.bias.zero_()
        return float(F.cosine_similarity(left @ solved, right).mean())

    def taught(self, ours: Tensor, theirs: Tensor, ranked: int = 768) -> Tensor:
        """What the vectors lack of the teacher's, and the first of them of its order."""
        loss = TEACHER_WEIGHT * distill(self(F.normalize(ours, dim=-1)), theirs)
        sides = (ours[:ranked], ours[:ranked]), (theirs[:ranked], theirs[:ranked])
        return loss + RANKING_WEIGHT * ranking(*sides, itself=False)


@dataclass
class Everyday:
    """What the steps draw from."""

    taught: dict[str, Taught]
    rows: dict[str, list[Row]]
    several: dict[str, list[Texts]]
    asked: list[tuple[Texts, Texts]]
    chance: np.random.Generator

    def texts(self, count: int) -> tuple[list[Row], Tensor]:
        """Texts of all kinds, and the teacher's vectors of them."""
        rows: list[Row] = []
        vectors: list[NDArray[np.float32]] = []
        for kind, share in SHARES.items():
            picked = self.chance.integers(len(self.rows[kind]), size=max(2, int(count * share)))
            rows += [self.rows[kind][at] for at in picked]
            vectors.append(self.taught[kind].vectors[picked])
        return rows, torch.from_numpy(np.concatenate(vectors))

    def pairs(self, count: int) -> tuple[list[str], list[str]]:
        """Two languages of things, of messages and of what was written for this."""
        left, right = [], []
        for kind, share in TRANSLATED.items():
            found = self.several[kind]
            for at in self.chance.integers(len(found), size=int(count * share)):
                first, second = self.chance.choice(list(found[at].values()), 2, replace=False)
                left.append(str(first))
                right.append(str(second))
        return left, right

    def questions(self, count: int) -> tuple[list[str], list[str]]:
        """Questions, and passages with the statements that answer them, in any two of a few languages."""
        left, right = [], []
        order = self.chance.permutation(len(self.asked))
        drawn, others = order[:count], order[count:]
        languages = self.chance.choice(EVERYDAY_LANGUAGES, TOGETHER, replace=False)
        for at in drawn:
            questions, _ = self.asked[at]
            spoken = [lang for lang in languages if lang in questions] or sorted(questions)
            first, second = self.chance.choice(spoken, 2)
            left.append(questions[first])
            right.append(self.passage(at, first if self.chance.random() < SAME_LANGUAGE else second, others))
        return left, right

    def passage(self, at: int, language: str, others: NDArray[np.int64]) -> str:
        """The statement of a page, alone or among statements of `others`, as a letter says several things."""
        number = self.chance.choice(len(AROUND), p=AROUND) if len(others) else 0
        around = [self.asked[n][1].get(language, "") for n in self.chance.choice(others, number)]
        around.insert(int(self.chance.integers(number + 1)), self.asked[at][1][language])
        return " ".join(around)


def load(seed: int) -> Everyday:
    """Everything from disk, as token ids."""
    taught = {kind: everyday.load(kind) for kind in SHARES}
    several = {kind: [of for of in everyday.things(kind) if len(of) > 1] for kind in TRANSLATED}
    pages = [[block.texts for block in page.blocks] for page in everyday.pages("written")]
    rows = {kind: encoded(of.texts) for kind, of in taught.items()}
    asked = [(everyday.spelled(question), everyday.spelled(answer)) for question, answer in pages]
    return Everyday(taught, rows, several, asked, np.random.default_rng(seed))


def encoded(texts: list[str], longest: int = LONGEST) -> list[Row]:
    """Token ids without specials; a text of blanks gets the unknown token."""
    made = tokenizer.load().encode_batch_fast(texts, add_special_tokens=False)
    return [np.array(each.ids[:longest] or [3], np.uint16) for each in made]


def read(prompts: Prompts, texts: list[str], prefix: str = "") -> list[Row]:
    """Texts as the model reads them."""
    return prompts.around(encoded(texts, LONGEST_PASSAGE), prefix)


def moved_table(model: JinaEmbeddingsV3Model, data: Everyday, steps: int) -> JinaEmbeddingsV3Model:
    """Step one: the model with its word embeddings nearer to the teacher."""
    table, head = contextless.Static(contextless.states(model)), Head()
    rows, theirs = data.texts(16_000)
    head.fit(table(rows, moved=False), theirs)
    optimizer = torch.optim.Adam([{"params": table.moved.parameters()}, {"params": head.parameters()}], fused=True)
    log = Log("everyday table", steps)
    for step in range(steps):
        for group, highest in zip(optimizer.param_groups, (2e-2, HEAD_RATE), strict=True):
            group["lr"] = highest * min(1.0, (step + 1) / 20) * max(0.02, 1 - step / steps)
        rows, theirs = data.texts(2048)
        order = torch.randperm(len(rows))
        loss = head.taught(table([rows[at] for at in order.tolist()]), theirs[order])
        left, right = (table(encoded(side)) for side in data.pairs(768))
        loss = loss + matryoshka(left, right)
        asked, answers = (table(encoded(side, LONGEST_PASSAGE)) for side in data.questions(TABLE_ASKED))
        loss = loss + ASKED_WEIGHT * matryoshka(asked, answers)
        kept = [data.rows["messages"][at] for at in data.chance.integers(len(data.rows["messages"]), size=512)]
        loss = loss + KEPT_WEIGHT * distill(table(kept), table(kept, moved=False).detach())
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        log(step, loss)
    made = copy.deepcopy(model)
    contextless.shift(made, table.moved.weight.detach(), share=1.0)
    return made


@dataclass
class Stage:
    """Step two: a model that learns, the one it was, and what both read."""

    model: JinaEmbeddingsV3Model
    before: JinaEmbeddingsV3Model
    head: Head
    data: Everyday
    manuals: batches.Data
    prompts: Prompts

    def losses(self, step: int) -> Iterator[Tensor]:
        """All losses of a step, one after the other."""
        rows, theirs = self.data.texts(TAUGHT)
        prefixes = self.data.chance.choice(["", QUERY, PASSAGE], len(rows), p=(0.76, 0.12, 0.12))
        around = [self.prompts.around([row], prefix)[0] for row, prefix in zip(rows, prefixes, strict=True)]
        yield self.head.taught(embed(self.model, Rows.of(around)), theirs)
        left, right = self.data.pairs(PAIRS)
        yield contrasted(embed(self.model, Rows.of(read(self.prompts, left + right))), np.arange(len(left)))
        asked, answers = self.data.questions(ASKED)
        queries = embed(self.model, Rows.of(read(self.prompts, asked, QUERY)))
        yield ASKED_WEIGHT * matryoshka(queries, embed(self.model, Rows.of(read(self.prompts, answers, PASSAGE))))
        yield self.replayed(crops=step % 3 == 0)
        if step % 4 == 0:
            yield 0.5 * transformer.late_loss(self.model, self.model, batches.late(self.manuals, [(1, 480)]))

    def replayed(self, crops: bool) -> Tensor:
        """Manuals: headings with their sections and translations, held to the vectors they had."""
        sections = batches.sections(self.manuals, REPLAYED, 112, crops, 0.8)
        words = batches.translations(self.manuals, REPLAYED, 64)
        found = [embed(self.model, texts) for texts in (sections.texts, words.texts)]
        with torch.no_grad():
            known = torch.cat([embed(self.before, texts) for texts in (sections.texts, words.texts)])
        loss = contrasted(found[0], sections.keys)
        loss = loss + 0.5 * contrasted(found[1], words.keys)
        now = torch.cat(found)
        kept = sum((distill(now[:, :dim], known[:, :dim]) for dim in (256, 64)), now.new_zeros(()))
        return loss + KEPT_WEIGHT * kept + ranking((now, now), (known, known), itself=False)


def contrasted(vectors: Tensor, keys: NDArray[np.int64]) -> Tensor:
    """The first half of the vectors against the second."""
    left, right = vectors.chunk(2)
    return matryoshka(left, right, static.same(keys))


def learned(stage: Stage, steps: int) -> None:
    """Adam; the rates rise for thirty steps and fall to nearly nothing."""
    table = stage.model.embeddings.word_embeddings.weight
    others = [parameter for parameter in stage.model.parameters() if parameter is not table]
    groups = [(others, RATE), ([*stage.head.parameters()], HEAD_RATE), ([table], TABLE_RATE)]
    optimizer = torch.optim.Adam(
        [{"params": of, "highest": rate} for of, rate in groups], betas=(0.9, 0.98), fused=True
    )
    begun, learning = steps_done(STATE), nn.ModuleList([stage.model, stage.head])
    resume(STATE, learning, optimizer)
    log = Log("everyday", steps)
    for step in range(begun, steps):
        for group in optimizer.param_groups:
            group["lr"] = group["highest"] * min((step + 1) / 30, 1.0) * max(0.02, 1 - step / steps)
        optimizer.zero_grad()
        total = torch.zeros(())
        for loss in stage.losses(step):
            torch.autograd.backward(loss)
            total += loss.detach()
        nn.utils.clip_grad_norm_(stage.model.parameters(), 5.0)
        optimizer.step()
        log(step, total)
        if (step + 1) % KEEP_EVERY == 0:
            save(STATE, learning, optimizer, step + 1)


def mean(parts: Sequence[dict[str, Tensor]], weights: Sequence[float] = WEIGHTS) -> dict[str, Tensor]:
    """The weighted mean of the weights of models that began as one."""
    return {
        name: torch.stack([share * part[name] for share, part in zip(weights, parts, strict=True)]).sum(0)
        for name in parts[0]
    }


def beginning(before: JinaEmbeddingsV3Model, data: Everyday, share: float) -> JinaEmbeddingsV3Model:
    """Where step two begins: some way towards the table of step one."""
    if not TABLE.exists():
        torch.save(moved_table(before, data, max(1, int(TABLE_STEPS * share))).state_dict(), TABLE)
    nearer = torch.load(TABLE, weights_only=True)
    model = copy.deepcopy(before)
    model.load_state_dict(mean([before.state_dict(), nearer], (1 - MOVED, MOVED)))
    return model


def train(share: float, base: Path | None) -> None:
    """All three steps, or the last two from the weights of a checkpoint."""
    torch.manual_seed(SEED)
    before = start(torch.load(static.PATH, weights_only=True)["table"])
    before.load_state_dict(torch.load(transformer.PATH, weights_only=True))
    before.eval().requires_grad_(False)
    data, prompts = load(SEED), Prompts()
    if base:
        model = copy.deepcopy(before)
        model.load_state_dict(JinaEmbeddingsV3Model.from_pretrained(base, dtype=torch.float32).state_dict())
    else:
        model = beginning(before, data, share)
    stage = Stage(model.requires_grad_(True), before, Head(), data, batches.load(SEED + 9), prompts)
    rows, theirs = data.texts(6000)
    with torch.no_grad():
        stage.head.fit(embed(stage.model, Rows.of(prompts.around(rows))), theirs)
    learned(stage, max(1, int(STEPS * share)))
    parts = [before.state_dict(), stage.model.state_dict()]
    torch.save(parts, PARTS)
    torch.save(mean(parts), PATH)


def main(arguments: list[str] | None = None) -> None:
    """Do what is missing: the teacher's vectors, then the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of steps")
    parser.add_argument("--base", type=Path, help="go on from this checkpoint, without step one")
    options = parser.parse_args(arguments)
    if PATH.exists():
        return
    begun = time.monotonic()
    torch.set_num_threads(options.threads)
    everyday.main()
    train(options.share, options.base)
    print(f"everyday: {(time.monotonic() - begun) / 60:.0f} min", file=sys.stderr)


if __name__ == "__main__":
    main()
