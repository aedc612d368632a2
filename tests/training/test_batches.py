"""Batches that processes draw ahead are those of as many streams, from the step on that was asked for."""

import multiprocessing
from dataclasses import dataclass, field

import numpy as np
import pytest

settings = pytest.importorskip("training.settings", reason="training/ is not part of the source distribution")


@dataclass
class Numbers:
    """Data that is nothing but chance."""

    chance: np.random.Generator = field(default_factory=np.random.default_rng)

    def reseeded(self, seed):
        return Numbers(np.random.default_rng(seed))


def draw(data, step):
    return step, int(data.chance.integers(1 << 30))


def first(batches, number):
    return [next(batches) for _ in range(number)]


def test_without_readers_a_stream_begins_anew_at_the_step_where_it_was_left():
    from training.batches import stream

    drawn = first(stream(Numbers(), draw, 20, 500, 0), 4)
    assert [step for step, _ in drawn] == [500, 501, 502, 503]
    assert drawn == first(stream(Numbers(), draw, 20, 500, 0), 4)
    assert drawn != first(stream(Numbers(), draw, 21, 500, 0), 4)


def test_readers_draw_every_step_once_each_by_a_chance_of_its_own(monkeypatch):
    from training import batches

    monkeypatch.setattr(batches.os, "cpu_count", lambda: 5)
    drawn = first(batches.stream(Numbers(), draw, 20, 500, 14), 30)  # three readers: two cores are left alone
    for process in multiprocessing.active_children():
        process.join()  # they end with their stream
    for reader in range(3):
        mine = [found for found in drawn if (found[0] - 500) % 3 == reader]
        assert [step for step, _ in mine] == list(range(500 + reader, 500 + reader + 3 * len(mine), 3))
        alone = first(batches.stream(Numbers(), draw, 20, 500 + reader, 0), len(mine))
        assert [number for _, number in mine] == [number for _, number in alone]


def test_a_device_has_its_size():
    assert settings.size_for("cuda:1") is settings.GPU
    assert settings.size_for("cpu") is settings.CPU
