"""A whole tuning: pairs in, a checkpoint out that every other part loads, refused if it made a language worse."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from jv3search.encoders.golden import golden_texts, write_golden
from jv3search.encoders.jina_v3.config import CheckpointConfig, read_config
from jv3search.encoders.jina_v3.digest import weights_digest
from jv3search.encoders.jina_v3.written import write_copy
from jv3search.encoders.models import TUNED, licence_of, load, locate, runs_on
from jv3search.errors import ConfigError, InputError, StorageError
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
    from jv3search.encoders.jina_v3.fit import Adapter
    from jv3search.encoders.jina_v3.trainable import TrainableAdapter

EPOCHS = 3
BATCH = 64
SEED = 20
_SHOWN = 200  # characters of what safetensors says
_RATE = 0.768  # of AdamW, divided by the hidden size: 3e-3 for jv3-mini, docs/decisions/fine-tuning.md


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
    made = work / "model"
    with _disk_told(work):
        adapters, steps, told = _trained(request, source, data, work, progress)
        shutil.rmtree(made, ignore_errors=True)
        write_copy(source, made, read_config(source), adapters)
    tuned = load(made, request.threads, request.engine)
    after = matrix(held_out, *embedded(held_out, tuned, tasks, progress, "after").of(held_out))
    outcome = Outcome(
        request.out, len(data.pairs), len(held_out), steps, before, after, differences(before, after, MEASURE),
        time.perf_counter() - began, _peak_megabytes(), pairs.notices + told,
    )  # fmt: skip
    if not outcome.worse:
        with _disk_told(work):
            _describe(made, source, request, pairs, outcome)
            made.rename(request.out)
        shutil.rmtree(work)
    return outcome


@contextmanager
def _disk_told(folder: Path) -> Iterator[None]:
    """StorageError in place of what the system or safetensors says when a folder cannot be written to."""
    try:
        yield
    except BrokenPipeError:  # of the terminal that progress goes to
        raise
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise StorageError(
            f"{folder} cannot be written to ({reason or str(error)[:_SHOWN]}): free some space and run the same "
            "command again, which goes on from what was saved, or name another folder with --out"
        ) from None


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


def _trained(
    request: Request, source: Path, data: TrainingSet, work: Path, progress: Progress
) -> tuple[dict[Task, Adapter], int, tuple[str, ...]]:
    """The tuned adapters, the number of steps, and what is to be said of an earlier run in `work`."""
    from jv3search.encoders.jina_v3.devices import memory_told
    from jv3search.fine_tuning.training_loop import Recipe, State, steps_of, train

    config = read_config(source)
    adapters = _trainable(request, source, config)
    recipe = Recipe(request.epochs, BATCH, request.rate or _RATE / config.dimension, config.matryoshka, SEED)
    work.mkdir(exist_ok=True)
    state = State(work / "state.pt", f"{weights_digest(source)} {request.task} {data.pairs.digest()}")
    there, steps, (asking, answering) = state.file.is_file(), steps_of(data, recipe), _tasks(request.task)
    with progress(steps, "learning") as step, memory_told(adapters[asking].device):
        done = train((adapters[asking], adapters[answering]), data, recipe, state, step)
    told = (f"went on after {done} of {steps} steps of an earlier run",) if done else ()
    if there and not done:
        told = (f"began anew: what was in {work} is of other pairs or options",)
    return {task: of.learned() for task, of in adapters.items()}, steps, told


def _trainable(request: Request, source: Path, config: CheckpointConfig) -> dict[Task, TrainableAdapter]:
    """The adapters of a task on the device they learn on."""
    import torch

    from jv3search.encoders.jina_v3.trainable import trainable_adapters

    if request.threads:
        torch.set_num_threads(request.threads)
    engine, _ = runs_on(source, request.engine)
    device = engine if engine in ("cuda", "mps") else "cpu"
    return trainable_adapters(source, config, _tasks(request.task), device, bf16=device == "cuda")


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
