"""The encoder on tiny checkpoints of the published layouts: values, not shapes."""

import os
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
import torch
from transformers import AutoModel
from transformers.utils import logging

from jv3search.encoders.engine import Row
from jv3search.encoders.jina_v3.config import TASKS, folder_of
from jv3search.encoders.jina_v3.digest import weights_digest
from jv3search.encoders.late_chunking import token_ranges
from jv3search.encoders.models import load
from jv3search.errors import InputError
from jv3search.types import Span

TEXTS = [
    "Berlin is the capital and largest city of Germany.",
    "北京是中国的首都。它是一座历史悠久的城市。",
    "Москва — столица России. " * 6,
    "Paris",
    "القاهرة هي عاصمة مصر. مدينة كبيرة جدا.",
    "दिल्ली भारत की राजधानी है। यह एक बड़ा शहर है।",
    "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย",
]
LONG = " ".join(TEXTS * 3)
ALL_TASKS = [None, *TASKS]


@pytest.mark.parametrize("task", ALL_TASKS)
def test_both_layouts_give_bit_identical_vectors(hf, original, task):
    np.testing.assert_array_equal(hf.encode(TEXTS, task), original.encode(TEXTS, task))
    assert weights_digest(hf.folder) != weights_digest(original.folder)  # other files all the same


def test_both_layouts_chunk_late_alike(hf, original):
    spans = [Span(0, 40), Span(40, len(LONG))]
    np.testing.assert_array_equal(hf.encode_document(LONG, spans), original.encode_document(LONG, spans))


def test_the_native_model_with_peft_agrees(hf, checkpoints):
    """Token states within 5e-5 of transformers + PEFT, for the base and for every task."""
    logging.set_verbosity_error()
    reference = AutoModel.from_pretrained(checkpoints[0], dtype=torch.float32).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for task in TASKS:
            name = folder_of(task)
            reference.load_adapter(str(checkpoints[0]), adapter_name=name, adapter_kwargs={"subfolder": name})
    ids = hf.token_ids(LONG)
    for task in TASKS:
        reference.set_adapter(folder_of(task))
        with torch.inference_mode():
            expected = reference(input_ids=torch.tensor([ids])).last_hidden_state[0].numpy()
        np.testing.assert_allclose(hf.token_states(ids, task), expected, atol=5e-5)
        with torch.inference_mode():  # how `verify` checks values that were published with a token hidden
            mask = torch.tensor([[0] + [1] * (len(ids) - 1)])
            expected = reference(input_ids=torch.tensor([ids]), attention_mask=mask).last_hidden_state[0].numpy()
        np.testing.assert_allclose(hf.token_states(ids[1:], task), expected[1:], atol=5e-5)
    reference.disable_adapters()
    with torch.inference_mode():
        expected = reference(input_ids=torch.tensor([ids])).last_hidden_state[0].numpy()
    np.testing.assert_allclose(hf.token_states(ids, None), expected, atol=5e-5)


def test_every_task_is_its_own_embedding(hf):
    vectors = [hf.encode(TEXTS[:1], task)[0] for task in ALL_TASKS]
    for i, vector in enumerate(vectors):
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
        assert all(float(vector @ other) < 0.999 for other in vectors[:i])


def test_an_embedding_is_the_mean_of_all_token_states_under_the_instruction(hf):
    instruction = hf.config.instructions["retrieval.query"]
    states = hf.token_states(hf.token_ids(instruction + TEXTS[0]), "retrieval.query")
    mean = states.mean(axis=0)
    np.testing.assert_allclose(hf.encode_query(TEXTS[0]), mean / np.linalg.norm(mean), atol=1e-6)


def test_padding_and_batch_composition_change_nothing(hf):
    together = hf.encode(TEXTS, "retrieval.passage")
    alone = np.concatenate([hf.encode([text], "retrieval.passage") for text in TEXTS])
    assert (together * alone).sum(axis=1).min() >= 0.999999
    backwards = hf.encode(TEXTS[::-1], "retrieval.passage")[::-1]
    assert (together * backwards).sum(axis=1).min() >= 0.999999


@pytest.mark.parametrize("dimension", [1, 32, 33, 64])
def test_a_smaller_dimension_is_cut_first_and_normalised_after(hf, dimension):
    full = hf.encode(TEXTS, "retrieval.passage")
    cut = full[:, :dimension] / np.linalg.norm(full[:, :dimension], axis=1, keepdims=True)
    np.testing.assert_allclose(hf.encode(TEXTS, "retrieval.passage", dimension=dimension), cut, atol=1e-5)
    late = hf.encode_document(LONG, [Span(0, 9), Span(9, 90)], dimension=dimension)
    assert np.linalg.norm(late, axis=1) == pytest.approx([1, 1], abs=1e-6)


