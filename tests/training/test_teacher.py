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
    at, rows = found.places(np.array([4, 3, 2, 1]))
    assert at.tolist() == [1, 2]
    assert found.rows[rows][:, 0].tolist() == [2.0, 1.0]


def test_a_kill_between_rows_and_keys_shifts_nothing_on_either_device(store, monkeypatch):
    from training.corpus import key

    def read(texts):
        return vectors(*(len(text) for text in texts))

    for device, reader in (("cpu", "on_cpu"), ("cuda", "on_gpu")):
        for path in (store.KEYS, store.ROWS):
            path.unlink(missing_ok=True)
        store.append(store.ROWS, vectors(4, 99))  # the second row's key was not written any more
        store.append(store.KEYS, np.array([key("moon")], np.uint64))
        monkeypatch.setattr(store, reader, lambda *_: read)
        monkeypatch.setattr(store, "missing", lambda: ["high tide"])
        store.compute(1, device)
        found = store.Vectors(corpus_of("high tide", "moon"))
        assert found.rows[found.row_of][:, 0].tolist() == [9.0, 4.0]


def test_texts_read_in_groups_have_the_teachers_vectors_of_texts_read_alone():
    from transformers import BertConfig, BertModel

    from training.teacher import mean_states

    torch.manual_seed(0)
    model = BertModel(
        BertConfig(vocab_size=500, hidden_size=384, num_hidden_layers=2, num_attention_heads=12)
    ).eval()
    chance = np.random.default_rng(0)
    rows = [chance.integers(1, 500, size).astype(np.uint16) for size in (3, 40, 7, 128)]
    found = mean_states(model, rows).astype(np.float32)
    with torch.inference_mode():
        for row, vector in zip(rows, found, strict=True):
            alone = model(torch.from_numpy(row.astype(np.int64))[None]).last_hidden_state.mean(1)
            assert torch.nn.functional.normalize(alone).numpy()[0] @ vector > 0.9999


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
