"""The full-size architecture (24 layers x 1024, random weights): our engines, transformers, sentence-transformers.

    python -m benchmarks.encoder [--layers 24] [--texts 48] [--rounds 2]

All embed the same texts of mixed length under retrieval.passage with the adapter of a checkpoint that is
made on the spot (nothing is downloaded, nothing committed). transformers runs a plain loop: texts in the order
given, batches of 8 padded to their longest, PEFT adapter. sentence-transformers does as its `encode` does: it
sorts by length, batches of 8. Each run is a process of its own, in turns.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import in_own_process, machine, report_to_parent

WORK = Path(__file__).parent / "work"
CONTENDERS = ("openvino", "torch", "transformers", "sentence-transformers")
BATCH = 8
MINI = Path(__file__).parent.parent / "jv3search" / "assets" / "jv3-mini"
SAMPLES = Path(__file__).parent.parent / "ingest" / "samples"


def make_checkpoint(layers: int) -> Path:
    """A random checkpoint in the -hf layout at full width, with jv3-mini's tokenizer."""
    folder = WORK / f"full-{layers}"
    if (folder / "complete").exists():
        return folder
    import torch
    from safetensors.torch import save_file
    from transformers import JinaEmbeddingsV3Config, JinaEmbeddingsV3Model

    torch.manual_seed(0)
    print(f"making a random checkpoint of {layers} layers ...", file=sys.stderr)
    config = JinaEmbeddingsV3Config(num_hidden_layers=layers)
    model = JinaEmbeddingsV3Model(config).to(torch.bfloat16)
    model.save_pretrained(folder)
    mini = json.loads((MINI / "config.json").read_text())
    sizes = json.loads((folder / "config.json").read_text())
    sizes.pop("rope_parameters", None)
    kept = {"matryoshka_dimensions": [32, 64, 128, 256, 512, 768, 1024], "max_position_embeddings": 8194}
    (folder / "config.json").write_text(json.dumps({**mini, **sizes, **kept}))
    (folder / "tokenizer.json").write_bytes((MINI / "tokenizer.json").read_bytes())
    (folder / "tokenizer_config.json").write_bytes((MINI / "tokenizer_config.json").read_bytes())
    _write_adapters(folder, model, save_file)
    _write_sentence_transformers(folder)
    (folder / "complete").touch()
    return folder


def ingest_samples(index: Path, model: str = "jv3-mini") -> None:
    """Make an index of the sample documents as a user would; notices stay visible."""
    command = [sys.executable, "-m", "jv3search", "ingest", str(SAMPLES), "--index", str(index), "--model", model]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _write_adapters(folder: Path, model: Any, save_file: Any) -> None:
    import torch

    from jv3search.encoders.jina_v3.config import TASKS, folder_of

    config = json.loads((MINI / "retrieval_passage" / "adapter_config.json").read_text())
    state = {}
    for name, module in model.named_modules():
        if name.rsplit(".", 1)[-1] not in config["target_modules"]:
            continue
        outer, inner = module.weight.shape
        if "embeddings" in name:
            outer, inner = inner, outer
        kind = "lora_embedding_{}" if "embeddings" in name else "lora_{}.weight"
        state[f"base_model.model.{name}.{kind.format('A')}"] = torch.randn(4, inner).to(torch.bfloat16) * 0.02
        state[f"base_model.model.{name}.{kind.format('B')}"] = torch.randn(outer, 4).to(torch.bfloat16) * 0.02
    for task in map(folder_of, TASKS):
        (folder / task).mkdir(exist_ok=True)
        save_file(state, folder / task / "adapter_model.safetensors")
        (folder / task / "adapter_config.json").write_text(json.dumps(config))