@pytest.mark.parametrize("text", [*TEXTS, LONG])
def test_one_chunk_over_everything_is_the_plain_embedding(hf, text):
    whole = hf.encode_document(text, [Span(0, len(text))])[0]
    np.testing.assert_allclose(whole, hf.encode([text], "retrieval.passage")[0], atol=1e-6)


def test_a_late_chunk_is_the_mean_of_its_own_states_in_context(hf):
    """Pooled by hand from the states of the whole text, the specials where the reference has them."""
    text = "Berlin is the capital of Germany. Paris est la capitale de la France."
    border = text.index("Paris")
    tokens = hf.tokenize(text)
    states = hf.token_states(tokens.ids.tolist(), "retrieval.passage")
    middle = tokens.first + int(np.searchsorted(tokens.starts, border))
    by_hand = np.stack([states[:middle].mean(axis=0), states[middle:].mean(axis=0)])
    by_hand /= np.linalg.norm(by_hand, axis=1, keepdims=True)
    late = hf.encode_document(text, [Span(0, border), Span(border, len(text))])
    np.testing.assert_allclose(late, by_hand, atol=1e-6)
    naive = hf.encode([text[:border], text[border:]], "retrieval.passage")
    assert (late * naive).sum(axis=1).max() < 0.9999  # context makes a difference


def test_a_long_text_is_run_in_overlapping_windows(small_window):
    """64 tokens at a time with an overlap of 4, pooled from the states that the windows keep."""
    encoder = small_window
    tokens = encoder.tokenize(LONG)
    assert len(tokens) > 3 * encoder.max_tokens == 3 * 64
    ids, kept, start = tokens.ids.tolist(), [], 0
    while True:
        states = encoder.token_states(ids[start : start + 64], "retrieval.passage")
        kept.append(states if start == 0 else states[4:])
        if start + 64 >= len(ids):
            break
        start += 60
    states = np.concatenate(kept)
    assert len(states) == len(ids)
    border = len(LONG) // 2
    middle = tokens.first + int(np.searchsorted(tokens.starts, border))
    by_hand = np.stack([states[:middle].mean(axis=0), states[middle:].mean(axis=0)])
    by_hand /= np.linalg.norm(by_hand, axis=1, keepdims=True)
    late = encoder.encode_document(LONG, [Span(0, border), Span(border, len(LONG))])
    assert (late * by_hand).sum(axis=1).min() > 0.9999


def test_documents_come_back_in_the_order_they_were_given(hf):
    documents = [TEXTS[3], LONG, TEXTS[1], TEXTS[0]]
    passages = [(hf.tokenize(text), [Span(0, 5), Span(5, len(text))] if len(text) > 5 else [Span(0, 5)])
                for text in documents]  # fmt: skip
    seen: list[int] = []
    ranges = [(tokens, token_ranges(tokens, spans)) for tokens, spans in passages]
    together = hf.encode_documents(ranges, on_tokens=seen.append)
    assert sum(seen) == sum(len(tokens) for tokens, _ in passages)
    for (tokens, spans), rows in zip(passages, together, strict=True):
        alone = hf.encode_document(tokens.text, spans)
        assert (rows * alone).sum(axis=1).min() >= 0.999999


def test_four_threads_on_two_tasks_give_no_wrong_vector(hf):
    expected = {task: hf.encode(TEXTS[:1], task)[0] for task in ("retrieval.query", "retrieval.passage")}
    assert float(expected["retrieval.query"] @ expected["retrieval.passage"]) < 0.99
    wrong: list[str] = []

    def work(task):
        for _ in range(40):
            if not np.allclose(hf.encode(TEXTS[:1], task)[0], expected[task], atol=1e-6):
                wrong.append(task)

    threads = [threading.Thread(target=work, args=(task,)) for task in expected for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_threads_that_wait_sleep():
    """Spinning, they would take the cores of other processes: OpenMP itself says what it was told in time."""
    code = """if True:
        from pathlib import Path
        from jv3search.encoders.models import MINI, load, locate
        load(locate(MINI, Path()), engine="torch")
    """
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    told = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"OMP_DISPLAY_ENV": "TRUE"},
        check=True, capture_output=True, text=True,
    ).stderr  # fmt: skip
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in told


