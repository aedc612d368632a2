"""Work ahead of its use, and writes behind it: order, bounds, errors."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from functools import partial

import pytest

from jv3search.errors import StorageError
from jv3search.indexes import LedgerRow
from jv3search.ingest.ahead import Ahead
from jv3search.ingest.behind import Behind

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def row(uri: str) -> LedgerRow:
    return LedgerRow(uri, "", "done", NOW)


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_order_and_the_threads_run_at_once(threads):
    together = threading.Barrier(threads)

    def work(number: int) -> int:
        if number < threads:
            together.wait(timeout=10)  # only reached by as many threads at once
        time.sleep(0.002 * (number % 3))
        return number

    with Ahead(range(40), work, threads=threads, room=10**6, size=lambda number: 1) as results:
        assert list(results) == list(range(40))
    with Ahead([], work, threads=threads, room=1, size=lambda number: 1) as results:
        assert list(results) == []


def test_no_more_is_made_than_there_is_room_for():
    made: list[int] = []
    with Ahead(range(30), lambda n: made.append(n) or n, threads=2, room=50, size=lambda n: 20) as results:
        for number in results:
            time.sleep(0.005)
            assert len(made) <= number + 1 + 3 + 2  # taken, those that fill 50 bytes, one more a thread
    assert made == list(range(30))


def test_a_result_larger_than_the_room_passes_alone():
    with Ahead(range(5), lambda n: n, threads=2, room=10, size=lambda n: 1000) as results:
        assert list(results) == [0, 1, 2, 3, 4]


def test_an_error_is_raised_where_its_result_would_be_and_no_item_is_begun_afterwards():
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 3:
            raise StorageError("three")
        return number

    taken = []
    with (
        pytest.raises(StorageError, match="three"),
        Ahead(range(1000), work, threads=1, room=4, size=lambda n: 1) as results,
    ):
        for number in results:
            taken.append(number)
    assert taken == [0, 1, 2]
    after = len(begun)
    assert after < 12
    time.sleep(0.02)
    assert len(begun) == after


def test_writes_are_in_order_and_reported_by_the_caller_once_they_are_done():
    written: list[str] = []
    told: list[tuple[str, int]] = []

    def finished(done: LedgerRow) -> None:
        assert done.uri in written
        told.append((done.uri, threading.get_ident()))

    with Behind(finished) as storing:
        for name in ("größe", "資料", "خريطة"):
            storing.add(partial(written.append, name), row(name))
        storing.settle()
        assert written == ["größe", "資料", "خريطة"]
        storing.add(partial(written.append, "last"), row("last"))
    assert told == [(name, threading.get_ident()) for name in ("größe", "資料", "خريطة", "last")]


def test_after_an_error_nothing_more_is_written_or_reported():
    written: list[str] = []
    told: list[str] = []

    def full() -> None:
        raise StorageError("the disk is full")

    with pytest.raises(StorageError, match="disk is full"), Behind(lambda done: told.append(done.uri)) as storing:
        storing.add(partial(written.append, "a"), row("a"))
        storing.add(full, row("b"))
        storing.add(partial(written.append, "c"), row("c"))
        time.sleep(0.05)  # the thread would have written it by now
        storing.settle()
    assert (written, told) == (["a"], ["a"])
