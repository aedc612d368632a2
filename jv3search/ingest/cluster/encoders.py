"""The encoders of a cluster: actors with the model, one a machine, or one a GPU where there are any.

An actor that dies is not brought back by Ray, which would wait for a lost GPU for ever: its batches go to the
others, and another is started if its machine is still there.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jv3search.errors import ClusterError, JV3SearchError
from jv3search.ingest.cluster.connection import Node, nodes
from jv3search.ingest.cluster.worker import DocumentEncoder, Embedded, Recipe
from jv3search.types import Embedding

Ref = Any
"""Ray's reference to what a task makes."""

_QUEUE = 2  # batches: the one in hand and the next
_MOST_DEATHS = 3  # of encoders that had the same batch: the next would die of it too


@dataclass(eq=False, slots=True)
class Task:
    """A batch to embed: the documents, and the embeddings or shards that are known of them."""

    known: Sequence[Embedding | Path | None]
    batch: Sequence[Ref]
    encoder: _Encoder | None = None
    ref: Ref = None
    deaths: int = 0


@dataclass(eq=False, slots=True)
class _Encoder:
    node: Node
    actor: Any
    tasks: list[Task] = field(default_factory=list)


class Encoders:
    """Batches in, shards out."""

    def __init__(self, ray: Any, machines: Sequence[Node], recipe: Recipe) -> None:
        self._ray, self._recipe = ray, recipe
        self._on_gpus = _takes_gpus(recipe, machines)
        self._encoders = [encoder for machine in machines for encoder in self._started(machine)]
        if not self._encoders:
            raise ClusterError(
                "no machine of the cluster has a GPU for Ray to give: use another --engine than cuda"
            )

    @property
    def room(self) -> int:
        """How many batches keep all encoders busy."""
        return _QUEUE * len(self._encoders)

    def batch_tokens(self) -> int:
        """How many tokens an encoder is to be given at once, when all have loaded the model."""
        try:
            asked = [encoder.actor.batch_tokens.remote() for encoder in self._encoders]
            return max(int(get(self._ray, tokens)) for tokens in asked)
        except self._deaths() as error:
            raise ClusterError(f"an encoder died while it loaded the model: {_last_line(error)}") from error

    def send(self, known: Sequence[Embedding | Path | None], batch: Sequence[Ref]) -> Task:
        """Have a batch embedded by the encoder that has the fewest."""
        task = Task(known, batch)
        self._assign(task)
        return task

    def result(self, task: Task) -> Embedded:
        """The shards of a batch, whoever of the encoders lived to embed it."""
        while task.encoder is not None:
            try:
                embedded: Embedded = get(self._ray, task.ref)
            except self._deaths():
                self._replace(task.encoder)
            else:
                task.encoder.tasks.remove(task)
                return embedded
        raise AssertionError("a batch that was never sent")

    def _started(self, machine: Node) -> list[_Encoder]:
        actor = self._ray.remote(num_cpus=0, num_gpus=int(self._on_gpus), max_restarts=0)(DocumentEncoder)
        placed = actor.options(scheduling_strategy=at(machine))
        count = machine.gpus if self._on_gpus else 1
        return [_Encoder(machine, placed.remote(self._recipe, machine.cpus)) for _ in range(count)]

    def _assign(self, task: Task) -> None:
        encoder = min(self._encoders, key=lambda encoder: len(encoder.tasks))
        task.encoder, task.ref = encoder, encoder.actor.embed.remote(task.known, *task.batch)
        encoder.tasks.append(task)

    def _replace(self, dead: _Encoder) -> None:
        """Another encoder in place of one that died, if its machine lives; its batches to whoever is there."""
        with suppress(Exception):  # it may only have been out of reach
            self._ray.kill(dead.actor)
        self._encoders.remove(dead)
        alive = nodes(self._ray)
        if dead.node in alive:
            self._encoders += self._started(dead.node)[:1]
        if not self._encoders:
            raise ClusterError(
                "all encoders of the cluster died. What they embedded is kept: run the same command again"
            )
        for task in dead.tasks:
            task.deaths += 1
            if task.deaths >= _MOST_DEATHS:
                raise ClusterError(
                    f"{task.deaths} encoders died one after the other with the same documents: have they enough "
                    "memory? What was embedded is kept: run the same command again"
                )
            self._assign(task)

    def _deaths(self) -> tuple[type[Exception], ...]:
        errors = self._ray.exceptions
        return (errors.RayActorError, errors.ActorUnschedulableError)


def at(machine: Node) -> Any:
    """Ray's way to say that something must run on a machine."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(machine.id, soft=False)


def get(ray: Any, ref: Ref) -> Any:
    """What a task made, or its error: one of ours as it is, ClusterError for others; deaths of actors as Ray's."""
    try:
        return ray.get(ref)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, JV3SearchError):
            raise error.cause from None
        raise ClusterError(f"a worker failed: {_last_line(error)}") from error
    except (ray.exceptions.ObjectLostError, ray.exceptions.WorkerCrashedError) as error:
        raise ClusterError(
            f"what a worker had read was lost too often ({_last_line(error)}). What was embedded is kept: run the "
            "same command again"
        ) from error
    except (ray.exceptions.RayActorError, ray.exceptions.ActorUnschedulableError):
        raise
    except (ray.exceptions.RayError, ConnectionError) as error:
        raise ClusterError(
            f"the cluster failed ({_last_line(error)}). What was embedded is kept: run the same command again"
        ) from error


def _takes_gpus(recipe: Recipe, machines: Sequence[Node]) -> bool:
    """As on one machine: the engine cuda takes GPUs, and auto does where there are some."""
    there = any(machine.gpus for machine in machines) and recipe.precision != "int8"
    return recipe.engine == "cuda" or (recipe.engine == "auto" and there)


def _last_line(error: Exception) -> str:
    return str(error).strip().split("\n")[-1][:500]