def test_rows_of_several_tasks_in_one_call_give_what_each_gives_alone(hf):
    """What a protocol for engines promises: any tasks and lengths together, states and sums in the rows' order."""
    rows = [Row(np.array(hf.token_ids(text)), task) for text in TEXTS[:4] for task in ALL_TASKS]
    alone = [hf.token_states(row.ids.tolist(), row.task) for row in rows]
    for states, expected in zip(hf._engine.states(rows), alone, strict=True):
        np.testing.assert_allclose(states, expected, atol=2e-5)
    sums = hf._engine.sums(rows, [[(0, 2), (1, len(row.ids))] for row in rows])
    for found, expected in zip(sums, alone, strict=True):
        assert found.dtype == np.float32
        by_hand = np.stack([expected[:2].sum(axis=0), expected[1:].sum(axis=0)])
        np.testing.assert_allclose(found, by_hand, atol=1e-3)
    assert np.abs(alone[0] - alone[1]).max() > 0.01  # the tasks differ


def test_views_share_the_base(checkpoints):
    hf = load(checkpoints[0], engine="torch")
    tables = {hf._engine._view(task).embeddings.word_embeddings.base.weight.data_ptr() for task in TASKS}
    assert len(tables) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda e: e.encode_query("  "), "empty or blank"),
        (lambda e: e.encode(["x"], "retrieval"), "no task 'retrieval'; choose one of retrieval.query"),
        (lambda e: e.encode(["x"], None, dimension=0), r"dimension 0 is not in 1\.\.64"),
        (lambda e: e.encode(["x"], None, dimension=4096), r"dimension 4096 is not in 1\.\.64"),
        (lambda e: e.encode_query("bad \udcff bytes"), "is not valid Unicode"),
        (lambda e: e.encode_query("a " * 9000), "tokens, the model reads 8,192"),
        (lambda e: e.encode_query("a" * 100_000_000), "100,000,000 characters"),
    ],
)
def test_input_that_cannot_be_embedded_is_refused(hf, call, message):
    with pytest.raises(InputError, match=message):
        call(hf)


def test_no_texts_give_no_rows(hf):
    assert hf.encode([], "retrieval.passage", dimension=32).shape == (0, 32)


def test_token_states_of_a_text_are_its_own_tokens_in_context(hf):
    """Without <s>, the instruction and </s>; the same in a batch as alone; `encode` is the mean with them."""
    for text, found in zip(TEXTS, hf.encode_tokens(TEXTS, "retrieval.passage"), strict=True):
        tokens = hf.tokenize(text)
        alone = hf.token_states(tokens.ids.tolist(), "retrieval.passage")
        np.testing.assert_allclose(found.states, alone[tokens.first : tokens.last], atol=2e-5)
        np.testing.assert_array_equal(found.offsets, tokens.offsets[tokens.first : tokens.last])
        assert found.offsets[0, 0] == 0
        assert found.offsets[-1, 1] == len(text.rstrip())
    (mean,) = hf.encode(["Paris"], "text-matching")
    (paris,) = hf.encode_tokens(["Paris"], "text-matching")
    ends = hf.token_states(hf.token_ids("Paris"), "text-matching")[[0, -1]]
    whole = np.concatenate([ends, paris.states]).mean(axis=0)
    np.testing.assert_allclose(mean, whole / np.linalg.norm(whole), atol=2e-5)


def test_token_states_of_a_text_longer_than_the_window_come_once_and_in_order(small_window):
    (found,) = small_window.encode_tokens([LONG], "retrieval.passage")
    tokens = small_window.tokenize(LONG)
    assert len(found.states) == tokens.last - tokens.first > 300
    window = small_window.token_states(tokens.ids[:64].tolist(), "retrieval.passage")
    np.testing.assert_allclose(found.states[: 64 - tokens.first], window[tokens.first :], atol=2e-5)
    pooled = small_window.encode_document(
        LONG, [Span(0, 20), Span(20, len(LONG) - 20), Span(len(LONG) - 20, len(LONG))]
    )
    starts = found.offsets[:, 0]
    middle = found.states[(starts >= 20) & (starts < len(LONG) - 20)].mean(axis=0)
    np.testing.assert_allclose(pooled[1], middle / np.linalg.norm(middle), atol=1e-3)


def test_token_states_of_a_blank_text_are_none(hf):
    (found,) = hf.encode_tokens([" "], "retrieval.query")
    assert found.states.shape == (0, hf.dimension)
    assert hf.encode_tokens([], "retrieval.query") == []
