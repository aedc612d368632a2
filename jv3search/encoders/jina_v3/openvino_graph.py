"""The jina-embeddings-v3 network as an OpenVINO graph, written operation by operation from the tensors.

Nothing is traced or converted, so neither torch nor transformers is needed. All five adapters are in one graph:
their low-rank pairs are stacked, and an input, the gate, lets through those of each row's task (Hu et al. 2021,
arXiv 2106.09685). Rows of different tasks share a batch, and a gate of zeros is the base without an adapter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jv3search.encoders.jina_v3.checkpoint import Checkpoint
from jv3search.encoders.jina_v3.config import ROPE_BASE, SCALING, TASKS, CheckpointConfig
from jv3search.encoders.jina_v3.openvino_runtime import openvino as ov
from jv3search.encoders.jina_v3.openvino_runtime import opset13 as op
from jv3search.encoders.jina_v3.stored import Stored, is_bfloat16, widened
from jv3search.types import Task

if TYPE_CHECKING:
    from openvino import Node

_WORDS = "embeddings.word_embeddings"
_TYPES = "embeddings.token_type_embeddings"


def build_graph(checkpoint: Checkpoint, config: CheckpointConfig, short_weights: bool = False) -> ov.Model:
    """The network from ids (B, T), a mask (B, 1, 1, T) and a gate (B, 1, ranks) to states (B, T, hidden).

    The mask is added to the attention's scores. `short_weights` keeps the layers' matrices in 8 bits. The graph
    owns its constants; the tensors of `checkpoint.base` are taken out of it one by one, so that those of a large
    model are never in memory twice.
    """
    ids = op.parameter([-1, -1], np.int64, name="ids")
    mask = op.parameter([-1, 1, 1, -1], np.float32, name="mask")
    gate = op.parameter([-1, 1, sum(ranks(checkpoint).values())], np.float32, name="gate")
    states = _Network(checkpoint, config, gate, short_weights).states(ids, mask)
    return ov.Model([op.result(states)], [ids, mask, gate], "jina-embeddings-v3")


def ranks(checkpoint: Checkpoint) -> dict[Task, int]:
    """The rank of each task's adapter: how many places of the gate are its own, in the order of the tasks."""
    return {task: len(checkpoint.adapters[task][_WORDS][0]) for task in TASKS}


