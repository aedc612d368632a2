"""Measure a finished folder through the package's own encoder: prefixes and adapters as in production."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jv3search.encoders.models import load
from jv3search.types import Task
from training import reference
from training.settings import ASSETS

BATCH = 256


def encoder(folder: Path) -> reference.Encode:
    """(texts, task) -> vectors, by the public API."""
    model = load(folder)

    def encode(texts: list[str], task: Task) -> reference.Vectors:
        parts = [model.encode(texts[i : i + BATCH], task) for i in range(0, len(texts), BATCH)]
        return np.concatenate(parts)

    return encode


def as_text(matrices: dict[int, NDArray[np.float64]], languages: list[str]) -> str:
    """The measured figures for a terminal."""
    lines = []
    for dim, matrix in matrices.items():
        mono, cross = reference.summary(matrix)
        lines.append(f"dim {dim}: mono {mono:.3f} cross {cross:.3f}")
    lines.append("query \\ passage " + " ".join(f"{lang:>6}" for lang in languages))
    for lang, row in zip(languages, next(iter(matrices.values())), strict=True):
        lines.append(f"{lang:>15} " + " ".join(f"{value:6.3f}" for value in row))
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Print the table; keep the numbers as JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=ASSETS)
    parser.add_argument("--choice", action="store_true", help="on the book that choices are made on")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    sections = reference.choice_sections() if options.choice else reference.test_sections()
    matrices = reference.measure(encoder(options.folder), sections)
    print(as_text(matrices, list(sections)))
    print(f"{len(sections['en'])} sections", file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps({dim: m.round(4).tolist() for dim, m in matrices.items()}))


if __name__ == "__main__":
    main()
