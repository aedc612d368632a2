"""Running ahead: work on the next items in threads while the results of the last ones are used."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Ahead(Generic[Item, Result]):
    """Results of `work` in the order of the items, made by so many threads; use it in a `with` statement.

    No item is begun while results of `room` or more (as `size` counts) wait to be taken, so that what is held at
    once is `room` and one result for each thread. An error of `work` is raised where its result would be taken.
    """

    def __init__(
        self,
        items: Iterable[Item],
        work: Callable[[Item], Result],
        *,
        threads: int,
        room: int,
        size: Callable[[Result], int],
    ) -> None:
        self._items, self._work, self._size = iter(items), work, size
        self._room, self._held = room, 0
        self._free = threads
        self._waiting: deque[Future[Result]] = deque()
        self._lock = threading.RLock()  # a thread that has finished an item begins the next one itself
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="ahead")

    def __enter__(self) -> Iterator[Result]:
        self._begin()
        return self._results()

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._items = iter(())
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _results(self) -> Iterator[Result]:
        while self._waiting:
            result = self._waiting[0].result()
            with self._lock:
                self._waiting.popleft()
                self._held -= self._size(result)
                self._begin()
            yield result

    def _begin(self) -> None:
        """Begin as many items as there are free threads and there is room for."""
        with self._lock:
            while self._free and self._held < self._room:
                try:
                    item = next(self._items)
                except StopIteration:
                    return
                self._free -= 1
                self._waiting.append(self._pool.submit(self._run, item))

    def _run(self, item: Item) -> Result:
        held = 0
        try:
            result = self._work(item)
            held = self._size(result)
            return result
        finally:
            with self._lock:
                self._free += 1
                self._held += held
                self._begin()
