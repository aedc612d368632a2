"""Writing behind: what is done is stored in a thread of its own, in order, while the next is worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from jv3search.indexes import LedgerRow


class Behind:
    """Writes one after the other; `finished` is told the row of each in the caller's thread, once it is written.

    Use it in a `with` statement, which waits for the last write; after an error, only for the one in hand.
    """

    def __init__(self, finished: Callable[[LedgerRow], None]) -> None:
        self._finished = finished
        self._waiting: deque[tuple[Future[None], LedgerRow]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._failed = False

    def add(self, write: Callable[[], None], row: LedgerRow) -> None:
        """Have something written after what was added before, unless that fails."""
        self._waiting.append((self._thread.submit(self._write, write), row))

    def settle(self) -> None:
        """Wait until everything added is written; the error of a write is raised here."""
        while self._waiting:
            future, row = self._waiting[0]
            future.result()
            self._waiting.popleft()
            self._finished(row)

    def _write(self, write: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            write()
        except BaseException:
            self._failed = True
            raise

    def __enter__(self) -> Behind:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.settle()
        finally:
            self._thread.shutdown(cancel_futures=True)
