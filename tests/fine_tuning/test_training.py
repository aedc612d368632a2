"""Steps of the training on tiny checkpoints in both published layouts, and the copy that is written."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel

from jv3search.encoders.jina_v3.checkpoint import read_checkpoint
from jv3search.encoders.jina_v3.config import TASKS, folder_of, read_config
from jv3search.encoders.jina_v3.stored import widened
from jv3search.encoders.jina_v3.trainable import trainable_adapters
from jv3search.encoders.jina_v3.written import write_copy
from jv3search.encoders.models import load
from jv3search.fine_tuning import training_loop
from jv3search.fine_tuning.negatives import hard_negatives
from jv3search.fine_tuning.pairs import Pairs, Text
from jv3search.fine_tuning.training_loop import Recipe, State, matryoshka, steps_of, train
from jv3search.fine_tuning.training_set import TrainingSet, embedded, training_set_of
from tests.encoders.checkpoints import CORPUS, make_checkpoints
from tests.encoders.conftest import encoder_on

RETRIEVAL = ("retrieval.query", "retrieval.passage")
RECIPE = Recipe(epochs=2, batch=8, rate=1e-2, sizes=(32, 64), seed=3)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> tuple[Path, Path]:
    """(hf layout, original layout) of the same random model."""
    return make_checkpoints(tmp_path_factory.mktemp("tiny"))


def nothing(count, what):
    from contextlib import nullcontext

    return nullcontext(lambda: None)


def sentences():
    """The words of the tiny tokenizer's own corpus, in its scripts: 24 queries, each with its passage."""
    words = " ".join(CORPUS).split()
    passages = tuple(Text(" ".join(words[at : at + 3]), "und") for at in range(0, 72, 3))
    queries = tuple(Text(words[at], "und") for at in range(0, 72, 3))
    return Pairs("sentences", queries, passages, tuple(frozenset({at}) for at in range(24)))


def training_set(folder: Path, tasks=RETRIEVAL) -> TrainingSet:
    encoder, pairs = load(folder, engine="torch"), sentences()
    return training_set_of(pairs, embedded(pairs, encoder, tasks, nothing, "before"), encoder, tasks)


def tuned(folder: Path, state: Path, tasks=RETRIEVAL, on_step=lambda: None, recipe=RECIPE):
    """The adapters after training, by task."""
    adapters = trainable_adapters(folder, read_config(folder), tasks, "cpu")
    data = training_set(folder, tasks)
    train((adapters[tasks[0]], adapters[tasks[1]]), data, recipe, State(state, "tiny"), on_step)
    return {task: adapter.learned() for task, adapter in adapters.items()}


def loss_of(folder: Path, adapters=None) -> float:
    """The loss of the first eight queries against all passages, as the encoder on a folder embeds them."""
    encoder, pairs = load(folder, engine="torch"), sentences()
    queries = torch.from_numpy(encoder.encode([of.text for of in pairs.queries], RETRIEVAL[0]))
    passages = torch.from_numpy(encoder.encode([of.text for of in pairs.passages], RETRIEVAL[1]))
    return float(matryoshka(queries, passages, torch.zeros(24, 24, dtype=torch.bool), (32, 64)))


@pytest.mark.parametrize("layout", [0, 1], ids=["hf", "original"])
def test_a_copy_with_tuned_adapters_is_the_published_layout_and_nothing_else_changed(tiny, tmp_path, layout):
    source, copy = tiny[layout], tmp_path / "copy"
    adapters = tuned(source, tmp_path / "state.pt")
    assert set(adapters) == set(RETRIEVAL)
    write_copy(source, copy, read_config(source), adapters)
    config = read_config(copy)
    before, after = read_checkpoint(source, read_config(source)), read_checkpoint(copy, config)
    assert all(np.array_equal(before.base[name], after.base[name]) for name in before.base)
    for task in TASKS:
        same = [
            np.array_equal(a, b)
            for name in before.adapters[task]
            for a, b in zip(before.adapters[task][name], after.adapters[task][name], strict=True)
        ]
        assert all(same) == (task not in RETRIEVAL), task
        assert (copy / folder_of(task) / "adapter_config.json").is_file()
    assert all(
        np.array_equal(a, b)
        for a, b in zip(
            after.adapters[RETRIEVAL[0]]["layers.0.mlp.fc1"],
            adapters[RETRIEVAL[0]]["layers.0.mlp.fc1"],
            strict=True,
        )
    )
    assert after.adapters[RETRIEVAL[0]]["layers.0.mlp.fc1"][0].dtype == np.uint16  # bfloat16, as published
    assert loss_of(copy) < loss_of(source) - 0.1


