"""What concerns the OpenVINO engine alone: precision, threads, silence, which engine is chosen."""

import os
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest

from jv3search.encoders.engine import Row
from jv3search.encoders.jina_v3.config import read_config
from jv3search.encoders.jina_v3.openvino_engine import OpenVinoEngine, auto_precision, has_amx
from jv3search.encoders.jina_v3.openvino_graph import _shortened
from jv3search.encoders.jina_v3.openvino_runtime import openvino
from jv3search.encoders.models import load, runs_on
from jv3search.errors import ModelError
from tests.encoders.test_jina_v3 import ALL_TASKS, LONG, TEXTS

HAS_AMX = has_amx()
HAS_BF16 = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@pytest.fixture(scope="module")
def ours(checkpoints):
    return load(checkpoints[0], engine="openvino", precision="f32")


@pytest.fixture(scope="module")
def int8(checkpoints):
    return load(checkpoints[0], engine="openvino", precision="int8")


def test_tasks_in_one_batch_are_each_as_alone(ours):
    """One text under six tasks: the gate of a row is no other row's."""
    ids = np.array(ours.token_ids(TEXTS[1]))
    together = ours._engine.states([Row(ids, task) for task in ALL_TASKS])
    for task, states in zip(ALL_TASKS, together, strict=True):
        np.testing.assert_allclose(states, ours.token_states(ids, task), atol=1e-6)


def test_states_stay_as_they_are_when_others_follow(ours):
    first = ours.token_states(ours.token_ids(TEXTS[0]), None)
    kept = first.copy()
    ours.token_states(ours.token_ids(TEXTS[1]), None)
    np.testing.assert_array_equal(first, kept)


def test_every_run_and_every_engine_gives_the_same_bits(ours, checkpoints):
    again = load(checkpoints[0], engine="openvino", precision="f32")
    expected = ours.encode([*TEXTS, LONG], "text-matching")
    for encoder in (ours, again, again, ours):
        np.testing.assert_array_equal(encoder.encode([*TEXTS, LONG], "text-matching"), expected)


