"""Progress on stderr: a bar for what takes longer than two seconds; a line now and then without a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from jv3search.cli.options import notice

if TYPE_CHECKING:
    from jv3search.indexes import LedgerRow

_DELAY = 2.0  # seconds before a bar appears
_LINE_EVERY = 20.0  # seconds between two lines where stderr is a file or a pipe


class _Lines:
    """The lines where no bar can be drawn."""

    def __init__(self, *, off: bool = False) -> None:
        self._off = off or sys.stderr.isatty()
        self._said = time.perf_counter()

    def say(self, words: str) -> None:
        """Print it if the last line is long enough ago."""
        now = time.perf_counter()
        if not self._off and now - self._said >= _LINE_EVERY:
            self._said = now
            notice(words)


@contextmanager
def counting(total: int | None, what: str, *, beside_results: bool = False) -> Iterator[Callable[[], None]]:
    """A bar over `total` steps; call what it gives after each. None if they cannot be counted beforehand.

    One step has nothing to show. `beside_results`: while results go to stdout, where they are progress enough if
    that is a terminal too.
    """
    if total == 1:
        yield lambda: None
        return
    from tqdm import tqdm  # here, for a tenth of the time of a search from cold

    off = beside_results and sys.stdout.isatty()
    lines, done = _Lines(off=off), 0

    def step() -> None:
        nonlocal done
        done += 1
        bar.update(1)
        if done != total:  # the end says itself
            lines.say(f"{what}: {done:,}" + (f" of {total:,}" if total else ""))

    with tqdm(total=total, desc=what, unit="", disable=off or None, delay=_DELAY, leave=False) as bar:
        yield step


class FileBar:
    """Files finished, tokens a second, time left."""

    def __init__(self, files: int) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=files, desc="ingesting", unit="doc", disable=None, leave=False)
        self._lines = _Lines()
        self._began = time.perf_counter()
        self._files, self._finished, self._tokens = files, 0, 0

    def __enter__(self) -> FileBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def finish(self, row: LedgerRow) -> None:
        """One more file is done with, one way or another."""
        self._finished += 1
        self._bar.update(1)
        self._say()

    def count_tokens(self, tokens: int) -> None:
        """So many more tokens are embedded."""
        self._tokens += tokens
        self._bar.set_postfix_str(f"{self._speed():,.0f} tokens/s")
        self._say()

    def _say(self) -> None:
        self._lines.say(
            f"ingesting: {self._finished:,} of {self._files:,} files, {self._tokens:,} tokens, "
            f"{self._speed():,.0f} tokens/s"
        )

    def _speed(self) -> float:
        return self._tokens / (time.perf_counter() - self._began)