def test_every_engine_and_the_library_load_a_tuned_copy_alike(tiny, tmp_path):
    source, copy = tiny[0], tmp_path / "copy"
    write_copy(source, copy, read_config(source), tuned(source, tmp_path / "state.pt"))
    texts = ["Berlin ist die Hauptstadt", "東京は日本の首都です", "القاهرة هي عاصمة مصر"]
    rows = [
        encoder_on(copy, engine).encode(texts, "retrieval.query") for engine in ("torch", "openvino", "packed")
    ]
    assert np.allclose(rows[0], rows[1], atol=1e-4)
    assert np.allclose(rows[0], rows[2], atol=1e-4)
    assert not np.allclose(rows[0], load(source, engine="torch").encode(texts, "retrieval.query"), atol=1e-2)
    library = AutoModel.from_pretrained(copy, dtype=torch.float32).eval()
    library.load_adapter(str(copy), adapter_name="q", adapter_kwargs={"subfolder": "retrieval_query"})
    encoder = load(copy, engine="torch")
    ids = encoder.tokenize(texts[0], "retrieval.query").ids
    with torch.inference_mode():
        states = library(input_ids=torch.from_numpy(ids)[None]).last_hidden_state[0].numpy()
    assert np.allclose(states, encoder.token_states(ids, "retrieval.query"), atol=1e-4)


