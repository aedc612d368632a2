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

from jv3search.encoders.jina_v3.config import SCALING, CheckpointConfig
from jv3search.encoders.jina_v3.fit import Adapter
from jv3search.encoders.jina_v3.stored import widened


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


def build_view(
    config: CheckpointConfig, base: dict[str, Tensor], adapter: Adapter | None, attention: str = "sdpa"
) -> nn.Module:
    """The native model over `base` (storage shared), with `adapter` woven in; None is the bare base.

    It is on the device of `base` and of its precision, but for the positions' frequencies: they stay float32.
    `attention` is a name that transformers knows.
    """
    native = JinaEmbeddingsV3Config(**config.sizes)
    native._attn_implementation = attention
    with torch.device("meta"):
        model = JinaEmbeddingsV3Model(native, add_pooling_layer=False)
    model.load_state_dict(base, strict=True, assign=True)
    like = next(iter(base.values()))
    model.rotary_emb = type(model.rotary_emb)(native).to(like.device)  # not stored: its frequencies were on meta
    for name, (down, up) in (adapter or {}).items():
        parent, _, leaf = name.rpartition(".")
        pair = (torch.from_numpy(widened(side)).to(like) for side in (down, up))
        setattr(model.get_submodule(parent), leaf, _adapted(model.get_submodule(name), *pair))
    return model.eval().requires_grad_(False)  # type: ignore[no-any-return]


def _adapted(module: nn.Module, down: Tensor, up: Tensor) -> nn.Module:
    if isinstance(module, nn.Embedding):
        return _TaskEmbedding(module, down, up)
    assert isinstance(module, nn.Linear)
    return _TaskLinear(module, down, up)
