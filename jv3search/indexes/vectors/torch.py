"""PyTorch: the rows of another index on a GPU, all of them compared by one matrix product."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jv3search.errors import ConfigError
from jv3search.indexes.vectors.faiss import FaissIndex
from jv3search.indexes.vectors.languages import ChunkLanguages, LanguageSamples
from jv3search.indexes.vectors.port import IdBitmap, Ids, Scores, VectorIndex
from jv3search.types import Embedding

_INSTEAD = "or set vector_engine to faiss, which searches on the CPU"


class TorchIndex:
    """The rows of `base` on the device "cuda", "mps" or "cpu". It is never changed; a new base makes a new one.

    On a GPU rows are float16, and so are their products: scores are true to 0.0005 beside what the base loses.
    """

    approximate = False

    def __init__(self, base: FaissIndex, dimension: int, device: str) -> None:
        self._base = base
        self._device = torch.device(device)
        self._rows = torch.empty(
            len(base), dimension, dtype=torch.float32 if device == "cpu" else torch.float16, device=self._device
        )
        ids, at = np.empty(len(base), np.int64), 0
        for some, rows in base.rows():
            ids[at : at + len(some)] = some
            self._rows[at : at + len(some)] = torch.from_numpy(rows)
            at += len(some)
        self._ids = self._there(ids)
        self._codes = self._there(base.languages.codes_of(ids).astype(np.int64))

    @property
    def languages(self) -> ChunkLanguages:
        """The language of each chunk."""
        return self._base.languages

    @property
    def samples(self) -> LanguageSamples:
        """What is known of each language."""
        return self._base.samples

    @property
    def top(self) -> int:
        """The highest id in it, 0 if it is empty."""
        return self._base.top

    def __len__(self) -> int:
        return len(self._base)

    def nearest(
        self, query: Embedding, k: int, among: IdBitmap | None = None, offsets: Scores | None = None
    ) -> tuple[Ids, Scores]:
        """As the port says."""
        if not len(self):
            return np.empty(0, np.int64), np.empty(0, np.float32)
        with _memory_told(self._device):
            scores = (self._rows @ self._there(query).to(self._rows.dtype)).float()
            if offsets is not None:
                scores -= self._there(offsets)[self._codes]
            if among is not None:
                marks = np.unpackbits(among.bits, count=self.top + 1, bitorder="little")
                scores[self._there(marks)[self._ids] == 0] = -torch.inf
            best, places = scores.topk(min(k, len(scores)))
            found = best > -torch.inf
            return self._ids[places[found]].cpu().numpy(), best[found].cpu().numpy()

    def size(self) -> int:
        """Bytes on disk, which are the base's."""
        return self._base.size()

    def _there(self, values: NDArray[Any]) -> Tensor:
        return torch.tensor(values, device=self._device)


def loaded(base: VectorIndex, dimension: int, engine: str) -> TorchIndex:
    """An index for the engine cuda, mps, or torch, the CPU; ConfigError if the GPU is not here, or is full."""
    device = "cpu" if engine == "torch" else engine
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if not here[device]:
        raise ConfigError(
            f"vector_engine is {engine}, and PyTorch {torch.__version__} sees no such GPU: mend that, {_INSTEAD}"
        )
    assert isinstance(base, FaissIndex), "in a folder, FAISS has the vectors"
    with _memory_told(torch.device(device)):
        return TorchIndex(base, dimension, device)


@contextmanager
def _memory_told(device: torch.device) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError:
        raise ConfigError(
            f"the memory of the device {device} is too small for the vectors: close what else uses it, {_INSTEAD}"
        ) from None
