"""Whether the tensors of a checkpoint are those that its config.json asks for: none missing, none left over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jv3search.encoders.jina_v3.stored import Stored
from jv3search.errors import ModelError

Adapter = dict[str, tuple[Stored, Stored]]
"""Native module name -> (down (rank, in), up (out, rank)); the update of a weight is SCALING * up @ down."""


def check_base(base: Mapping[str, Stored], sizes: Mapping[str, Any]) -> None:
    """Raise ModelError for tensors of the base that are missing, left over or ill-shaped."""
    wanted = parameter_shapes(sizes)
    _compare("checkpoint", set(wanted), set(base))
    for name, shape in wanted.items():
        if base[name].shape != shape:
            raise ModelError(f"{name} has the shape {base[name].shape}, config.json asks {shape}")


def check_adapter(adapter: Adapter, sizes: Mapping[str, Any]) -> None:
    """Raise ModelError for pairs of an adapter that are missing, left over, ill-shaped or of another rank."""
    wanted = _maps(sizes)
    _compare("adapter", set(wanted), set(adapter))
    rank = len(adapter["embeddings.word_embeddings"][0])
    for name, (inner, outer) in wanted.items():
        down, up = adapter[name]
        if (down.shape[1], up.shape[0]) != (inner, outer):
            raise ModelError(
                f"the adapter's {name} maps {down.shape[1]} to {up.shape[0]}, the base {inner} to {outer}"
            )
        if len(down) != rank:
            raise ModelError(f"the adapter's {name} has rank {len(down)}, its word embeddings have {rank}")


def parameter_shapes(sizes: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name and shape of every parameter of the native model without its pooler."""
    hidden, inner = sizes["hidden_size"], sizes["intermediate_size"]
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (sizes["vocab_size"], hidden),
        "embeddings.token_type_embeddings.weight": (sizes["type_vocab_size"], hidden),
        **_norm("embeddings.LayerNorm", hidden),
    }
    for layer in range(sizes["num_hidden_layers"]):
        at = f"layers.{layer}"
        for letter in "qkvo":
            shapes |= _linear(f"{at}.self_attn.{letter}_proj", hidden, hidden)
        shapes |= _linear(f"{at}.mlp.fc1", inner, hidden) | _linear(f"{at}.mlp.fc2", hidden, inner)
        shapes |= _norm(f"{at}.post_attention_layernorm", hidden) | _norm(f"{at}.post_mlp_layernorm", hidden)
    return shapes


def _linear(name: str, outer: int, inner: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outer, inner), f"{name}.bias": (outer,)}


def _norm(name: str, size: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}


def _maps(sizes: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """(in, out) of each module that an adapter adapts: all those with a matrix."""
    matrices = {name.removesuffix(".weight"): s for name, s in parameter_shapes(sizes).items() if len(s) == 2}
    return {name: (s[0], s[1]) if "embeddings" in name else (s[1], s[0]) for name, s in matrices.items()}


def _compare(what: str, wanted: set[str], have: set[str]) -> None:
    missing, extra = sorted(wanted - have), sorted(have - wanted)
    if missing:
        raise ModelError(f"the {what} lacks {len(missing)} tensors, first {missing[0]}: it is incomplete")
    if extra:
        raise ModelError(f"the {what} has {len(extra)} tensors the model does not know, first {extra[0]}")
