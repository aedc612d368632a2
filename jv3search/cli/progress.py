"""Progress bars on stderr, silent when that is no terminal and for what is over in two seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

if TYPE_CHECKING:
    from jv3search.indexes import LedgerRow

_DELAY = 2.0  # seconds before a bar appears


@contextmanager
def counting(total: int | None, what: str, *, beside_results: bool = False) -> Iterator[Callable[[], None]]:
    """A bar over `total` steps; call what it gives after each. None if they cannot be counted beforehand.

    `beside_results`: while results go to stdout, where they are progress enough if that is a terminal too.
    """
    off = True if beside_results and sys.stdout.isatty() else None
    with tqdm(total=total, desc=what, unit="", disable=off, delay=_DELAY, leave=False) as bar:
        yield lambda: _step(bar)


def _step(bar: Any) -> None:
    bar.update(1)


class FileBar:
    """Documents settled, tokens a second, time left."""

    def __init__(self, files: int) -> None:
        self._bar = tqdm(total=files, desc="ingesting", unit="doc", disable=None, leave=False)
        self._began = time.perf_counter()
        self._tokens = 0

    def __enter__(self) -> FileBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def settle(self, row: LedgerRow) -> None:
        """One more file is done with, one way or another."""
        self._bar.update(1)

    def count_tokens(self, tokens: int) -> None:
        """So many more tokens are embedded."""
        self._tokens += tokens
        speed = self._tokens / (time.perf_counter() - self._began)
        self._bar.set_postfix_str(f"{speed:,.0f} tokens/s")
