"""One shared base and an immutable view of it per task.

PEFT's `set_adapter` is a global switch: two threads on two tasks get each other's adapter, without an error.
A view is a module tree of its own whose tensors share the base's storage and whose adapted modules also hold
their task's low-rank pair, so nothing is ever switched and nothing needs a lock. Updates are not merged:
a task costs 0.5 % more memory instead of another copy of the base.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.models.jina_embeddings_v3.configuration_jina_embeddings_v3 import JinaEmbeddingsV3Config
from transformers.models.jina_embeddings_v3.modeling_jina_embeddings_v3 import JinaEmbeddingsV3Model

from jv3search.encoders.jina_v3.checkpoint import Adapter
from jv3search.encoders.jina_v3.config import SCALING, CheckpointConfig
from jv3search.errors import ModelError

_ADAPTED = {
    "word_embeddings", "token_type_embeddings", "q_proj", "k_proj", "v_proj", "o_proj", "fc1", "fc2",
}  # fmt: skip
# The published adapters also carry pooler.dense; its update is zero and the pooler is not part of the embedding.
_POOLER = "pooler."


class _TaskLinear(nn.Module):
    """y = x W^T + b + (x A^T) (s B)^T, with W and b shared between views (Hu et al. 2021, arXiv 2106.09685)."""

    def __init__(self, base: nn.Linear, down: Tensor, up: Tensor) -> None:
        super().__init__()
        self.base = base
        self.register_buffer("down", down, persistent=False)
        self.register_buffer("up", (up * SCALING).T.contiguous(), persistent=False)  # (rank, out)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.base(x)
        low = F.linear(x, self.down)  # type: ignore[arg-type]
        # Added in place, into a tensor nobody else has: the update costs no further pass over y.
        y.view(-1, y.shape[-1]).addmm_(low.view(-1, low.shape[-1]), self.up)  # type: ignore[arg-type]
        return y


class _TaskEmbedding(nn.Module):
    """Row lookup in the low-rank table: the (vocabulary, hidden) update, 1 GB in the real model, never exists."""

    def __init__(self, base: nn.Embedding, down: Tensor, up: Tensor) -> None:
        super().__init__()
        self.base = base
        self.register_buffer("down", down.T.contiguous(), persistent=False)  # (vocabulary, rank)
        self.register_buffer("up", up * SCALING, persistent=False)  # (hidden, rank)

    def forward(self, ids: Tensor) -> Tensor:
        return self.base(ids) + F.linear(F.embedding(ids, self.down), self.up)  # type: ignore[arg-type, no-any-return]


def build_view(config: CheckpointConfig, base: dict[str, Tensor], adapter: Adapter | None) -> nn.Module:
    """The native model over `base` (storage shared), with `adapter` woven in; None is the bare base.

    Raises ModelError for tensors that are missing, left over or ill-shaped.
    """
    native = JinaEmbeddingsV3Config(**config.sizes)
    native._attn_implementation = "sdpa"
    with torch.device("meta"):
        model = JinaEmbeddingsV3Model(native, add_pooling_layer=False)
    _assign(model, base)
    model.rotary_emb = type(model.rotary_emb)(native)  # its frequencies are not stored: they were on meta
    if adapter is not None:
        _insert_adapter(model, adapter)
    return model.eval().requires_grad_(False)  # type: ignore[no-any-return]


def _assign(model: nn.Module, base: dict[str, Tensor]) -> None:
    wanted = {name: tensor.shape for name, tensor in model.state_dict().items()}
    have = {name: tensor for name, tensor in base.items() if not name.startswith(_POOLER)}
    _compare("checkpoint", set(wanted), set(have))
    for name, shape in wanted.items():
        if have[name].shape != shape:
            raise ModelError(f"{name} has the shape {tuple(have[name].shape)}, config.json asks {tuple(shape)}")
    model.load_state_dict(have, strict=True, assign=True)


def _insert_adapter(model: nn.Module, adapter: Adapter) -> None:
    targets = {name: module for name, module in model.named_modules() if name.rpartition(".")[2] in _ADAPTED}
    _compare("adapter", set(targets), {name for name in adapter if not name.startswith(_POOLER)})
    for name, module in targets.items():
        down, up = adapter[name]
        parent, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(parent), leaf, _adapted(name, module, down, up))


def _adapted(name: str, module: nn.Module, down: Tensor, up: Tensor) -> nn.Module:
    if isinstance(module, nn.Embedding):
        inner, outer = module.num_embeddings, module.embedding_dim
    else:
        assert isinstance(module, nn.Linear)
        inner, outer = module.in_features, module.out_features
    if down.shape[1] != inner or up.shape[0] != outer:
        raise ModelError(
            f"the adapter's {name} maps {down.shape[1]} to {up.shape[0]}, the base {inner} to {outer}"
        )
    if isinstance(module, nn.Embedding):
        return _TaskEmbedding(module, down, up)
    return _TaskLinear(module, down, up)


def _compare(what: str, wanted: set[str], have: set[str]) -> None:
    missing, extra = sorted(wanted - have), sorted(have - wanted)
    if missing:
        raise ModelError(f"the {what} lacks {len(missing)} tensors, first {missing[0]}: it is incomplete")
    if extra:
        raise ModelError(f"the {what} has {len(extra)} tensors the model does not know, first {extra[0]}")
