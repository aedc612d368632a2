"""A strict safetensors loader for both published layouts of jina-embeddings-v3.

`jinaai/jina-embeddings-v3-hf`  a base with fused Wqkv tensors, and five PEFT adapter folders;
`jinaai/jina-embeddings-v3`     the same numbers as the original code stores them: every adapted weight is
                                `parametrizations.weight.original` beside a bank of five LoRA pairs.

Either becomes the native transformers names. No remote code, no pickle, no torch; a tensor that is missing, left
over or of another shape is a ModelError. The pooler is dropped: it is no part of an embedding, and its updates in
the published adapters are zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jv3search.encoders.jina_v3.config import SCALING, TASKS, CheckpointConfig, folder_of, read_json
from jv3search.encoders.jina_v3.fit import Adapter, check_adapter, check_base
from jv3search.encoders.jina_v3.stored import Stored, read_tensors
from jv3search.errors import ModelError
from jv3search.types import Task

_POOLER = "pooler."
_BANK = ".parametrizations.weight.0."
_ORIGINAL = ".parametrizations.weight.original"
_RENAMES = (
    ("emb_ln", "embeddings.LayerNorm"),
    ("encoder.layers", "layers"),
    ("mixer.out_proj", "self_attn.o_proj"),
    ("norm1", "post_attention_layernorm"),
    ("norm2", "post_mlp_layernorm"),
)
# Settings of a PEFT adapter that would change the arithmetic; anything but these values is refused.
_PLAIN_LORA: dict[str, object] = {
    "use_dora": False, "use_rslora": False, "fan_in_fan_out": False, "bias": "none", "lora_bias": False,
    "modules_to_save": None, "rank_pattern": {}, "alpha_pattern": {}, "layers_to_transform": None,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Base tensors under native names, and the five adapters, as the files store them."""

    base: dict[str, Stored]
    adapters: dict[Task, Adapter]


def read_checkpoint(folder: Path, config: CheckpointConfig) -> Checkpoint:
    """Read a checkpoint folder in either layout; ModelError says which tensor or file does not fit."""
    state = {key.removeprefix("roberta."): tensor for key, tensor in _read_base(folder).items()}
    banks = {key: state.pop(key) for key in list(state) if _BANK in key}
    base = {name: tensor for name, tensor in _native_base(state).items() if not name.startswith(_POOLER)}
    check_base(base, config.sizes)
    adapters = _from_banks(banks) if banks else {task: _read_adapter(folder / folder_of(task)) for task in TASKS}
    for task, adapter in adapters.items():
        adapters[task] = {name: pair for name, pair in adapter.items() if not name.startswith(_POOLER)}
        check_adapter(adapters[task], config.sizes)
    return Checkpoint(base, adapters)


def stored_base(folder: Path) -> dict[str, Stored]:
    """The base of a checkpoint in the original layout, under the names that jina-embeddings-v3-hf has for it."""
    return {
        key.removeprefix("roberta.").replace(_ORIGINAL, ".weight"): tensor
        for key, tensor in _read_base(folder).items()
        if _BANK not in key
    }


def _read_base(folder: Path) -> dict[str, Stored]:
    index = folder / "model.safetensors.index.json"
    names = sorted(set(read_json(index)["weight_map"].values())) if index.exists() else ["model.safetensors"]
    state: dict[str, Stored] = {}
    for name in names:
        state.update(read_tensors(folder / name))
    return state


def _native_base(state: dict[str, Stored]) -> dict[str, Stored]:
    base: dict[str, Stored] = {}
    for key, tensor in state.items():
        if "lora_" in key:
            raise ModelError(f"the tensor {key} belongs to no known layout of jina-embeddings-v3")
        for name, part in _split_qkv(_native_name(key.replace(_ORIGINAL, ".weight")), tensor):
            base[name] = part
    return base


def _native_name(key: str) -> str:
    for old, new in _RENAMES:
        key = key.replace(old, new)
    return key


def _split_qkv(name: str, tensor: Stored) -> list[tuple[str, Stored]]:
    """The fused Wqkv holds query, key and value in thirds of its first axis."""
    if "mixer.Wqkv" not in name:
        return [(name, tensor)]
    return [
        (name.replace("mixer.Wqkv", f"self_attn.{letter}_proj"), part)
        for letter, part in zip("qkv", np.array_split(tensor, 3), strict=True)
    ]


def _from_banks(banks: dict[str, Stored]) -> dict[Task, Adapter]:
    """Banks stack the five tasks: A (5, rank, in), B (5, out, rank), for embeddings both transposed."""
    adapters: dict[Task, Adapter] = {task: {} for task in TASKS}
    for key in banks:
        stem, side = key.split(_BANK)
        if side not in ("lora_A", "lora_B") or len(banks[key]) != len(TASKS):
            raise ModelError(f"the tensor {key} of shape {banks[key].shape} is no bank of five adapters")
        if side == "lora_B":
            continue
        pair = banks[key], _partner(banks, key)
        for task, down, up in zip(TASKS, *pair, strict=True):
            adapters[task].update(_bank_modules(_native_name(stem), down, up))
    return adapters


def _partner(banks: dict[str, Stored], key: str) -> Stored:
    other = key.removesuffix("lora_A") + "lora_B"
    if other not in banks:
        raise ModelError(f"the checkpoint has {key} but not {other}")
    return banks[other]


def _bank_modules(name: str, down: Stored, up: Stored) -> Adapter:
    if "embeddings" in name:
        return {name: _pair(down.T, up.T)}
    return {part: _pair(down, third) for part, third in _split_qkv(name, up)}


def _read_adapter(folder: Path) -> Adapter:
    """A PEFT folder -> pairs by native module; anything but the plain LoRA of jina-v3 is refused."""
    _check_plain(folder / "adapter_config.json")
    sides: dict[str, dict[str, Stored]] = {}
    for key, tensor in read_tensors(folder / "adapter_model.safetensors").items():
        stem, _, side = key.removeprefix("base_model.model.").removesuffix(".weight").rpartition(".lora_")
        side = side.removeprefix("embedding_")
        if side not in ("A", "B"):
            raise ModelError(f"{folder.name}: the tensor {key} is no part of a plain LoRA")
        sides.setdefault(stem, {})[side] = tensor
    lone = sorted(stem for stem, pair in sides.items() if len(pair) != 2)
    if lone:
        raise ModelError(f"{folder.name}: {lone[0]} has only one of the two LoRA tensors")
    return {stem: _pair(pair["A"], pair["B"]) for stem, pair in sides.items()}


def _check_plain(path: Path) -> None:
    raw = read_json(path)
    if raw.get("peft_type") != "LORA":
        raise ModelError(f"{path}: peft_type is {raw.get('peft_type')!r}, expected 'LORA'")
    for key, plain in _PLAIN_LORA.items():
        if raw.get(key, plain) != plain and raw[key] not in (None, {}, []):
            raise ModelError(f"{path}: {key} is {raw[key]!r}; only a plain LoRA ({plain!r}) is supported")
    if raw["lora_alpha"] / raw["r"] != SCALING:
        raise ModelError(f"{path}: LoRA scaling is {raw['lora_alpha']}/{raw['r']}; only {SCALING} is supported")


def _pair(down: Stored, up: Stored) -> tuple[Stored, Stored]:
    if down.ndim != 2 or up.ndim != 2 or down.shape[0] != up.shape[1]:
        raise ModelError(f"LoRA tensors of shapes {down.shape} and {up.shape} do not fit together")
    return np.ascontiguousarray(down), np.ascontiguousarray(up)
