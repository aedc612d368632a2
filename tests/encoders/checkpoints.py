"""Tiny random checkpoints in both published layouts of jina-embeddings-v3, made for the tests.

Same keys, names and files as the real ones; only the sizes differ. Both folders hold the same numbers.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor, nn
from transformers import JinaEmbeddingsV3Config, JinaEmbeddingsV3Model

from jv3search.encoders.jina_v3.config import TASKS, folder_of

INSTRUCTIONS = {
    "retrieval.query": "Represent the query for retrieving evidence documents: ",
    "retrieval.passage": "Represent the document for retrieval: ",
    "separation": "",
    "classification": "",
    "text-matching": "",
}
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
RANK = 4
CORPUS = """
Represent the query for retrieving evidence documents: Represent the document for retrieval:
Berlin is the capital and largest city of Germany. Its more than 3.85 million inhabitants like 0 1 2 3 4 5 6 7 8 9.
Die Hauptstadt und größte Stadt ist Berlin. Paris est la capitale de la France ; elle est traversée par la Seine.
北京是中华人民共和国的首都。它是一座历史悠久的城市。東京は日本の首都です。人口が多くて、とても賑やかな街です。
서울은 대한민국의 수도이다. القاهرة هي عاصمة مصر. مدينة كبيرة جدا. दिल्ली भारत की राजधानी है। यह एक बड़ा शहर है।
Москва — столица России. Это большой город. กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย
""".strip().split("\n")


def make_tokenizer() -> Tokenizer:
    """XLM-R's pipeline on a vocabulary of 600: normaliser, WhitespaceSplit + Metaspace, <s> A </s>."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    metaspace = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace])
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    trainer = trainers.UnigramTrainer(
        vocab_size=600, unk_token="<unk>", show_progress=False, special_tokens=["<s>", "<pad>", "</s>", "<unk>"]
    )
    tokenizer.train_from_iterator(CORPUS * 3, trainer)
    tokenizer.add_special_tokens(["<mask>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def make_config(vocabulary: int, positions: int) -> dict:
    """Key for key the published config.json; rope_parameters is *not* in it."""
    return {
        "architectures": ["JinaEmbeddingsV3Model"], "model_type": "jina_embeddings_v3",
        "attention_probs_dropout_prob": 0.1, "bos_token_id": 0, "classifier_dropout": None, "emb_pooler": None,
        "eos_token_id": 2, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "hidden_size": 64,
        "initializer_range": 0.02, "intermediate_size": 128, "layer_norm_eps": 1e-05,
        "lora_adaptations": list(TASKS), "lora_alpha": 1, "lora_dropout_p": 0.0, "lora_rank": RANK,
        "matryoshka_dimensions": [32, 64], "max_position_embeddings": positions, "num_attention_heads": 4,
        "num_hidden_layers": 3, "pad_token_id": 1, "position_embedding_type": "rotary",
        "rotary_emb_base": 20000.0, "torch_dtype": "bfloat16", "truncate_dim": None, "type_vocab_size": 1,
        "use_flash_attn": True, "vocab_size": vocabulary, "task_instructions": INSTRUCTIONS,
    }  # fmt: skip


def make_checkpoints(folder: Path, *, positions: int = 8194, seed: int = 0) -> tuple[Path, Path]:
    """(hf, original): the same random model in both layouts under `folder`."""
    hf, original = folder / "hf", folder / "original"
    for path in (hf, original):
        path.mkdir(parents=True)
    tokenizer = make_tokenizer()
    config = make_config(tokenizer.get_vocab_size(), positions)
    model = _random_model(config, seed)
    model.save_pretrained(hf)
    (hf / "config.json").write_text(json.dumps(config, indent=2))
    adapters = {task: _random_adapter(model, seed + 100 + i) for i, task in enumerate(TASKS)}
    for task, adapter in adapters.items():
        write_adapter(hf / folder_of(task), adapter)
    save_file(_as_original(load_file(hf / "model.safetensors"), adapters), original / "model.safetensors")
    (original / "config.json").write_text(json.dumps({**config, "model_type": "xlm-roberta"}, indent=2))
    for path in (hf, original):
        tokenizer.save(str(path / "tokenizer.json"))
    return hf, original


def _random_model(config: dict, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    model = JinaEmbeddingsV3Model(
        JinaEmbeddingsV3Config(**{k: v for k, v in config.items() if k != "torch_dtype"})
    )
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:
            nn.init.normal_(parameter, std=0.08)  # livelier than the usual 0.02
        elif "bias" in name:
            nn.init.normal_(parameter, std=0.02)
    return model.to(torch.bfloat16)


def _random_adapter(model: nn.Module, seed: int) -> dict[str, Tensor]:
    """PEFT's names; q, k and v share lora_A because they are thirds of one fused weight."""
    generator = torch.Generator().manual_seed(seed)
    adapter: dict[str, Tensor] = {}
    shared: dict[str, Tensor] = {}
    for name, module in model.named_modules():
        if name.rsplit(".", 1)[-1] not in TARGETS:
            continue
        if isinstance(module, nn.Embedding):
            adapter[f"{name}.lora_embedding_A"] = _normal(generator, RANK, module.num_embeddings)
            adapter[f"{name}.lora_embedding_B"] = _normal(generator, module.embedding_dim, RANK)
        else:
            down = _normal(generator, RANK, module.in_features)
            if name.endswith(("q_proj", "k_proj", "v_proj")):
                down = shared.setdefault(name.rsplit(".", 1)[0], down)
            adapter[f"{name}.lora_A.weight"] = down.clone()
            up = _normal(generator, module.out_features, RANK)
            adapter[f"{name}.lora_B.weight"] = up * 0 if name == "pooler.dense" else up
    return adapter


def _normal(generator: torch.Generator, *shape: int) -> Tensor:
    return (torch.randn(*shape, generator=generator) * 0.6).to(torch.bfloat16)


def write_adapter(folder: Path, adapter: dict[str, Tensor], **changes: object) -> None:
    """A PEFT adapter folder; `changes` replace keys of adapter_config.json."""
    folder.mkdir(exist_ok=True)
    save_file(
        {f"base_model.model.{k}": v.contiguous() for k, v in adapter.items()}, folder / "adapter_model.safetensors"
    )
    config = {
        "peft_type": "LORA", "base_model_name_or_path": None, "r": RANK, "lora_alpha": 1, "lora_dropout": 0.0,
        "target_modules": TARGETS, **changes,
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=3))


def _as_original(fused: dict[str, Tensor], adapters: dict[str, dict[str, Tensor]]) -> dict[str, Tensor]:
    """The same numbers with `parametrizations` and banks of five LoRA pairs."""
    state: dict[str, Tensor] = {}
    for key, tensor in fused.items():
        stem, leaf = key.rsplit(".", 1)
        last = stem.rsplit(".", 1)[-1]
        if leaf != "weight" or last not in (*TARGETS, "Wqkv", "out_proj"):
            state[f"roberta.{key}"] = tensor
            continue
        prefix = f"roberta.{stem}.parametrizations.weight"
        state[f"{prefix}.original"] = tensor
        state[f"{prefix}.0.lora_A"], state[f"{prefix}.0.lora_B"] = _bank(stem, list(adapters.values()))
    return {key: tensor.contiguous() for key, tensor in state.items()}


def _bank(stem: str, adapters: list[dict[str, Tensor]]) -> tuple[Tensor, Tensor]:
    name = stem.replace("encoder.layers", "layers").replace("mixer.out_proj", "self_attn.o_proj")
    if "embeddings" in name:
        return (
            torch.stack([a[f"{name}.lora_embedding_A"].T for a in adapters]),
            torch.stack([a[f"{name}.lora_embedding_B"].T for a in adapters]),
        )
    if name.endswith("mixer.Wqkv"):
        parts = [name.replace("mixer.Wqkv", f"self_attn.{letter}_proj") for letter in "qkv"]
        return (
            torch.stack([a[f"{parts[0]}.lora_A.weight"] for a in adapters]),
            torch.stack([torch.cat([a[f"{part}.lora_B.weight"] for part in parts]) for a in adapters]),
        )
    return (
        torch.stack([a[f"{name}.lora_A.weight"] for a in adapters]),
        torch.stack([a[f"{name}.lora_B.weight"] for a in adapters]),
    )
