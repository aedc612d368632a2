"""Whole products with the same documents, weights, chunk length and threads, each in processes of its own.

    python -m benchmarks.peers [--every 6] [--sample 10] [--rounds 1] [--only NAME ...]

Reads every n-th page of the Debian Reference and the Debian Handbook in eight languages (fetched as Debian
packages by name). Prints a table, and writes docs/benchmarks/products.json. See docs/benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.encoder import MINI
from benchmarks.peers import RESULTS
from benchmarks.peers.documents import LANGUAGES, WORK, Corpus, Target, corpus, sample
from benchmarks.peers.merged import merge
from benchmarks.peers.processes import THREADS, Ran, machine, run
from benchmarks.peers.product import PRODUCTS, VARIANTS
from benchmarks.peers.scoring import PASSAGES, Pages, gain, matrix

CHUNK_TOKENS = 256
_STARTS = 3  # processes that time the first answer
_SHOWN = 10  # passages of a query that is timed
_COMPARED = 24  # texts of each kind that prove that the weights agree
_PACKAGES = (
    "jv3search", "openvino", "torch", "transformers", "sentence-transformers", "langchain-community",
    "langchain-huggingface", "faiss-cpu", "llama-index-core", "chromadb", "txtai", "chonkie",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Setting:
    """What all products are given, and the targets whose headings they are asked for."""

    corpus: Corpus
    models: tuple[str, str, str]
    asked: list[Target]
    work: Path

    def run(self, name: str, action: str, **facts: Any) -> Ran:
        """A process of a product with its index."""
        print(f"{name}: {action} ...", file=sys.stderr)
        job = self.work / "job.json"
        shared = {"models": self.models, "documents": str(self.corpus.folder), "chunk_tokens": CHUNK_TOKENS}
        job.write_text(json.dumps(shared | {"index": str(self.index(name))} | facts), encoding="utf-8")
        return run("benchmarks.peers.product", name, action, str(job))

    def index(self, name: str) -> Path:
        """Where a product keeps its index."""
        return self.work / name


def main() -> None:
    """Measure every product in turns, print, write."""
    options = _options()
    facts = machine()
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="products-", dir=WORK) as work:
        setting = _setting(options.every, options.sample, Path(work))
        measured = _measured(setting, options.only, options.rounds)
        result = {
            "machine": facts,
            "threads": THREADS,
            "versions": {package: version(package) for package in _PACKAGES},
            "corpus": _counts(setting.corpus.folder),
            "chunk_tokens": CHUNK_TOKENS,
            "queries": len(setting.asked),
            "products": measured,
        }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(table(measured))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=6, help="read every n-th page")
    parser.add_argument(
        "--sample", type=int, default=10, help="sections of each book to ask for, in every language"
    )
    parser.add_argument("--rounds", type=int, default=1, help="ingests of each product; the medians are given")
    parser.add_argument("--only", nargs="*", default=[*PRODUCTS], choices=[*PRODUCTS], help="names of products")
    parser.add_argument("--out", type=Path, default=RESULTS / "products.json")
    return parser.parse_args()


def _setting(every: int, count: int, work: Path) -> Setting:
    read = corpus(every)
    passages = merge(MINI, "retrieval.passage", WORK / "models" / "retrieval.passage")
    queries = merge(MINI, "retrieval.query", WORK / "models" / "retrieval.query")
    return Setting(read, (str(MINI), str(passages), str(queries)), sample(read.targets, count), work)


def _counts(folder: Path) -> dict[str, int]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(MINI / "tokenizer.json"))
    texts = [path.read_bytes().decode("utf-8") for path in folder.rglob("*.txt")]
    encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
    tokens = sum(len(encoding.ids) for encoding in encodings)
    return {"documents": len(texts), "characters": sum(map(len, texts)), "tokens": tokens}


def _measured(setting: Setting, names: list[str], rounds: int) -> dict[str, dict[str, Any]]:
    """Ingests in turns, then the answers of each product, then the variants of jv3search."""
    reference = _vectors(setting, "jv3search")
    ingests: dict[str, list[Ran]] = defaultdict(list)
    for _ in range(rounds):
        for name in names:
            shutil.rmtree(setting.index(name), ignore_errors=True)
            ingests[name].append(setting.run(name, "ingest"))
    result = {
        name: {
            "least_cosine": _agreement(reference, _vectors(setting, name)),
            **_ingest_facts(ingests[name], setting.index(name)),
            **_answers(setting, name),
        }
        for name in names
    }
    for name in VARIANTS if "jv3search" in names else ():
        setting.run(name, "ingest")
        ran = setting.run(name, "answer", queries=_judged(setting))
        result[name] = {"ndcg": _quality(setting, ran.lines[1]["found"])}
    return result


def _ingest_facts(ran: list[Ran], index: Path) -> dict[str, Any]:
    size = sum(path.stat().st_size for path in index.rglob("*") if path.is_file())
    return {
        "ingest_s": round(statistics.median(r.seconds for r in ran), 2),
        "ingest_mb": round(max(r.megabytes for r in ran)),
        "index_mb": round(size / 1e6, 1),
    }


Asked = tuple[str, int, str | None]
"""A query, how many passages, the language to search in."""


def _judged(setting: Setting) -> list[Asked]:
    return [(target.title, PASSAGES, language) for target in setting.asked for language in LANGUAGES]


def _answers(setting: Setting, name: str) -> dict[str, Any]:
    """First answers of new processes, times of queries in all documents, and quality by pair of languages."""
    timed: list[Asked] = [(target.title, _SHOWN, None) for target in setting.asked]
    starts = [setting.run(name, "answer", queries=timed[:1]) for _ in range(_STARTS)]
    every = setting.run(name, "answer", queries=timed + _judged(setting)).lines[1]
    times = every["milliseconds"][: len(timed)]
    return {
        "first_answer_s": round(statistics.median(r.line_seconds[0] for r in starts), 2),
        "first_answer_mb": round(statistics.median(r.megabytes for r in starts)),
        "query_p50_ms": round(statistics.median(times), 2),
        "query_p95_ms": round(statistics.quantiles(times, n=20)[-1], 2),
        "ndcg": _quality(setting, every["found"][len(timed) :]),
    }


def _quality(setting: Setting, found: list[list[tuple[str, str]]]) -> dict[str, Any]:
    """A matrix of nDCG@10 for each book, from the passages for each judged query."""
    pages = Pages(setting.corpus.folder)
    places = {(t.book, t.anchor, t.language): t for t in setting.corpus.targets}
    on_page: dict[str, list[Target]] = defaultdict(list)
    for target in setting.corpus.targets:
        on_page[target.file].append(target)
    judged = [(target, language) for target in setting.asked for language in LANGUAGES]
    gains: dict[str, dict[tuple[str, str], list[float]]] = defaultdict(lambda: defaultdict(list))
    for (target, language), hits in zip(judged, found, strict=True):
        passages = [pages.passage(file, words) for file, words in hits]
        wanted = places[target.book, target.anchor, language]
        others = [other for file in dict.fromkeys(p.file for p in passages) for other in on_page[file]]
        gains[target.book][target.language, language].append(gain(passages, wanted, others))
    return {book: matrix(of) for book, of in gains.items()}


def _vectors(setting: Setting, name: str) -> dict[str, Any]:
    """What a product's models make of headings and of the beginnings of sections."""
    targets = setting.corpus.targets
    some = targets[:: max(1, len(targets) // _COMPARED)][:_COMPARED]
    texts = [(setting.corpus.folder / target.file).read_bytes().decode("utf-8") for target in some]
    passages = [target.span.of(text)[:800].strip() for target, text in zip(some, texts, strict=True)]
    return setting.run(name, "vectors", passages=passages, queries=[target.title for target in some]).lines[0]


def _agreement(reference: dict[str, Any], other: dict[str, Any]) -> float:
    """The least cosine of two products' vectors of the same text."""
    least = 1.0
    for kind in ("passages", "queries"):
        a, b = np.array(reference[kind]), np.array(other[kind])
        cosines = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        least = min(least, float(cosines.min()))
    return round(least, 6)


def table(measured: dict[str, dict[str, Any]]) -> str:
    """For people."""
    head = ("ingest s", "MB", "first s", "p50 ms", "p95 ms", "cosine")
    keys = ("ingest_s", "ingest_mb", "first_answer_s", "query_p50_ms", "query_p95_ms", "least_cosine")
    books = list(next(iter(measured.values()))["ndcg"])
    lines = ["".join([f"{'':20}", *(f"{word:>10}" for word in head), *(f"{book:>15}" for book in books)])]
    for name, row in measured.items():
        cells = [f"{row.get(key, ''):>10}" for key in keys]
        scores = (row["ndcg"][book] for book in books)
        cells += [f"{of['same_language']:>8.3f} {of['across_languages']:.3f} " for of in scores]
        lines.append("".join([f"{name:20}", *cells]))
    return "\n".join([*lines, "nDCG@10: query and documents in the same language, in two languages"])


if __name__ == "__main__":
    main()
