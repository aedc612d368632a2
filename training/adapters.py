"""Stage three: the base is frozen and one rank-4 LoRA adapter is learned a task.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (2021).
 * retrieval.query and retrieval.passage together: headings and sections, spans of pages, everyday questions and
   what answers them, under their prefixes;
 * text-matching: translations, everyday ones too, and the teacher's order of the texts of a batch;
 * separation: blocks of the same page belong together, whatever their language;
 * classification: descriptions of the same section of the package archive belong together.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Callable
from itertools import chain

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import JinaEmbeddingsV3Model

from training import checkpoint, everyday_stage, static
from training.batches import Data, Targets, late, sections, translations
from training.batches import load as load_data
from training.checkpoint import Adapter
from training.losses import matryoshka, ranking, supervised
from training.pooling import Texts, embed, pack
from training.progress import Log
from training.sampling import Row
from training.settings import PASSAGE, QUERY, SEED, TASKS, WORK, size_for
from training.transformer import PATH as LAYERS
from training.transformer import late_loss

FOLDER = WORK / "adapters"
SCALING = checkpoint.ALPHA / checkpoint.RANK
RATE = {"retrieval": 3e-3, "text-matching": 3e-3, "separation": 3e-3, "classification": 4e-3}
STEPS = {"retrieval": 90, "text-matching": 72, "separation": 120, "classification": 90}
ASKED, TRANSLATED = 96, 160  # everyday questions and translations a step


class Lora(nn.Module):
    """A frozen linear or embedding module with a trainable update of low rank."""

    def __init__(self, base: nn.Linear | nn.Embedding, down: Tensor, up: Tensor) -> None:
        super().__init__()
        self.base, self.down, self.up = base, down, up

    def forward(self, x: Tensor) -> Tensor:
        """The module's own output plus the update."""
        inner = F.embedding(x, self.down.T) if isinstance(self.base, nn.Embedding) else F.linear(x, self.down)
        update = SCALING * F.linear(inner, self.up)
        plain: Tensor = self.base(x)
        return plain + update


def adapted(base: JinaEmbeddingsV3Model) -> tuple[JinaEmbeddingsV3Model, Adapter]:
    """A view of the frozen base with a silent adapter woven in, and the adapter's parameters by name.

    q, k and v share one lora_A, as in the original; it stands under q_proj's name.
    """
    view = copy.deepcopy(base).requires_grad_(False)
    device = next(view.parameters()).device
    parameters: Adapter = {
        name: nn.Parameter(value.to(device)) for name, value in checkpoint.silent_adapter(view).items()
    }
    for name, module in checkpoint.targets(view).items():
        kind = "lora_embedding_{}" if isinstance(module, nn.Embedding) else "lora_{}.weight"
        shared = name.replace("k_proj", "q_proj").replace("v_proj", "q_proj")
        down, up = parameters[f"{shared}.{kind.format('A')}"], parameters[f"{name}.{kind.format('B')}"]
        parameters[f"{name}.{kind.format('A')}"] = down
        parent, leaf = name.rsplit(".", 1)
        setattr(view.get_submodule(parent), leaf, Lora(module, down, up))
    return view, parameters


Losses = Callable[[int], Tensor]
Draw = Callable[[int, int], tuple[list[Row], np.ndarray]]


def fit(name: str, parameters: list[Tensor], loss_of: Losses, steps: int) -> None:
    """Adam with a rate that falls linearly."""
    unique = list({id(p): p.requires_grad_() for p in parameters}.values())
    optimizer = torch.optim.Adam(unique, lr=RATE[name], betas=(0.9, 0.98))
    log = Log(name, steps)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = RATE[name] * min(1, (step + 1) / 10) * (1 - step / steps)
        loss = loss_of(step)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        log(step, loss)


def everyday() -> everyday_stage.Everyday | None:
    """Everyday texts, if their stage was run."""
    return everyday_stage.load(SEED + 8) if everyday_stage.PATH.exists() else None


