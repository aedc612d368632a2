"""Golden values: numbers that others published for a checkpoint, which a correct loader must reproduce."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from jv3search.encoders.jina_v3.config import TASKS
from jv3search.encoders.jina_v3.encoder import JinaV3Encoder
from jv3search.encoders.models import checked_hashes, published
from jv3search.errors import ModelError
from jv3search.types import Embedding, Task, unit_rows

_OWN = "golden.json"  # what a checkpoint of ours brings along
_LEAST_COSINE = {"bf16": 0.9999, "f16": 0.9999, "int8": 0.999}  # to float32; measured 0.99996, 0.999999, 0.9992


@dataclass(frozen=True, slots=True)
class Check:
    """One thing verified: what, whether it held, and by how much the numbers differ."""

    what: str
    passed: bool
    detail: str


def verify(encoder: JinaV3Encoder) -> Iterator[Check]:
    """Check a checkpoint against the golden values it has: its own golden.json, or jina-embeddings-v3's."""
    golden = _golden_values(encoder)
    if golden is published():
        yield from _hashes(encoder)
    for section, measure in (
        ("token_states", _token_states),
        ("token_states_by_ids", _states_by_ids),
        ("embeddings", _embeddings),
    ):
        if section in golden:
            yield from measure(encoder, golden[section])


def _golden_values(encoder: JinaV3Encoder) -> dict[str, Any]:
    own = encoder.folder / _OWN
    if own.is_file():
        return cast(dict[str, Any], json.loads(own.read_text(encoding="utf-8")))
    if encoder.dimension == 1024:
        return published()
    raise ModelError(f"no golden values are known for {encoder.folder}: it has no {_OWN}")


def agreement(encoder: JinaV3Encoder, exact: JinaV3Encoder, precision: str) -> Check:
    """How near the embeddings of one precision come to those of another, by every adapter and by none."""
    texts = _golden_values(encoder)["embeddings"]["texts"]
    cosines = [(encoder.encode(texts, task) * exact.encode(texts, task)).sum(axis=1) for task in (None, *TASKS)]
    least = float(np.min(cosines))
    detail = f"least cosine {least:.6f} of {np.size(cosines)} embeddings, wanted {_LEAST_COSINE[precision]}"
    return Check(f"{precision} against f32", least >= _LEAST_COSINE[precision], detail)


def _hashes(encoder: JinaV3Encoder) -> Iterator[Check]:
    """Only the -hf layout has published hashes; the original layout is proved by the numbers alone."""
    if not (encoder.folder / "retrieval_query").is_dir():
        return
    for name, fits in checked_hashes(encoder.folder):
        yield Check(f"sha256 {name}", fits, "published" if fits else "differs from the published file")


def _token_states(encoder: JinaV3Encoder, golden: dict[str, Any]) -> Iterator[Check]:
    ids = encoder.token_ids(golden["text"])
    yield Check("tokens", len(ids) == golden["tokens"], f"{len(ids)} of {golden['tokens']}")
    for task, expected in golden["expected"].items():
        states = encoder.token_states(ids, _task(task))
        yield _compared(f"token states, {task}", states, golden, expected)


def _states_by_ids(encoder: JinaV3Encoder, golden: dict[str, Any]) -> Iterator[Check]:
    """Positions are relative: tokens hidden at the beginning change as little as if they were not there."""
    hidden = golden["mask"].index(1)
    if 0 in golden["mask"][hidden:]:
        raise ModelError("golden values with tokens hidden after the first visible one cannot be checked")
    for task, expected in golden["expected"].items():
        states = encoder.token_states(golden["ids"][hidden:], _task(task))
        states = np.pad(states, ((hidden, 0), (0, 0)))  # so that rows count as they were published
        yield _compared(f"token states by ids, {task}", states, golden, expected)


def _embeddings(encoder: JinaV3Encoder, golden: dict[str, Any]) -> Iterator[Check]:
    for task, expected in golden["expected"].items():
        rows = _unit_means(encoder, golden["texts"], _task(task))
        yield _compared(f"embeddings, {task}", rows, golden, expected)


def _unit_means(encoder: JinaV3Encoder, texts: list[str], task: Task | None) -> Embedding:
    """Embeddings without instruction, which the encoder's public verbs rightly never make."""
    means = np.stack([encoder.token_states(encoder.token_ids(text), task).mean(axis=0) for text in texts])
    return unit_rows(means)


def _compared(what: str, rows: NDArray[np.float32], golden: dict[str, Any], expected: list[list[float]]) -> Check:
    rows = rows[slice(*golden.get("rows", (None,))), slice(*golden["columns"])]
    worst = float(np.abs(rows - np.array(expected)).max())
    allowed = golden["tolerance"] * (1 + float(np.abs(expected).max()))
    return Check(what, worst <= allowed, f"largest difference {worst:.1e}, allowed {allowed:.1e}")


def _task(name: str) -> Task | None:
    return None if name == "base" else name  # type: ignore[return-value]


def golden_texts(folder: Path) -> list[str]:
    """The texts of a checkpoint's own golden values, else those of jina-embeddings-v3's."""
    own = folder / _OWN
    golden = json.loads(own.read_text(encoding="utf-8")) if own.is_file() else published()
    return cast(list[str], golden["embeddings"]["texts"])


def write_golden(encoder: JinaV3Encoder, texts: list[str], folder: Path) -> None:
    """Write golden.json beside a checkpoint of our own making, from an encoder known to be right."""
    expected = {
        task: [[round(float(x), 4) for x in row[:5]] for row in _unit_means(encoder, texts, task)]
        for task in TASKS
    }
    section = {"texts": texts, "columns": [0, 5], "tolerance": 2e-4, "expected": expected}
    values = json.dumps({"embeddings": section}, ensure_ascii=False, indent=1)
    (folder / _OWN).write_text(values + "\n", encoding="utf-8")
