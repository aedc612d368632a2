"""What runs the network behind an encoder, on whatever device: rows of tokens in, states or sums out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from jv3search.encoders.late_chunking import TokenRange
from jv3search.types import Task


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """Tokens of one text that go through the network together: ids (T,), special tokens included.

    `task` names the adapter; None is the base without one.
    """

    ids: NDArray[np.int64]
    task: Task | None


class Engine(Protocol):
    """The network of one checkpoint, safe to share between threads.

    Rows of one call may differ in length and task. Each gives what it would give alone; padding is the engine's
    own business.
    """

    @property
    def packs(self) -> bool:
        """Whether rows of any lengths share a call without padding."""
        ...

    @property
    def batch_tokens(self) -> int:
        """How many tokens, padding included, one call should have at most; a longer row comes alone."""
        ...

    def states(self, rows: Sequence[Row]) -> list[NDArray[np.float32]]:
        """The last hidden states of each row: (T, hidden)."""
        ...

    def sums(self, rows: Sequence[Row], ranges: Sequence[Sequence[TokenRange]]) -> list[NDArray[np.float32]]:
        """(ranges, hidden) for each row: the float32 sums of its states over half-open ranges of its tokens."""
        ...
