"""Shards: embedded documents as Parquet files, written by workers, loaded by the one process that stores.

A file holds one document and never changes. Its folder is named by all that the embeddings depend on, its name by
the bytes and the name of the document's file, and by a checksum of its own: it is written aside and renamed, so
that half a file has no name, and a damaged one is not what its name says. Shards may be deleted at any time: what
is missing is embedded again.
"""

from __future__ import annotations

import hashlib
import json
import platform
import uuid
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jv3search.errors import StorageError
from jv3search.indexes import Manifest, checked_file
from jv3search.types import Chunk, Document, EmbeddedDocument, Page, Section, Source, Span

_FORMAT = 1  # of the files; another number, another folder
_SUFFIX = ".parquet"
_IDENTITY = "manifest.json"
_ABANDONED = 3600.0  # seconds: no worker writes a file that long
_CHUNK = pa.struct(
    {
        "start": pa.int64(),
        "end": pa.int64(),
        "language": pa.string(),
        "tokens": pa.int64(),
        "page": pa.int64(),
        "section": pa.string(),
    }
)
_VECTORS = pa.map_(pa.string(), pa.list_(pa.float32()))


@dataclass(frozen=True, slots=True)
class Shard:
    """An embedded document, the `key` of its text and chunks, its tokens, and the seconds that it took."""

    key: bytes
    tokens: int
    seconds: float
    embedded: EmbeddedDocument


def version() -> str:
    """This program's version."""
    return str(import_module("jv3search").__version__)


def identity(manifest: Manifest) -> dict[str, Any]:
    """All that an embedded document depends on beside its file: the model, how it is used, this program."""
    facts = asdict(replace(manifest, model=""))  # the same weights under another name are the same model
    del facts["model"]
    return {**facts, "jv3search": version(), "shard_format": _FORMAT}


def make_folder(shards: Path, manifest: Manifest) -> Path:
    """The folder in `shards` for a manifest's documents, made if need be; StorageError if it cannot be."""
    facts = json.dumps(identity(manifest), indent=1, sort_keys=True)
    folder = shards.absolute() / hashlib.sha256(facts.encode()).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f"{uuid.uuid4().hex}.unfinished"
        unfinished.write_text(facts, encoding="utf-8")
        unfinished.replace(folder / _IDENTITY)
        checked_file.discard_unfinished(folder, _ABANDONED)
    except OSError as error:
        raise StorageError(
            f"shards cannot be written to {shards}: {error.strerror}; name another folder"
        ) from None
    return folder


def is_folder_of(folder: Path, manifest: Manifest) -> bool:
    """Whether a folder is here, and the one that `make_folder` made for this manifest."""
    try:
        facts = json.loads((folder / _IDENTITY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(facts == identity(manifest))


def save(folder: Path, shard: Shard) -> Path:
    """Write a shard, and return where; StorageError if that cannot be done."""
    stem = _stem(folder, shard.embedded.source)
    try:
        stem.parent.mkdir(exist_ok=True)
        table = _table(shard)
        checksum = checked_file.save(
            stem.parent,
            lambda path: pq.write_table(table, path, compression="zstd"),
            lambda checksum: f"{stem.name}-{checksum}{_SUFFIX}",
        )
    except OSError as error:
        raise StorageError(
            f"the shard of {shard.embedded.source.uri} cannot be written to {folder} on {platform.node()}: "
            f"{error.strerror or error}"
        ) from None
    return stem.parent / f"{stem.name}-{checksum}{_SUFFIX}"


def find(folder: Path, source: Source) -> tuple[Path, Shard] | None:
    """The intact shard of a file, if there is one; damaged ones are deleted on the way."""
    stem = _stem(folder, source)
    for path in sorted(stem.parent.glob(f"{stem.name}-*{_SUFFIX}")):
        shard = load(path, source)
        if shard is not None:
            return path, shard
        path.unlink(missing_ok=True)
    return None


def load(path: Path, source: Source) -> Shard | None:
    """The shard in a file, as that of `source`; None if the file is damaged or gone."""
    try:
        if checked_file.checksum(path) != path.stem.rpartition("-")[2]:
            return None
        return _shard(pq.read_table(path, use_threads=False), source)
    except (OSError, pa.ArrowException, KeyError, ValueError):
        return None


def _stem(folder: Path, source: Source) -> Path:
    """Readers go by the name of a file too, so the same bytes under another name are another shard."""
    name = hashlib.sha256(Path(source.uri).name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return folder / source.digest[:2] / f"{source.digest}-{name}"


def _table(shard: Shard) -> pa.Table:
    """One row: the document, its chunks, and their embeddings as float32, to the bit."""
    embedded, dimension = shard.embedded, shard.embedded.embeddings.shape[1]
    rows = pa.FixedSizeListArray.from_arrays(
        pa.array(np.ascontiguousarray(embedded.embeddings).ravel()), dimension
    )
    document = asdict(replace(embedded.document, text="", pages=(), sections=()))
    document["pages"] = [page.as_row() for page in embedded.document.pages]
    document["sections"] = [section.as_row() for section in embedded.document.sections]
    columns = {
        "digest": pa.array([embedded.source.digest]),
        "key": pa.array([shard.key]),
        "tokens": pa.array([shard.tokens]),
        "seconds": pa.array([shard.seconds]),
        "text": pa.array([embedded.document.text], pa.large_string()),
        "document": pa.array([json.dumps(document, ensure_ascii=False)], pa.large_string()),
        "language": pa.array([embedded.language]),
        "chunks": pa.array([[_chunk_row(chunk) for chunk in embedded.chunks]], pa.list_(_CHUNK)),
        "embeddings": pa.ListArray.from_arrays(pa.array([0, len(embedded.chunks)], pa.int32()), rows),
        "vectors": pa.array([[(task, vector) for task, vector in embedded.vectors.items()]], _VECTORS),
    }
    return pa.table(columns)


def _chunk_row(chunk: Chunk) -> dict[str, object]:
    row = {name: getattr(chunk, name) for name in ("language", "tokens", "page", "section")}
    return row | {"start": chunk.span.start, "end": chunk.span.end}


def _shard(table: pa.Table, source: Source) -> Shard:
    """The shard in a table that `_table` made; ValueError or KeyError for anything else."""
    row = {name: table.column(name)[0] for name in table.column_names}
    chunks = tuple(Chunk(Span(chunk.pop("start"), chunk.pop("end")), **chunk) for chunk in row["chunks"].as_py())
    values = row["embeddings"].values.flatten().to_numpy()
    embedded = EmbeddedDocument(
        source,
        _document(row["text"].as_py(), json.loads(row["document"].as_py())),
        row["language"].as_py(),
        chunks,
        values.reshape(len(chunks), -1).copy(),  # an array of its own: Arrow's cannot be written to
        {task: np.array(vector, np.float32) for task, vector in row["vectors"].as_py()},
    )
    return Shard(row["key"].as_py(), row["tokens"].as_py(), row["seconds"].as_py(), embedded)


def _document(text: str, note: dict[str, Any]) -> Document:
    return Document(
        text=text,
        title=note["title"],
        format=note["format"],
        pages=tuple(Page.from_row(page) for page in note["pages"]),
        sections=tuple(Section.from_row(section) for section in note["sections"]),
        notices=tuple(note["notices"]),
    )
