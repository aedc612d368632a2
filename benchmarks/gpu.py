"""The engine for GPUs: every figure of docs/decisions/encoder.md's GPU section, by one command.

    python -m benchmarks.gpu [--tokens 1000000] [--precision bf16] [--device cuda] [--small]

Needs the package, torch and transformers; nothing is downloaded. The model has the full size and random weights,
the texts are random tokens. `--small` tries the program out: the bundled model, few tokens, on a CPU if there is
no GPU; its figures mean nothing. Prints lines to read and, last, one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.encoder import MINI, make_checkpoint
from benchmarks.measure import machine
from benchmarks.network import operations, peak_of, seconds, texts_of
from jv3search.encoders.jina_v3.config import TASKS, CheckpointConfig, read_config
from jv3search.encoders.jina_v3.encoder import JinaV3Encoder
from jv3search.encoders.jina_v3.packed_engine import DTYPES, PackedEngine
from jv3search.encoders.jina_v3.tokenizer import load_tokenizer
from jv3search.encoders.jina_v3.torch_engine import TorchEngine
from jv3search.encoders.late_chunking import TokenizedText
from jv3search.indexes.vectors import faiss
from jv3search.indexes.vectors.languages import ChunkLanguages, LanguageSamples
from jv3search.indexes.vectors.port import IdBitmap
from jv3search.indexes.vectors.torch import TorchIndex, loaded
from jv3search.types import Task, unit_rows

NEVER = float("inf")
OFFSETS = np.array([0.1], np.float32)  # what a search takes off each language's cosines
MEDIAN, SPREAD = 400, 1.0  # tokens of the mixed texts: log-normal, cut to 16-8,192, which makes 635 on average


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    tokens: int
    lengths: tuple[int, ...]
    product: int
    rows: int
    runs: int


FULL = Size(1_000_000, (16, 64, 256, 1024, 4096, 8192), 8192, 1_000_000, 50)
SMALL = Size(1_500, (16, 256), 256, 2_000, 2)


def mixed(tokens: int, longest: int) -> list[int]:
    """Lengths of texts that together have about so many tokens."""
    drawn = np.random.default_rng(1).lognormal(np.log(MEDIAN), SPREAD, tokens).clip(16, longest).astype(int)
    return [int(n) for n in drawn[: int(np.searchsorted(drawn.cumsum(), tokens)) + 1]]


def pooled(encoder: JinaV3Encoder, texts: list[TokenizedText], task: Task = "retrieval.passage") -> np.ndarray:
    """Unit rows of whole texts, by the verb that an ingest uses."""
    return unit_rows(np.concatenate(encoder.pool(texts, [[(0, len(text))] for text in texts], task)))


def nearest(rows: torch.Tensor, queries: torch.Tensor, k: int) -> torch.Tensor:
    """The k best rows (n, dimension) for each query, all of them looked at."""
    return (queries @ rows.T).topk(k).indices


def index_of(rows: int, dimension: int, device: torch.device) -> TorchIndex:
    """The product's vectors of an index on a device: random rows in one language."""
    ids = np.arange(rows)
    units = unit_rows(np.random.default_rng(3).standard_normal((rows, dimension), np.float32))
    languages = ChunkLanguages().changed(ids, ["en"] * rows, ids[:0])
    samples = LanguageSamples.of(rows, {"en": units[:256]})
    base = faiss.build(ids, units, "flat", languages, samples)
    return loaded(base, dimension, "torch" if device.type == "cpu" else device.type)


