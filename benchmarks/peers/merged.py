"""An adapter merged into the base: an ordinary model folder that sentence-transformers and transformers load.

jina-embeddings-v3 has one base and an adapter a task, and other products cannot choose among adapters. So there
is one folder for passages and one for queries, each with the instruction of its task as the default prompt.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from jv3search.encoders.jina_v3.checkpoint import read_checkpoint
from jv3search.encoders.jina_v3.config import SCALING, CheckpointConfig, read_config
from jv3search.encoders.jina_v3.fit import Adapter
from jv3search.encoders.jina_v3.stored import Stored, widened
from jv3search.types import Task

_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
_MODULES = ("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")


def merge(checkpoint: Path, task: Task, folder: Path) -> Path:
    """Write a task's model to `folder`, in float32, unless it is there; ModelError if it is no such checkpoint."""
    if folder.exists():
        return folder
    config = read_config(checkpoint)
    parts = read_checkpoint(checkpoint, config)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_file(merged_tensors(parts.base, parts.adapters[task]), partial / "model.safetensors", {"format": "pt"})
    for name in _TOKENIZER:
        shutil.copyfile(checkpoint / name, partial / name)
    _write_settings(partial, config, config.instructions[task])
    return partial.rename(folder)


def merged_tensors(base: dict[str, Stored], adapter: Adapter) -> dict[str, NDArray[np.float32]]:
    """The base with W + s B A for every adapted W; the table of words is stored transposed, (words, hidden)."""
    tensors = {name: widened(tensor).copy() for name, tensor in base.items()}
    for module, (down, up) in adapter.items():
        update: NDArray[np.float32] = np.float32(SCALING) * (widened(up) @ widened(down))
        tensors[f"{module}.weight"] += update.T if "embeddings" in module else update
    return tensors


def _write_settings(folder: Path, config: CheckpointConfig, instruction: str) -> None:
    """What transformers and sentence-transformers ask of a folder."""
    native = {"architectures": ["JinaEmbeddingsV3Model"], "model_type": "jina_embeddings_v3", "dtype": "float32"}
    _write(folder / "config.json", native | config.sizes)
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (kind, path) in enumerate(_MODULES)
    ]
    _write(folder / "modules.json", modules)
    _write(folder / "sentence_bert_config.json", {"max_seq_length": config.max_tokens})
    prompts = {"prompts": {"document": instruction, "query": instruction}, "default_prompt_name": "document"}
    _write(folder / "config_sentence_transformers.json", prompts)
    (folder / "2_Normalize").mkdir()
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": config.dimension, "pooling_mode_mean_tokens": True}
    _write(folder / "1_Pooling" / "config.json", pooling)


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")


def instruction_of(folder: Path) -> str:
    """The instruction of a folder that `merge` wrote, for products that ask for it."""
    settings = json.loads((folder / "config_sentence_transformers.json").read_text(encoding="utf-8"))
    return str(settings["prompts"]["document"])
