"""The full-size architecture (24 layers x 1024, random weights): our engines, transformers, sentence-transformers.

    python -m benchmarks.encoder [--layers 24] [--texts 48] [--rounds 2]

All embed the same texts of mixed length under retrieval.passage with the adapter of a checkpoint that is
made on the spot (nothing is downloaded, nothing committed). transformers runs a plain loop: texts in the order
given, batches of 8 padded to their longest, PEFT adapter. sentence-transformers does as its `encode` does: it
sorts by length, batches of 8. Each run is a process of its own, in turns; figures in parentheses are multiples of
the torch engine's.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Measured, in_own_process, report_to_parent
from benchmarks.peers.processes import machine

WORK = Path(__file__).parent / "work"
OURS = {"openvino": ("openvino", "auto"), "openvino int8": ("openvino", "int8"), "torch": ("torch", "auto")}
"""Engine and precision; torch is what jv3search ran on before it had OpenVINO."""
CONTENDERS = (*OURS, "transformers", "sentence-transformers")
PEAK = "peak"
BATCH = 8
QUERIES = 15
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


def run_jv3search(folder: Path, texts: list[str], contender: str) -> None:
    """Our encoder's public verb, on one of its engines; before that, a query of 16 tokens."""
    from benchmarks.network import operations, seconds, texts_of
    from jv3search.encoders.models import load, runs_on

    engine, precision = OURS[contender]
    encoder = load(folder, engine=engine, precision=precision)
    query = partial(encoder.pool, texts_of([16], encoder.config), [[(0, 16)]], "retrieval.query")
    query()
    about = {
        "precision": runs_on(folder, engine, precision)[1],
        "query_ms": round(1000 * seconds(query, runs=QUERIES), 1),
    }
    lengths = [len(encoder.tokenize(text)) for text in texts]
    about["operations"] = operations(lengths, encoder.config)
    report_to_parent(lambda: about | _summed(encoder.encode(texts, "retrieval.passage"), sum(lengths)))


def run_peak() -> None:
    """Operations a second of a matrix product on this CPU, by precision."""
    import torch

    from benchmarks.network import peak_of

    products = {"f32": torch.float32, "bf16": torch.bfloat16}
    report_to_parent(
        lambda: {name: peak_of(torch.device("cpu"), kind, 2048, 10) for name, kind in products.items()}
    )


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
    parser.add_argument("--contender", choices=[*CONTENDERS, PEAK], help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = make_checkpoint(options.layers)
    if options.contender:
        run_one(options.contender, folder, mixed_texts(options.texts))
        return

    def run(contender: str, texts: int) -> Measured:
        arguments = ["--layers", str(options.layers), "--texts", str(texts), "--contender", contender]
        return in_own_process("benchmarks.encoder", *arguments)

    before = machine()
    peaks = run(PEAK, 1).report
    for name in OURS:
        run(name, 1)  # its graph is compiled and kept, as it is when a person starts it again
    results: dict[str, list[Measured]] = {name: [] for name in CONTENDERS}
    for _ in range(options.rounds):
        for name in CONTENDERS:
            results[name].append(run(name, options.texts))
            print(f"{name}: {results[name][-1]}", file=sys.stderr)
    best = {name: min(runs, key=lambda run: run.seconds) for name, runs in results.items()}
    tokens = best["openvino"].report["tokens"]
    print(f"{options.layers} layers x 1024, {options.texts} texts, {tokens} tokens; {before}")
    for name, measured in best.items():
        print(line(name, measured, best["torch"], peaks))
    told = {name: [vars(run) for run in runs] for name, runs in results.items()}
    print(json.dumps({"machine": before, "peak": peaks, **told}))


def run_one(contender: str, folder: Path, texts: list[str]) -> None:
    """One contender's run, in this process."""
    if contender == PEAK:
        run_peak()
    elif contender in OURS:
        run_jv3search(folder, texts, contender)
    else:
        {"transformers": run_transformers, "sentence-transformers": run_sentence_transformers}[contender](
            folder, texts
        )


def line(name: str, run: Measured, torch: Measured, peaks: dict[str, float]) -> str:
    """Tokens a second and memory, each also as a multiple of our torch engine's; of ours a query, and the peak."""
    told = (
        f"{name:22} {run.report['tokens'] / run.seconds:8.1f} tokens/s ({torch.seconds / run.seconds:.2f}) "
        f"{run.megabytes:7.0f} MB ({run.megabytes / torch.megabytes:.2f})"
    )
    about = run.report
    if "query_ms" not in about:
        return told
    told += f"  query {about['query_ms']:6.1f} ms ({about['query_ms'] / torch.report['query_ms']:.2f})"
    if about["precision"] not in peaks:
        return f"{told}  {about['precision']}"
    share = about["operations"] / run.seconds / peaks[about["precision"]]
    return f"{told}  {about['precision']}, {share:.2f} of its matrix product"


if __name__ == "__main__":
    main()
