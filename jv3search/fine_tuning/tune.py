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
from jv3search.evaluation.matrix import Matrix, differences
from jv3search.evaluation.measures import require_ir_measures
from jv3search.fine_tuning.held_out import split
from jv3search.fine_tuning.measured import MEASURE, matrix
from jv3search.fine_tuning.outcome import Outcome
from jv3search.fine_tuning.pairs import Pairs
from jv3search.fine_tuning.training_set import TrainingSet, embedded, shortened, training_set_of
from jv3search.types import Task

if TYPE_CHECKING:
    from jv3search.encoders.jina_v3.trainable import TrainableAdapter
    from jv3search.fine_tuning.training_loop import Recipe

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
    threads: int = 0
    epochs: int = EPOCHS
    rate: float = 0.0


def tune(request: Request, pairs: Pairs, progress: Progress) -> Outcome:
    """Tune the adapters of a task; a run that was killed goes on when it is asked the same again.

    InputError for pairs that are too few or an output folder that exists, ModelError for a checkpoint that does
    not fit, ConfigError without PyTorch.
    """
    began = time.perf_counter()
    require(request)
    source, tasks = locate(request.model, request.models), _tasks(request.task)
    pairs, held_out, before, data = _prepared(request, source, pairs, progress)
    work = request.out.with_name(f"{request.out.name}.partial")
    made, steps, told = _copy(request, source, data, work, progress)
    tuned = load(made, request.threads, request.engine)
    after = matrix(held_out, *embedded(held_out, tuned, tasks, progress, "after").of(held_out))
    outcome = Outcome(
        request.out, len(data.pairs), len(held_out), steps, before, after, differences(before, after, MEASURE),
        time.perf_counter() - began, _peak_megabytes(), pairs.notices + told,
    )  # fmt: skip
    if not outcome.worse:
        _describe(made, source, request, pairs, outcome)
        made.rename(request.out)
        shutil.rmtree(work)
    return outcome


def _prepared(
    request: Request, source: Path, pairs: Pairs, progress: Progress
) -> tuple[Pairs, Pairs, Matrix, TrainingSet]:
    """The pairs cut to length, those held out, what the model makes of these, and what it is to learn from."""
    encoder, tasks = load(source, request.threads, request.engine), _tasks(request.task)
    pairs = shortened(pairs, encoder, tasks)
    to_learn, held_out = split(pairs, SEED)
    vectors = embedded(pairs, encoder, tasks, progress, "before")
    before = matrix(held_out, *vectors.of(held_out))
    return pairs, held_out, before, training_set_of(to_learn, vectors, encoder, tasks)


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


def _copy(
    request: Request, source: Path, data: TrainingSet, work: Path, progress: Progress
) -> tuple[Path, int, tuple[str, ...]]:
    """A copy of the model with tuned adapters, the number of steps, and what is to be said of an earlier run."""
    from jv3search.encoders.jina_v3.trainable import trainable_adapters
    from jv3search.fine_tuning.training_loop import Recipe

    config, tasks = read_config(source), _tasks(request.task)
    engine, _ = runs_on(source, request.engine)
    device = engine if engine in ("cuda", "mps") else "cpu"
    adapters = trainable_adapters(source, config, tasks, device, bf16=device == "cuda")
    recipe = Recipe(request.epochs, BATCH, request.rate or _RATE / config.dimension, config.matryoshka, SEED)
    made_of = f"{weights_digest(source)} {request.task} {data.pairs.digest()}"
    steps, told = _trained(adapters, tasks, data, recipe, (work, made_of), request.threads, progress)
    shutil.rmtree(work / "model", ignore_errors=True)
    write_copy(source, work / "model", config, {task: of.learned() for task, of in adapters.items()})
    return work / "model", steps, told


def _trained(
    adapters: dict[Task, TrainableAdapter],
    tasks: tuple[Task, Task],
    data: TrainingSet,
    recipe: Recipe,
    place: tuple[Path, str],
    threads: int,
    progress: Progress,
) -> tuple[int, tuple[str, ...]]:
    """Train adapters in place; the number of steps, and whether those of an earlier run in `place` were used."""
    import torch

    from jv3search.encoders.jina_v3.devices import memory_told
    from jv3search.fine_tuning.training_loop import steps_of, train

    if threads:
        torch.set_num_threads(threads)
    work, made_of = place
    work.mkdir(exist_ok=True)
    state, steps, (asking, answering) = work / "state.pt", steps_of(data, recipe), [adapters[t] for t in tasks]
    there = state.is_file()
    with progress(steps, "learning") as step, memory_told(asking.device):
        done = train(asking, answering, data, recipe, state, made_of, step)
    if there and not done:
        return steps, (f"began anew: what was in {work} is of other pairs or options",)
    return steps, (f"went on after {done} of {steps} steps of an earlier run",) if done else ()


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