def retrieval(base: JinaEmbeddingsV3Model, data: Data, steps: int) -> dict[str, Adapter]:
    """Both sides of retrieval, learned together."""
    (asker, asking), (reader, reading) = adapted(base), adapted(base)
    targets, daily = Targets(data.vectors, base.device), everyday()

    def answered() -> Tensor:
        if not daily:
            return torch.zeros((), device=base.device)
        asked, answers = daily.questions(ASKED)
        queries = embed(asker, Texts.of(everyday_stage.read(data.prompts, asked, QUERY)))
        return matryoshka(queries, embed(reader, Texts.of(everyday_stage.read(data.prompts, answers, PASSAGE))))

    def loss_of(step: int) -> Tensor:
        pairs = sections(data, 128, 160, False, 1.0)
        left, right = pairs.texts.halves()
        queries, passages = embed(asker, left), embed(reader, right)
        loss = matryoshka(queries, passages, static.same(pairs.keys, queries.device))
        loss = loss + static.ranked_sections(queries, passages, pairs, targets) + answered()
        return loss + 0.3 * late_loss(asker, reader, late(data, [(2, 1000 if step % 5 == 0 else 400)]))

    fit("retrieval", [*asking.values(), *reading.values()], loss_of, steps)
    return {"retrieval.query": asking, "retrieval.passage": reading}


def text_matching(base: JinaEmbeddingsV3Model, data: Data, steps: int) -> dict[str, Adapter]:
    """Translations match; other texts stand in the order that the teacher gives them."""
    view, parameters = adapted(base)
    targets, daily = Targets(data.vectors, base.device), everyday()

    def loss_of(_: int) -> Tensor:
        pairs = translations(data, 320, 64)
        left, right = embed(view, pairs.texts).chunk(2)
        loss = matryoshka(left, right, static.same(pairs.keys, left.device))
        if daily:
            rows = everyday_stage.read(data.prompts, [*chain(*daily.pairs(TRANSLATED))])
            loss = loss + matryoshka(*embed(view, Texts.of(rows)).chunk(2))
        if len(pairs.known) > 1:
            known, theirs = torch.from_numpy(pairs.known).to(left.device), targets(pairs.first)
            loss = loss + 0.3 * ranking((left[known], right[known]), (theirs, theirs), itself=False)
        return loss

    fit("text-matching", list(parameters.values()), loss_of, steps)
    return {"text-matching": parameters}


def grouped(view: JinaEmbeddingsV3Model, data: Data, draw: Draw, nearest: bool = False) -> Losses:
    """The supervised contrastive loss over groups of texts."""

    def loss_of(_: int) -> Tensor:
        rows, labels = draw(64, 4)
        vectors = embed(view, Texts.of(data.prompts.around(rows)))
        return supervised(vectors, torch.from_numpy(labels).to(vectors.device), nearest=nearest)

    return loss_of


def separation(base: JinaEmbeddingsV3Model, data: Data, steps: int) -> dict[str, Adapter]:
    """Groups are pages."""
    view, parameters = adapted(base)
    fit("separation", list(parameters.values()), grouped(view, data, data.pages.groups, nearest=True), steps)
    return {"separation": parameters}


def classification(base: JinaEmbeddingsV3Model, data: Data, steps: int) -> dict[str, Adapter]:
    """Groups are sections of the archive."""
    view, parameters = adapted(base)
    fit("classification", list(parameters.values()), grouped(view, data, data.sampler.topics), steps)
    return {"classification": parameters}


LEARN = {
    "retrieval": retrieval,
    "text-matching": text_matching,
    "separation": separation,
    "classification": classification,
}


def load_base(device: str = "cpu") -> JinaEmbeddingsV3Model:
    """The trained transformer."""
    table = torch.load(static.PATH, weights_only=True)["table"]
    model = checkpoint.start(table)
    base = everyday_stage.PATH if everyday_stage.PATH.exists() else LAYERS  # the stage in between may be left out
    model.load_state_dict(torch.load(base, weights_only=True))
    return model.to(device)


def load() -> dict[str, Adapter]:
    """All five adapters from disk."""
    return {task: torch.load(FOLDER / f"{task}.pt", weights_only=True) for task in TASKS}


def main(arguments: list[str] | None = None) -> None:
    """Learn the adapters that are not there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of steps")
    parser.add_argument("names", nargs="*", default=list(LEARN))
    options = parser.parse_args(arguments)
    FOLDER.mkdir(exist_ok=True)
    wanted = [
        n for n in options.names if not (FOLDER / f"{n.replace('retrieval', 'retrieval.query')}.pt").exists()
    ]
    if not wanted:
        return
    torch.manual_seed(SEED)
    torch.set_num_threads(options.threads)
    base, data = load_base(options.device), load_data(SEED + 7)
    if size_for(options.device).packed:
        pack(base)
    for name in wanted:
        print(f"adapter {name}", file=sys.stderr)
        for task, parameters in LEARN[name](base, data, max(1, int(STEPS[name] * options.share))).items():
            made = {key: value.detach().cpu().clone() for key, value in parameters.items()}
            torch.save(made, FOLDER / f"{task}.pt")


if __name__ == "__main__":
    main()
