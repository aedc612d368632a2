"""A whole tuning: pairs in, a checkpoint out that every other part loads, refused if it made a language worse."""

from __future__ import annotations

import json
import shutil
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from jv3search.encoders.golden import golden_texts, write_golden
from jv3search.encoders.jina_v3.config import read_config
from jv3search.encoders.jina_v3.digest import weights_digest
from jv3search.encoders.jina_v3.written import write_copy
from jv3search.encoders.models import TUNED, licence_of, load, locate, runs_on
from jv3search.errors import ConfigError, InputError
from jv3search.evaluation.evaluate import Progress
from jv3search.evaluation.matrix import differences
from jv3search.evaluation.measures import require_ir_measures
from jv3search.fine_tuning.held_out import split
from jv3search.fine_tuning.measured import MEASURE, matrix
from jv3search.fine_tuning.outcome import Outcome
from jv3search.fine_tuning.pairs import Pairs
from jv3search.fine_tuning.training_set import TrainingSet, embedded, shortened, training_set_of
from jv3search.types import Task

if TYPE_CHECKING:
    from jv3search.encoders.jina_v3.fit import Adapter

EPOCHS = 3
BATCH = 64
SEED = 20
_RATE = 0.256  # of AdamW, for each value of a hidden state: 1e-3 for jv3-mini, 2.5e-4 at 1,024 values


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be tuned on what: a model by name or folder, a task of `TUNABLE`, and where the result goes.

    `engine` runs the measurements; it trains on the GPU if that is one, else on the CPU. `rate` 0 is the usual.
    """

    model: str
    models: Path
    task: str
    out: Path
    engine: str = "auto"
    epochs: int = EPOCHS
    rate: float = 0.0


def tune(request: Request, pairs: Pairs, progress: Progress) -> Outcome:
    """Tune the adapters of a task; a run that was killed goes on when it is asked the same again.

    InputError for pairs that are too few or an output folder that exists, ModelError for a checkpoint that does
    not fit, ConfigError without PyTorch.
    """
    began = time.perf_counter()
    require(request)
    source = locate(request.model, request.models)
    encoder, tasks = load(source, engine=request.engine), _tasks(request.task)
    pairs, notices = shortened(pairs, encoder, tasks)
    to_learn, to_measure = split(pairs, SEED)
    vectors = embedded(pairs, encoder, tasks, progress, "before")
    before = matrix(to_measure, *vectors.of(to_measure))
    data = training_set_of(to_learn, vectors, encoder, tasks)
    work = request.out.with_name(f"{request.out.name}.partial")
    adapters, steps = _learned(request, source, data, work, progress)
    made = work / "model"
    shutil.rmtree(made, ignore_errors=True)
    write_copy(source, made, encoder.config, adapters)
    tuned = load(made, engine=request.engine)
    after = matrix(to_measure, *embedded(to_measure, tuned, tasks, progress, "after").of(to_measure))
    outcome = Outcome(
        request.out, len(to_learn), len(to_measure), steps, before, after, differences(before, after, MEASURE),
        time.perf_counter() - began, _peak_megabytes(), notices,
    )  # fmt: skip
    if not outcome.worse:
        _describe(made, source, request, pairs, outcome)
        made.rename(request.out)
        shutil.rmtree(work)
    return outcome


def require(request: Request) -> None:
    """Refuse at once what would fail only later: libraries that are not here, an output folder that exists."""
    if find_spec("torch") is None or find_spec("transformers") is None:
        raise ConfigError("fine-tuning needs PyTorch and transformers: pip install 'jv3search[train]'")
    require_ir_measures()
    if request.out.exists():
        raise InputError(f"{request.out} exists: name another folder with --out, or remove this one")
    request.out.parent.mkdir(parents=True, exist_ok=True)


def _tasks(task: str) -> tuple[Task, Task]:
    """The adapters of the queries and of the passages."""
    if task == "retrieval":
        return "retrieval.query", "retrieval.passage"
    return task, task  # type: ignore[return-value]


def _learned(
    request: Request, source: Path, data: TrainingSet, work: Path, progress: Progress
) -> tuple[dict[Task, Adapter], int]:
    """The tuned adapters by task, and how many steps it took."""
    from jv3search.encoders.jina_v3.devices import memory_told
    from jv3search.encoders.jina_v3.trainable import trainable_adapters
    from jv3search.fine_tuning.training_loop import Recipe, steps_of, train

    config, tasks = read_config(source), _tasks(request.task)
    rate = request.rate or _RATE / config.dimension
    recipe = Recipe(request.epochs, BATCH, rate, config.matryoshka, SEED)
    engine, _ = runs_on(source, request.engine)
    adapters = trainable_adapters(source, config, tasks, engine if engine in ("cuda", "mps") else "cpu")
    asking, answering = (adapters[task] for task in tasks)
    steps, made_of = steps_of(data, recipe), f"{weights_digest(source)} {request.task} {data.pairs.digest()}"
    work.mkdir(exist_ok=True)
    with progress(steps, "learning") as step, memory_told(asking.device):
        train(asking, answering, data, recipe, work / "state.pt", made_of, step)
    return {task: adapter.learned() for task, adapter in adapters.items()}, steps


def _describe(folder: Path, source: Path, request: Request, pairs: Pairs, outcome: Outcome) -> None:
    """What the copy is, its golden values, and a card, beside the weights."""
    facts = {
        "model": request.model,
        "weights": weights_digest(source),
        "licence": licence_of(source, request.models),
        "task": request.task,
        "pairs": {"name": pairs.name, "sha256": pairs.digest(), "queries": len(pairs)},
        **outcome.as_json(),
    }
    (folder / TUNED).write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    card = (
        f"# {request.out.name}\n\n{request.model}, tuned for {request.task} on {pairs.name} by `jv3search "
        f"train-adapter`. Licence: {facts['licence']}, that of {request.model}; the texts may have their "
        f"own.\n\n```\n{outcome.as_text()}\n```\n"
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
    write_golden(load(folder, engine="torch"), golden_texts(source), folder)


def _peak_megabytes() -> float:
    """The most memory that this process had, with that on the GPU; 0 where the system does not tell."""
    import torch

    on_gpu = torch.cuda.max_memory_allocated() / 1e6 if torch.cuda.is_available() else 0.0
    if find_spec("resource") is None:  # Windows
        return on_gpu
    import resource

    unit = 1e6 if sys.platform == "darwin" else 1e3
    return on_gpu + resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
