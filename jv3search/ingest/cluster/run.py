"""An ingest whose documents are read, split and embedded by the machines of a Ray cluster.

    files -> tasks that read and split -> batches, in the order of the plan -> encoders (actors)
          -> shards in a folder that all share -> this process stores them, document by document

Batches are put together from the numbers of tokens exactly as in an ingest on one machine, for the last bit of a
vector depends on which documents share a forward pass. Texts and tokens go from task to actor, not through here.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jv3search.errors import ClusterError, StorageError
from jv3search.indexes import IndexWriter, LedgerRow
from jv3search.ingest.cluster import shards
from jv3search.ingest.cluster.connection import Node, connected, nodes
from jv3search.ingest.cluster.encoders import Encoders, Ref, Task, at, get
from jv3search.ingest.cluster.worker import Ready, Recipe, check, read
from jv3search.ingest.embed import Known
from jv3search.ingest.pipeline import Outcome, batches, done
from jv3search.ingest.plan import Planned
from jv3search.types import Embedding

_FILES_A_CPU = 64  # that are being read, or wait for a batch, for each CPU of the cluster: a batch of small notes
_BYTES_A_CPU = 32 << 20  # of these files; Ray writes to disk what it cannot hold
_RETRIES = 5  # of reading, when the worker or its machine dies
_COPIES = 100_000  # documents whose copies are recognised

Read = tuple[Ready | LedgerRow, Ref]
"""What is known of a file, and where its text and tokens are."""


@contextmanager
def embedded_on(
    on: str,
    recipe: Recipe,
    todo: Sequence[Planned],
    writer: IndexWriter,
    on_tokens: Callable[[int], None],
) -> Iterator[Iterator[list[Outcome]]]:
    """The outcomes of files that a cluster reads and embeds; ClusterError if it is not there or does not fit."""
    with connected(on) as ray:
        machines = nodes(ray)
        if not machines:
            raise ClusterError(f"the Ray cluster at {on} has no machine with a CPU to give: start one")
        _check(ray, machines, recipe, todo[0].path)
        yield _Run(ray, machines, recipe, Known(writer), on_tokens).outcomes(todo)


def _check(ray: Any, machines: Sequence[Node], recipe: Recipe, document: Path) -> None:
    task = ray.remote(num_cpus=0, max_retries=0)(check)
    for looked in [task.options(scheduling_strategy=at(machine)).remote(recipe, document) for machine in machines]:
        get(ray, looked)


@dataclass
class _Run:
    """One ingest on a cluster; `waiting` are the batches that were sent, in order, with what embeds them."""

    ray: Any
    machines: Sequence[Node]
    recipe: Recipe
    known: Known
    on_tokens: Callable[[int], None]
    waiting: deque[tuple[list[Ready | LedgerRow], Task | None]] = field(default_factory=deque)
    shards: OrderedDict[bytes, Path] = field(default_factory=OrderedDict)
    """By text and chunks, for copies that come later."""

    def outcomes(self, todo: Sequence[Planned]) -> Iterator[list[Outcome]]:
        """Batch after batch, in the order of the plan."""
        encoders = Encoders(self.ray, self.machines, self.recipe)
        stream = self._reads(todo)
        for batch in batches(stream, encoders.batch_tokens(), _tokens):
            while len(self.waiting) >= encoders.room or self._copies_wait(batch):
                yield self._next(encoders)
            self._send(batch, encoders)
        while self.waiting:
            yield self._next(encoders)

    def _reads(self, todo: Sequence[Planned]) -> Iterator[Read]:
        """What comes of each file, in order, read ahead."""
        cpus = sum(machine.cpus for machine in self.machines)
        task = self.ray.remote(num_cpus=1, num_returns=2, max_retries=_RETRIES)(read)
        ahead: deque[tuple[int, list[Ref]]] = deque()
        held = 0
        for planned in todo:
            while ahead and (len(ahead) >= _FILES_A_CPU * cpus or held >= _BYTES_A_CPU * cpus):
                size, refs = ahead.popleft()
                held -= size
                yield get(self.ray, refs[0]), refs[1]
            ahead.append((planned.source.size, task.remote(planned, self.recipe)))
            held += planned.source.size
        for _, refs in ahead:
            yield get(self.ray, refs[0]), refs[1]

    def _copies_wait(self, batch: Sequence[Read]) -> bool:
        """Whether a document has the same text as one that is being embedded: its rows will be those."""
        keys = {item.key for item, _ in batch if isinstance(item, Ready)}
        return any(isinstance(item, Ready) and item.key in keys for items, _ in self.waiting for item in items)

    def _send(self, batch: Sequence[Read], encoders: Encoders) -> None:
        new = [(item, ref) for item, ref in batch if isinstance(item, Ready) and item.shard is None]
        known = [self._known(item, ref) for item, ref in new]
        task = encoders.send(known, [ref for _, ref in new]) if new else None
        self.waiting.append(([item for item, _ in batch], task))

    def _known(self, item: Ready, ref: Ref) -> Embedding | Path | None:
        """The embeddings of a document if the index or a shard of this run has them."""
        if item.key in self.shards:
            return self.shards[item.key]
        return self.known(get(self.ray, ref)) if self.known.uri(item.source) is not None else None

    def _next(self, encoders: Encoders) -> list[Outcome]:
        """The outcomes of the batch that was sent first."""
        items, task = self.waiting.popleft()
        embedded = encoders.result(task) if task is not None else None
        if embedded is not None and embedded.tokens:
            self.on_tokens(embedded.tokens)
        made = iter(embedded.shards if embedded is not None else ())
        return [
            item if isinstance(item, LedgerRow) else self._loaded(item, item.shard or next(made)) for item in items
        ]

    def _loaded(self, item: Ready, path: Path) -> Outcome:
        shard = shards.load(path, item.source)
        if shard is None:
            raise StorageError(
                f"the shard {path} is damaged or gone, or this machine does not see it: run the same command again"
            )
        self.shards.setdefault(item.key, path)
        while len(self.shards) > _COPIES:
            self.shards.popitem(last=False)
        return done(shard.embedded, shard.seconds)


def _tokens(read: Read) -> int:
    item, _ = read
    return item.tokens if isinstance(item, Ready) else 0
