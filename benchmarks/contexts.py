"""What a late chunk is read in: the whole document, its section, so many tokens of it, or nothing but itself.

    python -m benchmarks.contexts [--book handbook | reference] [--languages en,de,fr,ja] [--sample 12]

Plain-text pages of the Debian Handbook (the book to choose on) or the Debian Reference, with the sections that
their headings make and without. Queries are headings, without their numbers, in every language, against the pages
of each (`benchmarks/peers/documents.py`). Prints nDCG@10 by cosine alone, in the same language and across, and the
seconds that reading, splitting and embedding took.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.encoder import MINI
from benchmarks.peers.documents import Corpus, Target, corpus, sample
from benchmarks.peers.scoring import PASSAGES, Passage, gain
from jv3search.encoders.jina_v3.encoder import JinaV3Encoder
from jv3search.encoders.models import load
from jv3search.ingest.prepare import split
from jv3search.readers import SandboxedReader
from jv3search.types import Document, Embedding

CHUNK_TOKENS = 256
WHOLE, ALONE = 1_000_000, 1
CONTEXTS = {
    "document or section": WHOLE,
    "1,024 tokens": 1024,
    "512 tokens": 512,
    "256 tokens": 256,
    "alone": ALONE,
}


@dataclass(frozen=True, slots=True)
class Embedded:
    """The chunks of a language's pages, and their rows (chunks, dimension)."""

    passages: Sequence[Passage]
    rows: Embedding


def main() -> None:
    """Print a line for each context."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--book", choices=("handbook", "reference"), default="handbook")
    parser.add_argument("--languages", default="en,de,fr,ja")
    parser.add_argument("--sample", type=int, default=12, help="headings to ask for, in every language")
    parser.add_argument("--every", type=int, default=6, help="read every n-th page")
    options = parser.parse_args()
    languages = options.languages.split(",")
    read, encoder = corpus(options.every), load(MINI, 2)
    targets = [target for target in read.targets if target.book == options.book and target.language in languages]
    asked = sample(targets, options.sample)
    queries = encoder.encode([target.title for target in asked], "retrieval.query")
    for headings in (True, False):
        for name, most in CONTEXTS.items():
            began = time.perf_counter()
            encoder.config = replace(encoder.config, context_tokens=most)
            embedded = {language: pages(read, options.book, language, encoder, headings) for language in languages}
            seconds = time.perf_counter() - began
            same, across = quality(embedded, targets, asked, queries)
            with_sections = "headings" if headings else "no headings"
            print(
                f"{with_sections:12} {name:20} same {same:.3f}  across {across:.3f}  {seconds:.0f} s", flush=True
            )


def pages(read: Corpus, book: str, language: str, encoder: JinaV3Encoder, headings: bool) -> Embedded:
    """All pages of a book in a language, embedded."""
    passages: list[Passage] = []
    rows: list[Embedding] = []
    for file, document in documents(read.folder, Path(book) / language, headings):
        text, chunks, _ = split(document, encoder, CHUNK_TOKENS)
        rows += encoder.encode_documents([text])
        passages += [Passage(file, chunk.span) for chunk in chunks]
    return Embedded(passages, np.concatenate(rows))


def documents(root: Path, folder: Path, headings: bool) -> Iterator[tuple[str, Document]]:
    """(path below the root, document) of each page."""
    with SandboxedReader() as reader:
        for path in sorted((root / folder).glob("*.txt")):
            document = reader.read(path)
            yield str(folder / path.name), document if headings else replace(document, sections=())


def quality(
    embedded: dict[str, Embedded], targets: Sequence[Target], asked: Sequence[Target], queries: Embedding
) -> tuple[float, float]:
    """nDCG@10 in the same language and across."""
    same: list[float] = []
    across: list[float] = []
    for language, of in embedded.items():
        others = [target for target in targets if target.language == language]
        wanted = {target.anchor: target for target in others}
        for target, query in zip(asked, queries, strict=True):
            best = np.argsort(-(of.rows @ query), kind="stable")[:PASSAGES]
            found = gain([of.passages[i] for i in best.tolist()], wanted[target.anchor], others)
            (same if target.language == language else across).append(found)
    return float(np.mean(same)), float(np.mean(across))


if __name__ == "__main__":
    main()
