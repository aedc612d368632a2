"""One module a product, each with the same three functions, as short as the product's own tutorial has it.

    ingest(documents, index, models, chunk_tokens)   read all pages below a folder into a new index
    opened(index, models) -> Search                  open it in another process
    vectors(passages, queries, models)               what its models make of texts, to prove that weights agree

What a product takes for granted stays: how it cuts texts, batches, and stores vectors. What is set alike: the
chunks' length in tokens of the model (an overlap keeps the default's share of it), the instructions of the
checkpoint, and two threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

Found = tuple[str, str]
"""A page below the folder of the documents, and words of it."""

Search = Callable[[str, int, str | None], list[Found]]
"""query, how many passages, the language to search in (None: all)."""

Rows = list[list[float]]


@dataclass(frozen=True, slots=True)
class Models:
    """The same weights in two forms: the checkpoint, and a plain folder for passages and one for queries."""

    checkpoint: Path
    passages: Path
    queries: Path


def pages(documents: Path) -> Iterator[tuple[str, str, str]]:
    """(file below `documents`, its language, its text) of every page, for products that read no folders."""
    for path in sorted(documents.rglob("*.txt")):
        file = path.relative_to(documents)
        yield str(file), language_of(file), path.read_bytes().decode("utf-8")


def language_of(file: str | Path) -> str:
    """book/language/page.txt -> language."""
    return Path(file).parts[-2]
