"""config.json of a jina-embeddings-v3 checkpoint, read strictly: what transformers would ignore is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from jv3search.errors import ModelError
from jv3search.types import Task

TASKS: tuple[Task, ...] = get_args(Task)
"""The five adapters, in the order of the original checkpoint's LoRA banks."""

SCALING = 0.25  # lora_alpha / rank of the published adapters, 1 / 4
_MAX_TOKENS = 8192  # Jina trains and serves up to this many; two more positions exist
ROPE_BASE = 20000.0
# Keys of this project's own; published checkpoints have not got them.
_CONTEXT, _CONTEXT_TOKENS = "late_chunking_context", "late_chunking_tokens"

# Values that transformers ignores or that change the arithmetic: any other value would load silently wrong.
_REQUIRED: dict[str, object] = {
    "position_embedding_type": "rotary",
    "rotary_emb_base": ROPE_BASE,
    "hidden_act": "gelu",
    "emb_pooler": None,
}
_SIZES = (
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
    "max_position_embeddings", "type_vocab_size", "layer_norm_eps", "pad_token_id", "bos_token_id",
    "eos_token_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CheckpointConfig:
    """The facts of a checkpoint that the encoder needs; `sizes` are the native model's arguments.

    `matryoshka` are the sizes that embeddings were trained to be cut to, the full one among them. `context` is
    what a late chunk of a document is read in: "document" or "section", of which at most `context_tokens`.
    """

    sizes: dict[str, Any]
    instructions: dict[Task, str]
    max_tokens: int
    matryoshka: tuple[int, ...] = ()
    context: str = "document"
    context_tokens: int = _MAX_TOKENS

    @property
    def dimension(self) -> int:
        """Size of a full embedding."""
        return int(self.sizes["hidden_size"])


def folder_of(task: Task) -> str:
    """Name of a task's adapter folder: retrieval.query -> retrieval_query."""
    return task.replace(".", "_").replace("-", "_")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a checkpoint's file; ModelError if it is absent or not one."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path} is missing: {path.parent} is not a complete checkpoint") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(value, dict):
        raise ModelError(f"{path} holds a {type(value).__name__}, not a JSON object")
    return value


def read_config(folder: Path) -> CheckpointConfig:
    """The checkpoint's config.json, checked; ModelError names the key that does not fit."""
    raw = read_json(folder / "config.json")
    where = folder / "config.json"
    _check_arithmetic(raw, where)
    missing = [key for key in (*_SIZES, "task_instructions") if key not in raw]
    if missing:
        raise ModelError(f"{where} has no {', '.join(missing)}: not a jina-embeddings-v3 checkpoint")
    instructions = raw["task_instructions"]
    if set(instructions) != set(TASKS):
        raise ModelError(f"{where}: task_instructions has {sorted(instructions)}, expected {sorted(TASKS)}")
    context = raw.get(_CONTEXT, "document")
    if context not in ("document", "section"):
        raise ModelError(f"{where}: {_CONTEXT} is {context!r}; it can be document or section")
    return CheckpointConfig(
        sizes={key: raw[key] for key in _SIZES},
        instructions=instructions,
        max_tokens=min(_MAX_TOKENS, raw["max_position_embeddings"] - 2),
        matryoshka=tuple(sorted({*raw.get("matryoshka_dimensions", ()), raw["hidden_size"]})),
        context=context,
        context_tokens=_context_tokens(raw, where),
    )


def _context_tokens(raw: dict[str, Any], where: Path) -> int:
    tokens = raw.get(_CONTEXT_TOKENS, _MAX_TOKENS)
    if not isinstance(tokens, int) or tokens < 1:
        raise ModelError(f"{where}: {_CONTEXT_TOKENS} is {tokens!r}; it must be a number of tokens")
    return tokens


def _check_arithmetic(raw: dict[str, Any], where: Path) -> None:
    for key, expected in _REQUIRED.items():
        if raw.get(key, expected) != expected:
            raise ModelError(f"{where}: {key} is {raw[key]!r}; only {expected!r} is supported")
    rope = raw.get("rope_parameters") or {}
    if rope.get("rope_theta", ROPE_BASE) != ROPE_BASE or rope.get("rope_type", "default") != "default":
        raise ModelError(f"{where}: rope_parameters is {rope!r}; only base {ROPE_BASE} is supported")
    if list(raw.get("lora_adaptations", TASKS)) != list(TASKS):
        raise ModelError(f"{where}: lora_adaptations is {raw['lora_adaptations']!r}, expected {list(TASKS)}")
    alpha, rank = raw.get("lora_alpha", 1), raw.get("lora_rank", 4)
    if alpha / rank != SCALING:
        raise ModelError(f"{where}: LoRA scaling is {alpha}/{rank}; only {SCALING} is supported")