@dataclass(frozen=True)
class Bench:
    """One model on one device."""

    folder: Path
    config: CheckpointConfig
    device: torch.device
    precision: str
    size: Size

    def encoder(self, compile_seconds: float = NEVER) -> JinaV3Encoder:
        """The product's encoder on the engine for GPUs."""
        engine = PackedEngine(self.folder, self.config, self.device.type, self.precision, compile_seconds)
        return JinaV3Encoder(self.folder, self.config, load_tokenizer(self.folder), engine)

    def throughput(self, encoder: JinaV3Encoder, lengths: list[int], peak: float) -> dict[str, float]:
        """The second of two passes over texts of some lengths."""
        texts = texts_of(lengths, self.config)
        first = seconds(lambda: pooled(encoder, texts), self.device)
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        taken = seconds(lambda: pooled(encoder, texts), self.device)
        rate = operations(lengths, self.config) / taken
        return {
            "tokens_per_second": round(sum(lengths) / taken),
            "tflops": round(rate / 1e12, 3),
            "share_of_peak": round(rate / peak, 3),
            "memory_gb": round(self.memory(), 2),
            "first_pass_seconds": round(first, 2),
        }

    def memory(self) -> float:
        """GB at the peak: the device's, or those of the whole process on a CPU."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated() / 1e9
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9

    def by_length(self, encoder: JinaV3Encoder, peak: float) -> dict[str, dict[str, float]]:
        """Throughput of texts that all have one length."""
        longest = self.config.max_tokens
        return {
            str(length): self.throughput(encoder, [length] * max(1, self.size.tokens // 2 // length), peak)
            for length in self.size.lengths
            if length <= longest
        }

    def query_milliseconds(self, encoder: JinaV3Encoder) -> dict[str, float]:
        """One text alone under retrieval.query, everything but its tokenising."""
        found = {}
        for length in (16, 64, 128, 512):
            texts = texts_of([length], self.config)
            pooled(encoder, texts, "retrieval.query")
            taken = seconds(partial(pooled, encoder, texts, "retrieval.query"), self.device, self.size.runs)
            found[str(length)] = round(1000 * taken, 2)
        return found

    def search_milliseconds(self, dimension: int = 256, k: int = 100) -> dict[str, float]:
        """Exact search: one query in all vectors of an index, and in a tenth of them."""
        index = index_of(self.size.rows, dimension, self.device)
        (unit,) = unit_rows(np.random.default_rng(4).standard_normal((1, dimension), np.float32))
        tenth = IdBitmap.only(np.arange(0, self.size.rows, 10))
        return {
            name: self.milliseconds(partial(index.nearest, unit, k, among, OFFSETS))
            for name, among in (("all", None), ("a tenth", tenth))
        }

    def product_milliseconds(self, dimension: int = 256, k: int = 100) -> dict[str, float]:
        """The matrix product and topk of a search alone, for one query and for 32 at once."""
        dtype = torch.float16 if self.device.type == "cuda" else torch.float32
        found = {}
        for rows in (self.size.rows, 10 * self.size.rows):
            matrix = torch.randn(rows, dimension, device=self.device, dtype=dtype)
            for batch in (1, 32):
                queries = torch.randn(batch, dimension, device=self.device, dtype=dtype)
                taken = self.milliseconds(partial(nearest, matrix, queries, k))
                found[f"{rows:,} rows, {batch} at once"] = taken
        return found

    def milliseconds(self, work: Callable[[], object]) -> float:
        """Median time of some runs, after three that do not count."""
        seconds(work, self.device, 3)
        return round(1000 * seconds(work, self.device, self.size.runs), 3)

    def agreement(self, encoder: JinaV3Encoder) -> dict[str, float]:
        """Least cosine to the torch engine in float32 on the CPU, by task."""
        reference = JinaV3Encoder(
            self.folder, self.config, load_tokenizer(self.folder), TorchEngine(self.folder, self.config)
        )
        texts = texts_of([16, 40, 100, 300, min(2000, self.config.max_tokens)], self.config)
        return {
            task: round(
                float((pooled(encoder, texts, task) * pooled(reference, texts, task)).sum(axis=1).min()), 7
            )
            for task in TASKS
        }


def device_name(device: torch.device) -> str:
    """What computes, and the version of PyTorch."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else machine()
    return f"{name}, PyTorch {torch.__version__}"


def told(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """Print a section for people, and give it back for the line of JSON."""
    print(f"\n{name}")
    for key, value in found.items():
        print(f"  {key:24} {value}", flush=True)
    return found


def measured(bench: Bench) -> dict[str, Any]:
    """Every section, each printed when it is known."""
    size, device = bench.size, bench.device
    peak = peak_of(device, DTYPES[bench.precision], size.product, size.runs)
    product = {"size": size.product, "tflops": round(peak / 1e12, 3)}
    found = {"product": told(f"matrix product, {bench.precision}", product)}
    began = time.perf_counter()
    encoder = bench.encoder()
    query = bench.query_milliseconds(encoder)
    started = {"seconds_to_first_queries": round(time.perf_counter() - began, 2)}
    found["start"] = told("from the files to the last of the queries below", started)
    found["query_ms"] = told("one query of so many tokens, ms", query)
    lengths = mixed(size.tokens, bench.config.max_tokens)
    found["mixed"] = told(f"{len(lengths)} texts, median {MEDIAN}", bench.throughput(encoder, lengths, peak))
    compiled = bench.encoder(compile_seconds=0) if device.type == "cuda" else encoder
    found["compiled"] = told("the same, layers compiled", bench.throughput(compiled, lengths, peak))
    found["by_length"] = told("texts of one length, compiled", bench.by_length(compiled, peak))
    found["search_ms"] = told(f"search in {size.rows:,} x 256, the best 100, ms", bench.search_milliseconds())
    found["product_ms"] = told("its matrix product alone, ms", bench.product_milliseconds())
    found["cosine"] = told("least cosine to float32 on the CPU", bench.agreement(encoder))
    return found


def main() -> None:
    """Measure, print what is found and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "mps", "cpu"], default="cuda")
    parser.add_argument("--precision", choices=list(DTYPES), default="bf16")
    parser.add_argument("--tokens", type=int, default=FULL.tokens)
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--small", action="store_true", help="a quick look, on a CPU if need be")
    options = parser.parse_args()
    if options.small:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        folder, size = MINI, SMALL
    else:
        device, folder = options.device, make_checkpoint(options.layers)
        size = replace(FULL, tokens=options.tokens)
    bench = Bench(folder, read_config(folder), torch.device(device), options.precision, size)
    print(f"{device_name(bench.device)}; {folder.name}, {options.precision}")
    found = measured(bench)
    print(json.dumps({"device": device_name(bench.device), "precision": options.precision, **found}))


if __name__ == "__main__":
    main()
