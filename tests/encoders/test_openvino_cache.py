"""Graphs kept for the next start: the same to the bit, told apart, healed, written by several at once."""

from __future__ import annotations

import json
import locale
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from jv3search.encoders.jina_v3 import openvino_engine
from jv3search.encoders.models import load
from tests.encoders.test_jina_v3 import ALL_TASKS, TEXTS


@pytest.fixture
def kept(tmp_path, monkeypatch) -> Path:
    """The folder of kept graphs, empty at first."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "jv3search" / "compiled"


def loaded(folder: Path, **options: object):
    """The embeddings of all texts under all tasks, and whether the graph was a kept one."""
    encoder = load(folder, engine="openvino", **options)
    rows = np.stack([encoder.encode(TEXTS, task) for task in ALL_TASKS])
    return rows, encoder._engine._graph.memory is not None


def names(kept: Path) -> list[str]:
    return sorted(path.suffix for path in kept.iterdir())


def test_the_second_start_takes_the_kept_graph_and_gives_the_same_to_the_bit(checkpoints, kept):
    first, was_kept = loaded(checkpoints[0])
    assert not was_kept
    assert names(kept) == [".blob", ".json"]
    again, was_kept = loaded(checkpoints[0])
    assert was_kept
    np.testing.assert_array_equal(again, first)


def test_what_a_graph_depends_on_tells_it_apart(checkpoints, kept, tmp_path):
    full, _ = loaded(checkpoints[0])
    for options in ({"precision": "int8"}, {"threads": 1}):
        assert not loaded(checkpoints[0], **options)[1]
    assert len(names(kept)) == 6
    changed = shutil.copytree(checkpoints[0], tmp_path / "changed")
    config = json.loads((changed / "config.json").read_text())
    (changed / "config.json").write_text(json.dumps(config | {"layer_norm_eps": 0.1}))
    other, was_kept = loaded(changed)
    assert not was_kept
    assert not np.allclose(other, full, atol=1e-3)
    for path in kept.iterdir():  # and only the graphs used last are kept
        assert path.suffix in {".blob", ".json"}
    assert len(names(kept)) == 8
    assert not loaded(checkpoints[0], threads=2)[1]
    assert names(kept).count(".json") == 4


def flip(blob: Path, note: Path) -> None:
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.chmod(0o600)
    blob.write_bytes(data)


def cut(blob: Path, note: Path) -> None:
    blob.chmod(0o600)
    blob.write_bytes(blob.read_bytes()[:-100])


def lose(blob: Path, note: Path) -> None:
    blob.unlink()


def spoil(blob: Path, note: Path) -> None:
    note.write_text('{"file": "')


def mislead(blob: Path, note: Path) -> None:
    note.write_text(note.read_text().replace('"separation": 4', '"separation": 5'))


@pytest.mark.parametrize("damage", [flip, cut, lose, spoil, mislead])
def test_a_damaged_graph_is_made_again(checkpoints, kept, damage):
    first, _ = loaded(checkpoints[0])
    damage(next(kept.glob("*.blob")), next(kept.glob("*.json")))
    healed, was_kept = loaded(checkpoints[0])
    assert not was_kept
    np.testing.assert_array_equal(healed, first)
    again, was_kept = loaded(checkpoints[0])
    assert was_kept
    np.testing.assert_array_equal(again, first)


def test_several_may_start_at_once(checkpoints, kept):
    before = locale.setlocale(locale.LC_CTYPE)
    with ThreadPoolExecutor(4) as pool:
        results = [rows for rows, _ in pool.map(lambda _: loaded(checkpoints[0]), range(4))]
    for rows in results[1:]:
        np.testing.assert_array_equal(rows, results[0])
    assert names(kept).count(".json") == 1
    assert not list(kept.glob("writing-*"))
    assert loaded(checkpoints[0])[1]
    assert locale.setlocale(locale.LC_CTYPE) == before  # OpenVINO sets it while it writes


def test_without_a_place_to_write_it_is_compiled_each_time(checkpoints, tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file, not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first, _ = loaded(checkpoints[0])
    again, was_kept = loaded(checkpoints[0])
    assert not was_kept
    np.testing.assert_array_equal(again, first)


def test_whoever_waits_for_a_large_model_is_told_why_once(checkpoints, kept, monkeypatch, caplog):
    loaded(checkpoints[0])
    assert caplog.messages == []  # a small one takes no time
    monkeypatch.setattr(openvino_engine, "_LARGE", 1000)
    for _ in range(2):
        loaded(checkpoints[0], precision="f32", threads=1)
    assert caplog.messages == ["hf is compiled for this processor, which takes some seconds, once"]
