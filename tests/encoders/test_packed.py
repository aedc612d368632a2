"""The GPU's engine against the torch engine: on the CPU in float32, and on a GPU where there is one."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from jv3search.encoders.engine import Row
from jv3search.encoders.jina_v3.config import TASKS, read_config
from jv3search.encoders.jina_v3.devices import memory_told, require_device
from jv3search.encoders.jina_v3.packed_attention import ONE_BY_ONE, packed_arguments, packed_attention
from jv3search.encoders.jina_v3.packed_engine import PackedEngine
from jv3search.encoders.jina_v3.recorded import RECORDED_LENGTHS, last_states
from jv3search.encoders.models import load
from jv3search.errors import ModelError
from tests.encoders.conftest import cosines, encoder_on
from tests.encoders.test_jina_v3 import ALL_TASKS, LONG, TEXTS

CPU = torch.device("cpu")
CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
ON = [
    ("cpu", "f32", 0.99999),
    ("cpu", "bf16", 0.999),
    pytest.param("cuda", "f32", 0.99999, marks=CUDA),
    pytest.param("cuda", "bf16", 0.999, marks=CUDA),
    pytest.param("cuda", "f16", 0.9999, marks=CUDA),
]  # bfloat16: the tiny checkpoints are livelier than a real one, whose rows agree to 0.99996


@pytest.fixture(scope="module")
def packed(checkpoints):
    return encoder_on(checkpoints[0], "packed")


@pytest.mark.parametrize("task", ALL_TASKS)
@pytest.mark.parametrize(("device", "precision", "least"), ON)
def test_sums_agree_with_torch(checkpoints, reference, device, precision, least, task):
    """Short rows, which a GPU replays from a record, one of 8,192 tokens, and many of different lengths together."""
    engine = PackedEngine(checkpoints[0], read_config(checkpoints[0]), device, precision)
    words = np.tile(np.array(reference.token_ids(LONG)), 40)
    lengths = [1, 16, 17, 511, 513, 8192] if device == "cuda" else [1, 17, 700]
    rows = [Row(words[length : 2 * length], task) for length in lengths]
    ranges = [[(0, length), (length // 2, length)] for length in lengths]
    expected = np.concatenate(reference._engine.sums(rows, ranges))
    together = engine.sums(rows, ranges)
    alone = [engine.sums([row], [of_row])[0] for row, of_row in zip(rows, ranges, strict=True)]
    assert cosines(np.concatenate(together), expected).min() >= least
    assert cosines(np.concatenate(alone), expected).min() >= least
    assert all(rows.dtype == np.float32 for rows in together)


def test_what_fills_a_row_up_is_not_seen_by_it(packed):
    """A record is made for a fixed length: what is left of it is a second text."""
    ids = torch.tensor(packed.token_ids(TEXTS[0]))
    filled = torch.cat([ids, torch.full((64 - len(ids),), 99)])
    model, length = packed._engine._model("retrieval.query"), len(ids)
    arguments = packed_arguments([64], ONE_BY_ONE, CPU) | {"ends": [0, length, 64]}
    alone = last_states(model, ids[None], packed_arguments([length], ONE_BY_ONE, CPU))
    torch.testing.assert_close(last_states(model, filled[None], arguments)[:length], alone)
    full = packed_arguments([64], ONE_BY_ONE, CPU) | {"ends": [0, 64, 64]}  # nothing to fill up
    torch.testing.assert_close(
        last_states(model, filled[None], full),
        last_states(model, filled[None], packed_arguments([64], ONE_BY_ONE, CPU)),
    )
    assert list(RECORDED_LENGTHS) == sorted(RECORDED_LENGTHS)


def test_callers_learn_how_many_tokens_a_pass_takes(packed, reference):
    """An ingest collects as many, so that a GPU is not half empty."""
    assert (packed.batch_tokens, reference.batch_tokens) == (packed.max_tokens, 4096)


def test_positions_restart_with_each_text():
    arguments = packed_arguments([2, 3], ONE_BY_ONE, CPU)
    assert arguments["position_ids"].tolist() == [[0, 1, 0, 1, 2]]
    assert arguments["ends"] == [0, 2, 5]


def test_an_adapter_is_merged_into_the_layers_and_the_words_are_shared(packed):
    for task in TASKS:
        packed.encode(TEXTS[:1], task)
    models = [packed._engine._model(task) for task in TASKS]
    assert len({model.embeddings.word_embeddings.base.weight.data_ptr() for model in models}) == 1
    assert all(type(model.layers[0].mlp.fc1) is torch.nn.Linear for model in models)
    assert not torch.equal(models[0].layers[0].mlp.fc1.weight, models[1].layers[0].mlp.fc1.weight)


def test_a_cast_model_keeps_the_frequencies_of_its_positions_in_float32(checkpoints):
    engine = PackedEngine(checkpoints[0], read_config(checkpoints[0]), "cpu", "bf16")
    model = engine._model("retrieval.passage")
    assert model.rotary_emb.inv_freq.dtype == torch.float32
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_an_engine_for_gpus_without_one_says_what_to_do(checkpoints):
    what = "sees no GPU: nvidia-smi says" if torch.version.cuda else r"without CUDA: install .*make run GPU=1"
    with pytest.raises(ModelError, match=f"^PyTorch .*{what}.*, or choose the engine openvino$"):
        load(checkpoints[0], engine="cuda")


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="there is a GPU of Apple's")
def test_mps_elsewhere_is_refused():
    with pytest.raises(ModelError, match=r"^PyTorch .* sees no GPU of Apple's"):
        require_device("mps")


def test_full_memory_is_said():
    message = "the memory of the device cpu is full: close what else uses it, or choose the engine openvino"
    with pytest.raises(ModelError, match=message), memory_told(CPU):
        raise torch.OutOfMemoryError


def test_a_kernel_is_for_short_precisions_on_a_gpu_only():
    assert packed_attention(CPU, torch.bfloat16) == ONE_BY_ONE
    assert packed_attention(torch.device("cuda"), torch.float32) == ONE_BY_ONE


def test_the_driver_is_asked_without_torch():
    """CUDA_VISIBLE_DEVICES hides a GPU that there is."""
    code = "import sys; from jv3search.encoders.nvidia import has_nvidia_gpu as has; print(has(), 'torch' in sys.modules)"
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]


def test_without_torch_the_engine_for_gpus_is_refused_with_the_remedy(checkpoints):
    code = f"""if True:
        import sys
        from pathlib import Path
        from jv3search.encoders.models import load
        from jv3search.errors import ModelError
        sys.modules["torch"] = None
        try:
            load(Path({str(checkpoints[0])!r}), engine="cuda")
        except ModelError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("the engine cuda cannot be imported (import of torch halted")
    assert done.stdout.strip().endswith("'pip install jv3search[torch]', or choose the engine openvino")


@CUDA
def test_auto_is_cuda_where_there_is_a_gpu(checkpoints):
    engine = load(checkpoints[0])._engine
    assert (type(engine), engine.precision) == (PackedEngine, "bf16")


@CUDA
@pytest.mark.filterwarnings("default")  # PyTorch's compiler uses what PyTorch deprecates
def test_compiled_layers_agree_with_torch(checkpoints, reference):
    engine = PackedEngine(checkpoints[0], read_config(checkpoints[0]), "cuda", "bf16", compile_seconds=0)
    words = np.tile(np.array(reference.token_ids(LONG)), 40)
    for lengths in ([8192], [100] * 60, [3000, 2000, 1000, 30, 5]):
        rows = [Row(words[:length], "separation") for length in lengths]
        ranges = [[(0, length)] for length in lengths]
        found, expected = (np.concatenate(one.sums(rows, ranges)) for one in (engine, reference._engine))
        assert cosines(found, expected).min() >= 0.999
    assert ("separation", True) in engine._models
