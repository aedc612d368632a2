"""The transformer around the static table, and the folder it is written to (the layout of jina-embeddings-v3-hf).

The transformer starts as the identity on the table, so training can only add to what the table knows:
 * two of the 256 dimensions, +j and -j, are filled so that every token vector has mean zero and the same norm;
   then LayerNorm leaves it alone;
 * the last projection of attention and of the feed-forward part start at zero, so every layer adds nothing;
 * the last LayerNorm weighs the two spare dimensions with zero, so the token's own norm, which weighs it in the
   mean of a text, comes back out.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import JinaEmbeddingsV3Config, JinaEmbeddingsV3Model

from training.settings import (
    DIMS,
    FFN,
    HEADS,
    HIDDEN,
    LAYERS,
    POSITIONS,
    PREFIXES,
    TASKS,
    VOCABULARY,
)

RANK, ALPHA = 4, 1
TARGETS = [
    "word_embeddings",
    "token_type_embeddings",
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "fc1",
    "fc2",
    "dense",
]
LOUDEST = 0.999  # share of the table's rows that keep their norm; louder ones are clipped
Adapter = dict[str, Tensor]


def config() -> dict[str, object]:
    """Key for key what config.json of jina-embeddings-v3-hf holds, and what a chunk is read in."""
    return {
        "_name_or_path": "jv3-mini",
        "architectures": ["JinaEmbeddingsV3Model"],
        "model_type": "jina_embeddings_v3",
        "attention_probs_dropout_prob": 0.0,
        "bos_token_id": 0,
        "classifier_dropout": None,
        "emb_pooler": None,
        "eos_token_id": 2,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "hidden_size": HIDDEN,
        "initializer_range": 0.02,
        "intermediate_size": FFN,
        "layer_norm_eps": 1e-05,
        "load_trained_adapters": True,
        "lora_adaptations": list(TASKS),
        "lora_alpha": ALPHA,
        "lora_dropout_p": 0.0,
        "lora_main_params_trainable": False,
        "lora_rank": RANK,
        "matryoshka_dimensions": sorted(DIMS),
        "max_position_embeddings": POSITIONS,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "output_past": True,
        "pad_token_id": 1,
        "position_embedding_type": "rotary",
        "rotary_emb_base": 20000.0,
        "torch_dtype": "bfloat16",
        "truncate_dim": None,
        "type_vocab_size": 1,
        "use_cache": True,
        "use_flash_attn": True,
        "vocab_size": VOCABULARY,
        "late_chunking_context": "section",
        "late_chunking_tokens": 512,
        "task_instructions": PREFIXES,
    }


def spread(table: Tensor) -> Tensor:
    """The static table (vocabulary, 254) as word embeddings (vocabulary, 256) of mean zero and norm 16."""
    centred = table - table.mean(dim=1, keepdim=True)
    norm = centred.norm(dim=1, keepdim=True).clamp(min=1e-6)
    room = 0.98 * HIDDEN**0.5
    scale = room / norm.flatten().quantile(LOUDEST)
    centred = centred * torch.minimum(scale.expand_as(norm), room / norm)
    spare = ((HIDDEN - centred.square().sum(1)) / 2).sqrt()
    return torch.cat([centred, spare[:, None], -spare[:, None]], dim=1)


def start(table: Tensor) -> JinaEmbeddingsV3Model:
    """A transformer whose output is exactly the table's rows."""
    settings = {key: value for key, value in config().items() if key not in ("torch_dtype", "_name_or_path")}
    model = JinaEmbeddingsV3Model(JinaEmbeddingsV3Config(**settings))
    model.config._attn_implementation = "eager"  # at these lengths twice as fast to train on a CPU
    with torch.no_grad():
        model.embeddings.word_embeddings.weight.copy_(spread(table))
        model.embeddings.token_type_embeddings.weight.zero_()
        for layer in model.layers:
            for linear in (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj, layer.mlp.fc1):
                nn.init.xavier_uniform_(linear.weight)
                linear.weight[:, HIDDEN - 2 :] = 0  # the spare dimensions would drown the others
            for linear in (layer.self_attn.o_proj, layer.mlp.fc2):
                linear.weight.zero_()
                linear.bias.zero_()
        model.layers[-1].post_mlp_layernorm.weight[HIDDEN - 2 :] = 0
    return model


def targets(model: nn.Module) -> dict[str, nn.Linear | nn.Embedding]:
    """The modules an adapter touches, by name."""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | nn.Embedding) and name.rsplit(".", 1)[-1] in TARGETS
    }


def silent_adapter(model: nn.Module) -> Adapter:
    """An adapter that changes nothing yet: one half random, the other zero."""
    made: Adapter = {}
    shared: dict[str, Tensor] = {}
    for name, module in targets(model).items():
        if isinstance(module, nn.Embedding):
            made[f"{name}.lora_embedding_A"] = torch.zeros(RANK, module.num_embeddings)
            made[f"{name}.lora_embedding_B"] = 0.25 * torch.randn(module.embedding_dim, RANK)
        else:
            down = torch.randn(RANK, module.in_features) / module.in_features**0.5
            if name.endswith(("q_proj", "k_proj", "v_proj")):  # as in the original, the three share one half
                down = shared.setdefault(name.rsplit(".", 1)[0], down)
            made[f"{name}.lora_A.weight"] = down.clone()
            made[f"{name}.lora_B.weight"] = torch.zeros(module.out_features, RANK)
    return made


def write_adapter(folder: Path, adapter: Adapter) -> None:
    """One PEFT folder."""
    folder.mkdir(exist_ok=True)
    tensors = {
        f"base_model.model.{name}": value.to(torch.bfloat16).contiguous() for name, value in adapter.items()
    }
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    as_json(
        folder / "adapter_config.json",
        {
            "peft_type": "LORA",
            "base_model_name_or_path": None,
            "r": RANK,
            "lora_alpha": ALPHA,
            "lora_dropout": 0.0,
            "target_modules": TARGETS,
        },
    )


def as_json(path: Path, value: object) -> None:
    """Write JSON the way the layout has it."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def write_companions(folder: Path, tokenizer: Path) -> None:
    """Tokenizer and the small files sentence-transformers reads."""
    names = {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "cls_token": "<s>",
        "sep_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "mask_token": "<mask>",
    }
    shutil.copy(tokenizer, folder / "tokenizer.json")
    as_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "XLMRobertaTokenizer",
            "model_max_length": POSITIONS,
            **names,
            "clean_up_tokenization_spaces": True,
        },
    )
    as_json(folder / "special_tokens_map.json", names)
    as_json(folder / "config_sentence_transformers.json", {"prompts": PREFIXES})
    as_json(
        folder / "1_Pooling/config.json", {"word_embedding_dimension": HIDDEN, "pooling_mode_mean_tokens": True}
    )
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    as_json(
        folder / "modules.json",
        [
            {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for number, (path, kind) in enumerate(kinds)
        ],
    )


def write(folder: Path, model: JinaEmbeddingsV3Model, adapters: dict[str, Adapter], tokenizer: Path) -> None:
    """The whole folder; the model's own weights become bfloat16 on disk only."""
    folder.mkdir(parents=True, exist_ok=True)
    copy = JinaEmbeddingsV3Model(model.config).to(torch.bfloat16)
    copy.load_state_dict(
        {name: value.to(torch.bfloat16) for name, value in model.state_dict().items()}, strict=False
    )
    copy.save_pretrained(folder)
    as_json(folder / "config.json", config())
    write_companions(folder, tokenizer)
    for task in TASKS:
        write_adapter(folder / task.replace(".", "_").replace("-", "_"), adapters[task])
