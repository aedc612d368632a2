"""The training's teacher: its vectors are found by text, survive a kill, and its order of texts can be learned."""

from dataclasses import replace

import numpy as np
import pytest
import torch

settings = pytest.importorskip("training.settings", reason="training/ is not part of the source distribution")


def corpus_of(*texts):
    from training.corpus import Corpus, key

    empty = np.zeros(0, np.int64)
    made = Corpus(*(empty for _ in Corpus.__dataclass_fields__))
    return replace(made, english=np.array([key(text) if text else 0 for text in texts], np.uint64))


@pytest.fixture
def store(tmp_path, monkeypatch):
    from training import teacher

    monkeypatch.setattr(teacher, "KEYS", tmp_path / "keys")
    monkeypatch.setattr(teacher, "ROWS", tmp_path / "rows")
    return teacher


def vectors(*firsts):
    rows = np.zeros((len(firsts), 384), np.float16)
    rows[:, 0] = firsts
    return rows


def test_vectors_are_found_by_the_english_text_of_a_block(store):
    from training.corpus import key

    blocks = corpus_of("tide", "", "moon", "tide", "unread")
    assert not store.Vectors(blocks).knows(np.arange(5)).any()
    store.append(store.ROWS, vectors(1, 2, 99))  # the third row's key was not written any more: killed between
    store.append(store.KEYS, np.array([key("moon"), key("tide")], np.uint64))
    found = store.Vectors(blocks)
    assert found.knows(np.arange(5)).tolist() == [True, False, True, True, False]
    at, rows = found.of(np.array([4, 3, 2, 1]))
    assert at.tolist() == [1, 2]
    assert rows[:, 0].tolist() == [2.0, 1.0]


def test_the_order_of_the_teacher_costs_nothing_when_it_is_ones_own():
    from training.losses import ranking

    torch.manual_seed(3)
    theirs = torch.randn(6, 384)
    ours = torch.zeros(6, 256)
    basis = torch.linalg.qr(theirs.T)[0]  # 384 x 6: cosines among six texts fit into six dimensions
    ours[:, :6] = theirs @ basis
    assert ranking((ours, ours), (theirs, theirs)).item() == pytest.approx(0, abs=1e-4)
    assert ranking((ours, ours), (theirs, theirs), itself=False).item() == pytest.approx(0, abs=1e-4)
    turned = ours.roll(1, dims=0)
    assert ranking((turned, ours), (theirs, theirs)).item() > 1