def test_threads_at_once_give_the_same_bits_as_one(ours):
    """Texts of several lengths in different order: no thread sees another's input or output."""
    expected = [ours.encode([text], task) for text, task in zip(TEXTS, [*ALL_TASKS, None], strict=True)]
    wrong: list[int] = []

    def work(seed):
        for i in np.random.default_rng(seed).integers(0, len(TEXTS), 40).tolist():
            if not np.array_equal(ours.encode([TEXTS[i]], [*ALL_TASKS, None][i]), expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_number_of_threads_is_the_one_that_was_asked_for(checkpoints):
    engine = OpenVinoEngine(checkpoints[0], read_config(checkpoints[0]), threads=1)
    assert engine._graph.model.get_property("INFERENCE_NUM_THREADS") == 1


def test_the_precision_is_said_whatever_the_cpu_prefers(ours):
    assert ours._engine.precision == "f32"
    assert ours._engine._graph.model.get_property("INFERENCE_PRECISION_HINT").get_type_name() == "f32"


def test_bf16_is_chosen_where_it_is_faster(checkpoints):
    small = read_config(checkpoints[0])
    large = replace(small, sizes=small.sizes | {"vocab_size": 2_000_000})
    assert auto_precision(small) == ("bf16" if HAS_AMX else "f32")
    assert auto_precision(large) == ("bf16" if HAS_BF16 else "f32")


@pytest.mark.skipif(HAS_BF16, reason="this CPU has instructions for bfloat16")
def test_bf16_on_a_cpu_without_it_is_refused(checkpoints):
    with pytest.raises(ModelError, match="no instructions for bf16: use the precision f32"):
        load(checkpoints[0], engine="openvino", precision="bf16")


def test_int8_weights_are_by_option_only_and_the_same_on_every_run(int8, ours):
    """They move a cosine by some thousandths."""
    found = int8.encode([*TEXTS, LONG], "separation")
    assert np.abs(found - ours.encode([*TEXTS, LONG], "separation")).max() > 1e-4
    np.testing.assert_array_equal(found, int8.encode([*TEXTS, LONG], "separation"))


def test_int8_weights_are_rounded_row_by_row():
    """A row of small numbers keeps its own scale beside one of large ones."""
    weight = np.array([[1, -2, 127], [0.001, 0.002, -0.00127], [0, 0, 0]], np.float32)
    model = openvino.Model([_shortened(weight)], [], "weights")
    (found,) = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([]).values()
    np.testing.assert_allclose(found[0], [1, -2, 127], atol=1e-5)
    np.testing.assert_allclose(found[1], weight[1], atol=0.002 / 127 / 2)
    np.testing.assert_array_equal(found[2], 0)


def test_the_precision_of_an_engine(checkpoints):
    folder = checkpoints[0]
    assert runs_on(folder, "openvino") == ("openvino", "bf16" if HAS_AMX else "f32")
    assert runs_on(folder, "auto", "int8") == ("openvino", "int8")
    assert runs_on(folder, "torch") == ("torch", "f32")
    assert runs_on(folder, "cuda") == ("cuda", "bf16")
    assert runs_on(folder, "cuda", "f16") == ("cuda", "f16")
    with pytest.raises(
        ModelError, match=r"the engine torch has no precision 'int8', only f32: choose another engine or precision"
    ):
        runs_on(folder, "torch", "int8")


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_nothing_is_sent_and_nothing_written_to_the_home_folder(checkpoints, tmp_path):
    """OpenVINO comes with telemetry that is on unless switched off; CI would switch it off and hide a mistake."""
    code = f"""if True:
        import os, socket, sys
        for name in ("CI", "TF_BUILD", "JENKINS_URL"):
            os.environ.pop(name, None)
        opened = []
        sys.addaudithook(lambda event, arguments: opened.append(event) if event.startswith("socket.") else None)
        class Refused(socket.socket):
            def __init__(self, *arguments, **options):
                raise AssertionError("a socket")
        socket.socket = Refused
        import threading
        from pathlib import Path
        from jv3search.encoders.models import load, runs_on
        load(Path({str(checkpoints[0])!r}), engine="openvino").encode(["Berlin"], "retrieval.query")
        print(opened, sys.modules.get("openvino_telemetry"), threading.active_count())
    """
    home = tmp_path / "home"
    home.mkdir()
    assert run(code, HOME=str(home), XDG_CACHE_HOME=str(tmp_path)) == "[] None 1"
    assert list(home.iterdir()) == []


def test_auto_is_openvino_where_it_is_and_torch_where_it_is_not(checkpoints):
    code = f"""if True:
        import sys
        from pathlib import Path
        from jv3search.encoders.models import load, runs_on
        from jv3search.errors import ModelError
        folder = Path({str(checkpoints[0])!r})
        print(type(load(folder)._engine).__name__, "torch" in sys.modules)
        for name in [name for name in sys.modules if "openvino" in name]:
            del sys.modules[name]
        sys.modules["openvino"] = None
        print(type(load(folder)._engine).__name__)
        try:
            load(folder, engine="openvino")
        except ModelError as error:
            print(error)
    """
    first, second, third = run(code, CUDA_VISIBLE_DEVICES="").splitlines()
    assert (first, second) == ("OpenVinoEngine False", "TorchEngine")
    assert third.startswith("the engine openvino cannot be imported (")
    assert third.endswith("install it with 'pip install openvino', or choose the engine torch")


def test_without_torch_the_engine_is_openvino_and_torch_is_refused_with_the_remedy(checkpoints):
    code = f"""if True:
        import sys
        from pathlib import Path
        from jv3search.encoders.models import load
        from jv3search.errors import ModelError
        folder = Path({str(checkpoints[0])!r})
        sys.modules['torch'] = None
        print(load(folder).encode(["Berlin", "京都"], "retrieval.query").shape[0])
        try:
            load(folder, engine="torch")
        except ModelError as error:
            print(error)
    """
    first, second = run(code).splitlines()
    assert first == "2"
    assert second.startswith("the engine torch cannot be imported (import of torch halted")
    assert second.endswith("install it with 'pip install jv3search[torch]', or choose the engine openvino")


def test_an_engine_that_does_not_exist(checkpoints):
    with pytest.raises(ModelError, match="no engine 'tpu': choose one of auto, cuda, mps, openvino, torch"):
        load(checkpoints[0], engine="tpu")