def _write_sentence_transformers(folder: Path) -> None:
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    pooling = {"word_embedding_dimension": 1024, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    (folder / "2_Normalize").mkdir(exist_ok=True)


def mixed_texts(count: int) -> list[str]:
    """Pieces of the sample documents, 40 to 4,000 characters long, most of them short, in random order."""
    from jv3search.readers import SandboxedReader

    with SandboxedReader() as reader:
        paths = sorted(path for path in SAMPLES.rglob("*") if path.suffix in {".md", ".html", ".docx", ".pdf"})
        source = "\n\n".join(reader.read(path).text for path in paths)
    rng = np.random.default_rng(1)
    lengths = np.exp(rng.uniform(np.log(40), np.log(4000), count)).astype(int)
    starts = rng.integers(0, len(source) - 4000, count)
    return [source[a : a + n] for a, n in zip(starts.tolist(), lengths.tolist(), strict=True)]


def run_jv3search(folder: Path, texts: list[str], engine: str) -> None:
    """Our encoder's public verb, on one of its engines."""
    from jv3search.encoders.models import load

    encoder = load(folder, engine=engine)
    encoder.encode(texts[:1], "retrieval.passage")
    report_to_parent(lambda: _summed(encoder.encode(texts, "retrieval.passage"), _tokens(folder, texts)))


def run_transformers(folder: Path, texts: list[str]) -> None:
    """The loop one finds in model cards: batches as they come, padded, masked mean, PEFT adapter."""
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    model.load_adapter(str(folder), adapter_name="p", adapter_kwargs={"subfolder": "retrieval_passage"})
    model.set_adapter("p")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding(pad_id=1, pad_token="<pad>")

    @torch.inference_mode()
    def encode() -> dict[str, Any]:
        rows = []
        for start in range(0, len(texts), BATCH):
            encodings = tokenizer.encode_batch([_prefix(folder) + t for t in texts[start : start + BATCH]])
            ids = torch.tensor([e.ids for e in encodings])
            mask = torch.tensor([e.attention_mask for e in encodings])
            states = model(input_ids=ids, attention_mask=mask).last_hidden_state
            mean = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
            rows.append(torch.nn.functional.normalize(mean, dim=-1).numpy())
        return _summed(np.concatenate(rows), _tokens(folder, texts))

    report_to_parent(encode)


def run_sentence_transformers(folder: Path, texts: list[str]) -> None:
    """Its own `encode`, with the adapter loaded into its transformer."""
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    inner: Any = model[0].auto_model
    inner.load_adapter(str(folder), adapter_name="p", adapter_kwargs={"subfolder": "retrieval_passage"})
    inner.set_adapter("p")
    prompt = _prefix(folder)
    report_to_parent(
        lambda: _summed(
            model.encode(
                texts, prompt=prompt, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False
            ),
            _tokens(folder, texts),
        )
    )


def _prefix(folder: Path) -> str:
    return str(json.loads((folder / "config.json").read_text())["task_instructions"]["retrieval.passage"])


def _tokens(folder: Path, texts: list[str]) -> int:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return sum(len(tokenizer.encode(_prefix(folder) + text).ids) for text in texts)


def _summed(rows: np.ndarray, tokens: int) -> dict[str, Any]:
    return {"tokens": tokens, "first": [round(float(x), 4) for x in rows[0][:4]]}


def main() -> None:
    """Run the contenders in turns and print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--texts", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = make_checkpoint(options.layers)
    if options.contender:
        runs: dict[str, Callable[[Path, list[str]], None]] = {
            "openvino": partial(run_jv3search, engine="openvino"),
            "torch": partial(run_jv3search, engine="torch"),
            "transformers": run_transformers,
            "sentence-transformers": run_sentence_transformers,
        }
        runs[options.contender](folder, mixed_texts(options.texts))
        return
    results: dict[str, list[Any]] = {name: [] for name in CONTENDERS}
    for _ in range(options.rounds):
        for name in CONTENDERS:
            arguments = ["--layers", str(options.layers), "--texts", str(options.texts), "--contender", name]
            results[name].append(in_own_process("benchmarks.encoder", *arguments))
            print(f"{name}: {results[name][-1]}", file=sys.stderr)
    best = {name: min(runs, key=lambda run: run.seconds) for name, runs in results.items()}
    ours = best["openvino"]
    print(f"{options.layers} layers x 1024, {options.texts} texts, {ours.report['tokens']} tokens; {machine()}")
    for name, run in best.items():
        speed = run.report["tokens"] / run.seconds
        print(
            f"{name:22} {speed:8.1f} tokens/s  {run.megabytes:7.0f} MB   ours is {run.seconds / ours.seconds:.2f} "
            f"times as fast at {ours.megabytes / run.megabytes:.2f} of the memory"
        )
    print(json.dumps({name: [vars(run) for run in runs] for name, runs in results.items()}))


if __name__ == "__main__":
    main()