class _Network:
    """The layers of transformers' JinaEmbeddingsV3Model; shapes in comments are (batch, tokens, ...)."""

    def __init__(self, checkpoint: Checkpoint, config: CheckpointConfig, gate: Node, short_weights: bool) -> None:
        self._weights = _shortened if short_weights else _widened
        self._base = checkpoint.base
        self._adapters = [checkpoint.adapters[task] for task in TASKS]
        self._sizes = config.sizes
        self._gate = gate
        self._heads = int(config.sizes["num_attention_heads"])
        self._head = config.dimension // self._heads

    def states(self, ids: Node, mask: Node) -> Node:
        """The last hidden states (B, T, hidden)."""
        turns = self._turns(ids)
        x = self._norm(self._embedded(ids), "embeddings.LayerNorm")
        for layer in range(self._sizes["num_hidden_layers"]):
            at = f"layers.{layer}"
            x = self._norm(op.add(x, self._attention(x, at, mask, turns)), f"{at}.post_attention_layernorm")
            x = self._norm(op.add(x, self._mlp(x, at)), f"{at}.post_mlp_layernorm")
        return x

    def _embedded(self, ids: Node) -> Node:
        """Words and token type 0 with their updates; the (vocabulary, hidden) update itself never exists."""
        words = op.convert(op.gather(_stored(self._base.pop(f"{_WORDS}.weight")), ids, _whole(0)), np.float32)
        low = op.multiply(op.gather(_floats(self._down(_WORDS).T), ids, _whole(0)), self._gate)
        x = op.add(words, op.matmul(low, _floats(self._up(_WORDS)), False, True))
        kind = op.add(
            _floats(widened(self._base.pop(f"{_TYPES}.weight"))[0]),
            op.matmul(self._gate, _floats(self._down(_TYPES)[:, :1] * self._up(_TYPES).T), False, False),
        )  # (B, 1, hidden)
        return op.add(x, kind)

    def _attention(self, x: Node, at: str, mask: Node, turns: tuple[Node, Node]) -> Node:
        fused = self._linear(x, [f"{at}.self_attn.{letter}_proj" for letter in "qkv"])
        query, key, value = (self._by_head(part) for part in op.split(fused, _whole(2), 3).outputs())
        query, key = _turned(query, turns), _turned(key, turns)
        mixed = op.scaled_dot_product_attention(query, key, value, mask)  # fused: no (heads, T, T) matrix
        joined = op.reshape(op.transpose(mixed, _whole([0, 2, 1, 3])), _whole([0, 0, -1]), True)
        return self._linear(joined, [f"{at}.self_attn.o_proj"])

    def _by_head(self, x: Node) -> Node:
        """(B, T, hidden) -> (B, heads, T, head)."""
        split = op.reshape(x, _whole([0, 0, self._heads, self._head]), True)
        return op.transpose(split, _whole([0, 2, 1, 3]))

    def _mlp(self, x: Node, at: str) -> Node:
        return self._linear(op.gelu(self._linear(x, [f"{at}.mlp.fc1"]), "erf"), [f"{at}.mlp.fc2"])

    def _norm(self, x: Node, name: str) -> Node:
        scale, shift = (_floats(widened(self._base.pop(f"{name}.{part}"))) for part in ("weight", "bias"))
        normed = op.mvn(x, _whole([2]), True, float(self._sizes["layer_norm_eps"]), "inside_sqrt")
        return op.add(op.multiply(normed, scale), shift)

    def _linear(self, x: Node, names: Sequence[str]) -> Node:
        """y = x W^T + b + ((x A^T) gate) (s B)^T, for modules that read the same x and are run as one."""
        weight = np.concatenate([self._base.pop(f"{name}.weight") for name in names])
        bias = np.concatenate([widened(self._base.pop(f"{name}.bias")) for name in names])
        y = op.add(op.matmul(x, self._weights(weight), False, True), _floats(bias))
        gate = self._gate if len(names) == 1 else op.concat([self._gate] * len(names), 2)
        down = np.concatenate([self._down(name) for name in names])
        low = op.multiply(op.matmul(x, _floats(down), False, True), gate)
        return op.add(y, op.matmul(low, _floats(_diagonal([self._up(name) for name in names])), False, True))

    def _down(self, name: str) -> NDArray[np.float32]:
        """(ranks, in): the five tasks' A, one below the other."""
        return np.concatenate([widened(adapter[name][0]) for adapter in self._adapters])

    def _up(self, name: str) -> NDArray[np.float32]:
        """(out, ranks): the five tasks' B side by side, scaled."""
        return np.concatenate([widened(adapter[name][1]) for adapter in self._adapters], axis=1) * np.float32(
            SCALING
        )

    def _turns(self, ids: Node) -> tuple[Node, Node]:
        """Cosines and sines of the rotary positions, (T, head) each, cut from tables in float32.

        In the graph bfloat16 would round the angles of late positions to whole turns.
        """
        speed = 1 / ROPE_BASE ** (np.arange(0, self._head, 2, dtype=np.float32) / np.float32(self._head))
        positions = np.arange(self._sizes["max_position_embeddings"], dtype=np.float32)
        angles = np.tile(positions[:, None] * speed.astype(np.float32), 2)
        tokens = op.gather(op.shape_of(ids), _whole([1]), _whole(0))
        cosines, sines = (
            op.slice(_floats(table), _whole([0]), tokens, _whole([1]), _whole([0]))
            for table in (np.cos(angles), np.sin(angles))
        )
        return cosines, sines


def _turned(x: Node, turns: tuple[Node, Node]) -> Node:
    """Rotary positions: x cos + (-x2, x1) sin, x in halves of a head (Su et al. 2021, arXiv 2104.09864)."""
    cosines, sines = turns
    first, second = op.split(x, _whole(3), 2).outputs()
    half = op.concat([op.multiply(second, _floats(np.float32(-1))), first], 3)
    return op.add(op.multiply(x, cosines), op.multiply(half, sines))


def _diagonal(blocks: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The blocks along the diagonal of a matrix that is zero elsewhere."""
    matrix = np.zeros((sum(len(b) for b in blocks), sum(b.shape[1] for b in blocks)), np.float32)
    row = column = 0
    for block in blocks:
        matrix[row : row + len(block), column : column + block.shape[1]] = block
        row, column = row + len(block), column + block.shape[1]
    return matrix


def _widened(weight: Stored) -> Node:
    return op.convert(_stored(weight), np.float32)


def _shortened(weight: Stored) -> Node:
    """(out, in) in 8 bits, symmetric, with one scale for each row; the engine computes with it as it is."""
    exact = widened(weight)
    scales = np.maximum(np.abs(exact).max(axis=1, keepdims=True), np.finfo(np.float32).tiny) / np.float32(127)
    rounded = op.constant(np.rint(exact / scales).astype(np.int8))
    return op.multiply(op.convert(rounded, np.float32), _floats(scales))


def _stored(tensor: Stored) -> Node:
    """A constant of the stored type; it copies, for the array may be gone before the graph is compiled."""
    if not is_bfloat16(tensor):
        return op.constant(np.ascontiguousarray(tensor))
    return op.constant(ov.Tensor(tensor, ov.Shape(tensor.shape), ov.Type.bf16), shared_memory=False)


def _floats(values: NDArray[np.float32] | np.float32) -> Node:
    return op.constant(np.ascontiguousarray(values, np.float32))


def _whole(values: int | Sequence[int]) -> Node:
    return op.constant(np.array(values, np.int64))
