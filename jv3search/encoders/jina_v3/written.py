"""A copy of a checkpoint with other adapters, in the layout of jina-embeddings-v3-hf whichever the source has."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from jv3search.encoders.jina_v3.checkpoint import read_checkpoint, stored_base
from jv3search.encoders.jina_v3.config import SCALING, TASKS, CheckpointConfig, folder_of, read_json
from jv3search.encoders.jina_v3.fit import Adapter
from jv3search.encoders.jina_v3.stored import Stored, read_tensors, write_tensors
from jv3search.types import Task

_WEIGHTS = "adapter_model.safetensors"
_CONFIG = "adapter_config.json"
_NOT_COPIED = ("README.md", "golden.json", "sources.json", "onnx", ".*")  # they describe the source, or repeat it
_TARGETS = ["word_embeddings", "token_type_embeddings", "q_proj", "k_proj", "v_proj", "o_proj", "fc1", "fc2"]


def write_copy(source: Path, folder: Path, config: CheckpointConfig, adapters: Mapping[Task, Adapter]) -> None:
    """Write `source` to a new `folder` with `adapters` in place of its own of these tasks.

    The base and the other adapters stay as they are, to the bit. ModelError for a source that does not fit.
    """
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(*_NOT_COPIED))
    if not (source / folder_of(TASKS[0])).is_dir():
        _split_banks(source, folder, config)
    for task, adapter in adapters.items():
        path = folder / folder_of(task) / _WEIGHTS
        write_tensors(path, read_tensors(path) | _named(adapter))  # what it had for the pooler stays


def _split_banks(source: Path, folder: Path, config: CheckpointConfig) -> None:
    """From the original layout: the base under the names of the other one, and a folder for each adapter."""
    for path in folder.glob("model*.safetensors*"):
        path.unlink()
    write_tensors(folder / "model.safetensors", stored_base(source))
    raw = read_json(folder / "config.json") | {
        "model_type": "jina_embeddings_v3",
        "architectures": ["JinaEmbeddingsV3Model"],
    }
    raw.pop("auto_map", None)
    _write_json(folder / "config.json", raw)
    for task, adapter in read_checkpoint(source, config).adapters.items():
        (folder / folder_of(task)).mkdir()
        write_tensors(folder / folder_of(task) / _WEIGHTS, _named(adapter))
        rank = len(next(iter(adapter.values()))[0])
        _write_json(folder / folder_of(task) / _CONFIG, _peft(rank))


def _named(adapter: Adapter) -> dict[str, Stored]:
    """The pairs under PEFT's names."""
    tensors = {}
    for name, (down, up) in adapter.items():
        kind = "lora_embedding_{}" if "embeddings" in name else "lora_{}.weight"
        tensors[f"base_model.model.{name}.{kind.format('A')}"] = down
        tensors[f"base_model.model.{name}.{kind.format('B')}"] = up
    return tensors


def _peft(rank: int) -> dict[str, object]:
    return {
        "peft_type": "LORA",
        "base_model_name_or_path": None,
        "r": rank,
        "lora_alpha": SCALING * rank,
        "lora_dropout": 0.0,
        "target_modules": _TARGETS,
    }


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
