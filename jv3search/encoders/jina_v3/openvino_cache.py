"""Compiled graphs, kept for the next start: such a file is mapped into memory, and no weights are read.

A graph is kept in the user's cache folder under what it depends on: the weights, the code that writes the graph,
the properties it was compiled with, OpenVINO's version and the CPU. A note beside it has its SHA-256 and is
written last, so that a file half written is never found. A file that does not fit its note is deleted and made
again. All of it is best effort: without a place to write, the next process compiles again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from jv3search.encoders.jina_v3 import checkpoint, openvino_graph
from jv3search.encoders.jina_v3.digest import file_digest, remember_digest, weights_digest
from jv3search.encoders.jina_v3.openvino_runtime import openvino as ov
from jv3search.types import Task

Properties = Mapping[str, str | int | bool]

_MOST = 4  # graphs kept, those used last: one of the full-size model has 1.8 GB
_ABANDONED = 3600.0  # seconds after which what a killed process left is deleted
_WRITING = "writing-"  # begins the name of a folder in which a graph is being written

# While OpenVINO writes a graph, the locale of the whole process is "C". Two that write at once take each other's
# "C" for the locale to go back to, and every file opened later without an encoding would be read as ASCII.
_ONE_WRITES = threading.Lock()


@dataclass(frozen=True, slots=True)
class CompiledGraph:
    """A graph ready to run, the rank of each task's adapter in it, and the memory that it may lie in."""

    model: ov.CompiledModel
    ranks: dict[Task, int]
    memory: NDArray[np.uint8] | None = None


Build = Callable[[], tuple[ov.Model, dict[Task, int]]]


def compiled(core: ov.Core, folder: Path, properties: Properties, kind: str, build: Build) -> CompiledGraph:
    """The graph of a checkpoint folder: the kept one, else what `build` gives, compiled and kept.

    `kind` tells graphs of one checkpoint apart that hold its weights in different ways.
    """
    key = _key(core, folder, properties, kind)
    return _imported(core, key, properties) or _made(core, key, properties, build)


def _key(core: ov.Core, folder: Path, properties: Properties, kind: str) -> str:
    cpu = [str(core.get_property("CPU", name)) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
    code = [Path(str(module.__file__)).read_bytes() for module in (openvino_graph, checkpoint)]
    adapters = [
        path.read_bytes() for path in sorted(folder.rglob("adapter_config.json"))
    ]  # checked as they are read
    facts = [
        weights_digest(folder),
        adapters,
        kind,
        sorted(properties.items()),
        ov.__version__,
        cpu,
        os.cpu_count(),
    ]
    return hashlib.sha256(repr(facts).encode() + b"".join(code)).hexdigest()[:32]


def _folder() -> Path:
    return user_cache_path("jv3search", appauthor=False) / "compiled"


def _imported(core: ov.Core, key: str, properties: Properties) -> CompiledGraph | None:
    """The kept graph; None if there is none, or a damaged one, which is deleted."""
    note = _folder() / f"{key}.json"
    try:
        blob, ranks = _whole(note)
        memory = np.memmap(blob, np.uint8, "c")  # OpenVINO takes no memory that is read-only; nothing writes to it
        graph = ov.Tensor(memory[_begin(blob) :], shared_memory=True)
        model = core.import_model(graph, "CPU", dict(properties))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError):
        _delete(note)
        return None
    with suppress(OSError):
        os.utime(note)  # used last
    return CompiledGraph(model, ranks, memory)


def _whole(note: Path) -> tuple[Path, dict[Task, int]]:
    """The graph's file that a note names, and the ranks; ValueError if either is damaged."""
    facts = json.loads(note.read_text(encoding="utf-8"))
    blob = note.parent / Path(facts["file"]).name
    if facts.pop("seal") != _seal(facts) or file_digest(blob) != facts["sha256"]:
        raise ValueError(f"{blob} is damaged")
    return blob, facts["ranks"]


def _seal(facts: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _begin(blob: Path) -> int:
    """Where in its file the graph begins: behind one line of OpenVINO's."""
    with blob.open("rb") as file:
        return file.read(4096).index(b"\n") + 1


def _made(core: ov.Core, key: str, properties: Properties, build: Build) -> CompiledGraph:
    graph, ranks = build()
    try:
        _folder().mkdir(parents=True, exist_ok=True)
        place = tempfile.mkdtemp(prefix=_WRITING, dir=_folder())
    except OSError:
        return CompiledGraph(core.compile_model(graph, "CPU", dict(properties)), ranks)
    try:
        model = _compiled_into(core, graph, properties, place)
        _keep(Path(place), key, ranks)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return CompiledGraph(model, ranks)


def _compiled_into(core: ov.Core, graph: ov.Model, properties: Properties, place: str) -> ov.CompiledModel:
    """OpenVINO writes the file itself as it compiles: exported by Python it would be in memory three times."""
    try:
        with _ONE_WRITES:
            return core.compile_model(graph, "CPU", {**properties, "CACHE_DIR": place})
    except RuntimeError:  # a full disk, say; what is wrong with the graph itself is raised again
        return core.compile_model(graph, "CPU", dict(properties))


def _keep(place: Path, key: str, ranks: dict[Task, int]) -> None:
    with suppress(OSError, ValueError, StopIteration):
        written = next(place.glob("*.blob"))
        digest = file_digest(written)
        blob = _folder() / f"{key}-{place.name.removeprefix(_WRITING)}.blob"
        written.replace(blob)
        remember_digest(blob, digest)
        facts = {"file": blob.name, "sha256": digest, "ranks": ranks}
        note = place / "note.json"
        note.write_text(json.dumps({**facts, "seal": _seal(facts)}), encoding="utf-8")
        note.replace(_folder() / f"{key}.json")
        _tidy()


def _tidy() -> None:
    """Delete all but the graphs used last, and what no note names."""
    notes = sorted(_folder().glob("*.json"), key=lambda note: -note.stat().st_mtime)
    for note in notes[_MOST:]:
        _delete(note)
    named = {str(json.loads(note.read_text(encoding="utf-8"))["file"]) for note in notes[:_MOST]}
    for left in (*_folder().glob("*.blob"), *_folder().glob(f"{_WRITING}*")):
        if left.name not in named and left.stat().st_mtime < time.time() - _ABANDONED:
            shutil.rmtree(left) if left.is_dir() else left.unlink()


def _delete(note: Path) -> None:
    """Delete a graph and its note; on Windows not while another process uses it."""
    with suppress(OSError, ValueError, KeyError):
        facts = json.loads(note.read_text(encoding="utf-8"))
        (note.parent / Path(str(facts["file"])).name).unlink(missing_ok=True)
    with suppress(OSError):
        note.unlink(missing_ok=True)