def test_a_run_that_was_killed_goes_on_to_the_very_same_weights(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(training_loop, "_SAVE_EVERY", 0.0)
    whole = tuned(tiny[0], tmp_path / "whole.pt")
    done = []

    def killed():
        done.append(1)
        if len(done) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tuned(tiny[0], tmp_path / "state.pt", on_step=killed)
    assert torch.load(tmp_path / "state.pt", weights_only=True)["step"] == 4
    resumed = tuned(tiny[0], tmp_path / "state.pt")
    for task in RETRIEVAL:
        for name, pair in whole[task].items():
            assert all(np.array_equal(a, b) for a, b in zip(pair, resumed[task][name], strict=True)), name


def test_the_state_of_another_recipe_is_not_gone_on_from(tiny, tmp_path):
    first = tuned(tiny[0], tmp_path / "state.pt", recipe=Recipe(1, 8, 1e-3, (32, 64), 3))
    again = tuned(tiny[0], tmp_path / "state.pt")
    fresh = tuned(tiny[0], tmp_path / "fresh.pt")
    name = "layers.1.self_attn.q_proj"
    assert np.array_equal(again[RETRIEVAL[0]][name][1], fresh[RETRIEVAL[0]][name][1])
    assert not np.array_equal(first[RETRIEVAL[0]][name][1], fresh[RETRIEVAL[0]][name][1])


def test_one_adapter_learns_both_sides_of_the_other_tasks(tiny, tmp_path):
    adapters = tuned(tiny[0], tmp_path / "state.pt", tasks=("text-matching", "text-matching"))
    before = read_checkpoint(tiny[0], read_config(tiny[0])).adapters["text-matching"]
    assert set(adapters) == {"text-matching"}
    assert not np.array_equal(
        widened(before["layers.0.mlp.fc2"][1]), widened(adapters["text-matching"]["layers.0.mlp.fc2"][1])
    )


def test_a_step_is_that_of_one_large_batch_however_its_texts_are_grouped(tiny, monkeypatch):
    """Gradients by groups are the gradients of the loss over all texts at once."""
    data, folder = training_set(tiny[0]), tiny[0]
    by_groups = trainable_adapters(folder, read_config(folder), RETRIEVAL, "cpu")
    at_once = trainable_adapters(folder, read_config(folder), RETRIEVAL, "cpu")
    monkeypatch.setattr("jv3search.encoders.jina_v3.trainable._USUAL_TOKENS", 24)
    training_loop._backward(tuple(by_groups[task] for task in RETRIEVAL), data, RECIPE, 0)
    queries, passages = training_loop._drawn(data, RECIPE, 0)
    left = at_once[RETRIEVAL[0]].vectors([data.queries[at] for at in queries])
    right = at_once[RETRIEVAL[1]].vectors([data.passages[at] for at in passages])
    matryoshka(left, right, training_loop._known(data, queries, passages), RECIPE.sizes).backward()
    for task in RETRIEVAL:
        for one, other in zip(by_groups[task].parameters(), at_once[task].parameters(), strict=True):
            assert torch.allclose(one.grad, other.grad, atol=1e-5)
    assert all(
        p.grad is None for name, p in by_groups[RETRIEVAL[0]].network.named_parameters() if ".base." in name
    )


def test_the_bfloat16_of_a_gpu_learns_the_same_direction(tiny):
    """On the CPU here: base and products in bfloat16, adapters and sums in float32."""
    data, gradients = training_set(tiny[0]), []
    for bf16 in (False, True):
        adapters = trainable_adapters(tiny[0], read_config(tiny[0]), RETRIEVAL, "cpu", bf16)
        training_loop._backward(tuple(adapters[task] for task in RETRIEVAL), data, RECIPE, 0)
        both = [parameter for task in RETRIEVAL for parameter in adapters[task].parameters()]
        assert {parameter.grad.dtype for parameter in both} == {torch.float32}
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in both]))
    assert float(torch.cosine_similarity(*gradients, dim=0)) > 0.99


def test_hard_negatives_are_near_and_wrong_but_not_nearly_as_near_as_the_right_passage():
    angles = np.radians([0, 40, 2, 60, 90])
    passages = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    query = np.array([[np.cos(np.radians(10)), np.sin(np.radians(10))]], np.float32)
    pairs = Pairs("made", (Text("q", "en"),), tuple(Text(str(n), "en") for n in range(5)), (frozenset({0}),))
    (found,) = hard_negatives(pairs, query, passages)
    assert found.tolist() == [1, 3, 4]  # 2 is nearer than the right one: it may well be right, too


def test_the_loss_forgets_no_size_and_does_not_count_what_belongs_together():
    vectors = torch.eye(4)
    none = torch.zeros(4, 4, dtype=torch.bool)
    assert float(matryoshka(vectors, vectors, none, (4,))) < 1e-6
    # In two dimensions the last two are zero: each of the four is as near to them.
    assert float(matryoshka(vectors, vectors, none, (2, 4))) == pytest.approx(np.log(4) / 4, abs=1e-5)
    copies = torch.ones(2, 4)
    both = torch.tensor([[False, True], [True, False]])
    assert float(matryoshka(copies, copies, both, (4,))) < 1e-6
    assert float(matryoshka(copies, copies, ~both & False, (4,))) == pytest.approx(np.log(2), abs=1e-5)


def test_steps_are_counted_by_the_batch(tiny):
    assert steps_of(training_set(tiny[0]), RECIPE) == 6


def test_a_checkpoint_without_adapters_is_refused_by_name(tiny, tmp_path):
    from jv3search.errors import ModelError

    shutil.copytree(tiny[0], tmp_path / "bare")
    shutil.rmtree(tmp_path / "bare" / "retrieval_query")
    with pytest.raises(ModelError, match=r"retrieval_query.*is missing"):
        trainable_adapters(tmp_path / "bare", read_config(tmp_path / "bare"), RETRIEVAL, "cpu")
