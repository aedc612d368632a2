"""What runs on the machines of a cluster: reading and splitting, and embedding, without an index."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from jv3search.config import load_settings
from jv3search.encoders.models import facts_of, load, load_tokenizer, locate
from jv3search.encoders.port import Encoder, Tokenizer
from jv3search.errors import ClusterError, ModelError
from jv3search.indexes import LedgerRow, Manifest
from jv3search.ingest.cluster import shards
from jv3search.ingest.cluster.shards import version
from jv3search.ingest.embed import Embedder
from jv3search.ingest.pipeline import attempt, batch_tokens, embed_timed
from jv3search.ingest.plan import Planned
from jv3search.ingest.prepare import Content, Prepared, prepare
from jv3search.readers import SandboxedReader
from jv3search.types import Embedding, Source


@dataclass(frozen=True, slots=True)
class Recipe:
    """How documents are embedded, the same on every machine; `shards` is the folder of just these documents."""

    manifest: Manifest
    models: Path
    engine: str
    precision: str
    threads: int
    shards: Path
    version: str = field(default_factory=version)


@dataclass(frozen=True, slots=True)
class Ready:
    """A document that was read; its text and tokens stay where they are; `shard` if it was embedded before."""

    source: Source
    key: bytes
    tokens: int
    shard: Path | None = None


Read = tuple[Ready | LedgerRow, Prepared | None]
"""What is known of a file, and what waits for its embeddings."""


def check(recipe: Recipe, document: Path) -> None:
    """ClusterError unless this machine makes what the recipe says, and has the shards' folder and the file."""
    here = platform.node()
    if version() != recipe.version:
        raise ClusterError(
            f"the worker on {here} has jv3search {version()}, this is {recipe.version}: "
            "install the same version on all machines"
        )
    try:
        weights = facts_of(_model(recipe)).weights
    except ModelError as error:
        raise ClusterError(f"the worker on {here}: {error}") from None
    if weights != recipe.manifest.weights:
        raise ClusterError(
            f"the worker on {here} has {recipe.manifest.model} with other weights ({weights[:12]}) than this "
            f"machine ({recipe.manifest.weights[:12]}): copy the same model to all machines"
        )
    _check_shards(recipe, here)
    if not document.exists():
        raise ClusterError(
            f"the worker on {here} does not see {document}: documents must have the same path on all machines"
        )


def _check_shards(recipe: Recipe, here: str) -> None:
    if not shards.is_folder_of(recipe.shards, recipe.manifest):
        raise ClusterError(
            f"the worker on {here} does not see the shards in {recipe.shards.parent}: name a folder with --shards "
            "that all machines share"
        )
    try:
        with tempfile.TemporaryFile(dir=recipe.shards) as file:
            file.write(b"shards")
    except OSError as error:
        raise ClusterError(
            f"the worker on {here} cannot write to the shards in {recipe.shards}: {error.strerror}"
        ) from None


def read(planned: Planned, recipe: Recipe) -> Read:
    """A file read and split, unless its shard is there already."""
    reader, tokenizer = _reading(recipe)

    def work(content: Content, name: str) -> Read:
        there = shards.find(recipe.shards, content.source)
        if there is not None:
            path, shard = there
            return Ready(content.source, shard.key, shard.tokens, path), None
        prepared = prepare(content, name, reader, tokenizer, recipe.manifest.chunk_tokens)
        return Ready(content.source, prepared.key, len(prepared.tokens)), prepared

    read = attempt(planned, work)
    return (read, None) if isinstance(read, LedgerRow) else read


@dataclass(frozen=True, slots=True)
class Embedded:
    """The shards of a batch, in order, and how many tokens the model saw for them."""

    shards: tuple[Path, ...]
    tokens: int


class DocumentEncoder:
    """The model, loaded once, that embeds batches into shards; `threads` unless the recipe names others."""

    def __init__(self, recipe: Recipe, threads: int) -> None:
        self._recipe, self._threads = recipe, recipe.threads or threads

    @cached_property
    def _encoder(self) -> Encoder:  # not loaded when it is made: Ray would hide the error
        return load(_model(self._recipe), self._threads, self._recipe.engine, self._recipe.precision)

    def batch_tokens(self) -> int:
        """How many tokens of whole documents it is to be given at once."""
        return batch_tokens(self._encoder)

    def embed(self, known: Sequence[Embedding | Path | None], *batch: Prepared) -> Embedded:
        """Embed a batch and write its shards; `known` are embeddings of a document, or a shard that has them."""
        seen: list[int] = []
        rows = {item.key: _rows(of_item, item) for item, of_item in zip(batch, known, strict=True)}
        embedder = Embedder(self._encoder, lambda item: rows[item.key], seen.append)
        paths = tuple(
            shards.save(self._recipe.shards, shards.Shard(item.key, len(item.tokens), seconds, embedded))
            for item, (embedded, seconds) in zip(batch, embed_timed(batch, embedder), strict=True)
        )
        return Embedded(paths, sum(seen))


def _rows(known: Embedding | Path | None, item: Prepared) -> Embedding | None:
    if not isinstance(known, Path):
        return known
    shard = shards.load(known, item.source)
    return None if shard is None else shard.embedded.embeddings


def _model(recipe: Recipe) -> Path:
    """The model's folder: where the process that was started has its models, else among this machine's own."""
    name = recipe.manifest.model
    try:
        return locate(name, recipe.models)
    except ModelError:
        return locate(name, load_settings({}).models)


@cache
def _reading(recipe: Recipe) -> tuple[SandboxedReader, Tokenizer]:
    """A reader's process and the model's tokenizer, for all tasks of this worker."""
    return SandboxedReader(), load_tokenizer(_model(recipe))
