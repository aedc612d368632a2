"""The loader is strict: whatever would load silently wrong is refused with the reason."""

import json
import os
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from jv3search.encoders.jina_v3.digest import weights_digest
from jv3search.encoders.jina_v3.stored import read_tensors, widened
from jv3search.encoders.models import load
from jv3search.errors import ModelError


@pytest.fixture(params=["hf", "original"])
def copy(request, checkpoints, tmp_path):
    """A checkpoint that a test may damage, in each layout."""
    source = checkpoints[0] if request.param == "hf" else checkpoints[1]
    return shutil.copytree(source, tmp_path / request.param)


@pytest.fixture
def hf_copy(checkpoints, tmp_path):
    return shutil.copytree(checkpoints[0], tmp_path / "hf")


def change_weights(folder, change):
    path = folder / "model.safetensors"
    state = load_file(path)
    change(state)
    save_file(state, path)


def change_json(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def load_and_use(folder):
    load(folder).encode(["Berlin"], "retrieval.query")


def a_key(state, part):
    return next(key for key in state if part in key and "lora" not in key)


def test_a_missing_tensor(copy):
    change_weights(copy, lambda state: state.pop(a_key(state, "layers.1.mlp.fc1.")))
    with pytest.raises(ModelError, match=r"lacks 1 tensors, first layers\.1\.mlp\.fc1"):
        load_and_use(copy)


def test_a_tensor_too_many(copy):
    change_weights(copy, lambda state: state.update({"lm_head.bias": torch.zeros(3)}))
    with pytest.raises(ModelError, match=r"does not know, first lm_head\.bias"):
        load_and_use(copy)


def test_a_tensor_of_another_shape(copy):
    def cut(state):
        key = a_key(state, "layers.0.mlp.fc2.")
        state[key] = state[key][:-1].clone()

    change_weights(copy, cut)
    with pytest.raises(ModelError, match=r"has the shape \(63"):
        load_and_use(copy)


def test_an_adapter_of_another_shape(hf_copy):
    path = hf_copy / "retrieval_query" / "adapter_model.safetensors"
    state = load_file(path)
    key = next(key for key in state if "layers.0.mlp.fc1.lora_A" in key)
    save_file(state | {key: state[key][:, :-1].clone()}, path)
    with pytest.raises(ModelError, match="maps 63 to 128, the base 64 to 128"):
        load_and_use(hf_copy)


def test_an_adapter_with_half_a_pair(hf_copy):
    path = hf_copy / "separation" / "adapter_model.safetensors"
    state = load_file(path)
    state.pop(next(key for key in state if "layers.0.mlp.fc1.lora_A" in key))
    save_file(state, path)
    with pytest.raises(ModelError, match=r"separation: layers\.0\.mlp\.fc1 has only one"):
        load_and_use(hf_copy)


def test_an_adapter_that_is_not_there(hf_copy):
    shutil.rmtree(hf_copy / "classification")
    with pytest.raises(ModelError, match=r"classification.*is missing"):
        load_and_use(hf_copy)


def test_a_bank_without_its_partner(checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints[1], tmp_path / "original")
    change_weights(
        folder, lambda s: s.pop(next(k for k in s if k.endswith("fc1.parametrizations.weight.0.lora_B")))
    )
    with pytest.raises(ModelError, match="but not encoder"):
        load_and_use(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rotary_emb_base": 10000.0}, "rotary_emb_base is 10000.0; only 20000.0"),
        ({"position_embedding_type": "absolute"}, "position_embedding_type is 'absolute'"),
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 20000.0}}, "rope_parameters"),
        ({"hidden_act": "relu"}, "hidden_act is 'relu'"),
        ({"lora_alpha": 8}, "LoRA scaling is 8/4; only 0.25"),
        ({"late_chunking_context": "page"}, "late_chunking_context is 'page'; it can be document or section"),
        ({"lora_adaptations": ["separation"]}, "lora_adaptations"),
        ({"task_instructions": {"retrieval.query": ""}}, "task_instructions"),
    ],
)
def test_a_config_that_would_change_the_arithmetic(copy, change, message):
    change_json(copy / "config.json", **change)
    with pytest.raises(ModelError, match=message):
        load_and_use(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lora_alpha": 2}, "LoRA scaling is 2/4"),
        ({"use_dora": True}, "use_dora is True"),
        ({"use_rslora": True}, "use_rslora is True"),
        ({"peft_type": "IA3"}, "peft_type is 'IA3'"),
        ({"rank_pattern": {"fc1": 8}}, "rank_pattern"),
        ({"bias": "all"}, "bias is 'all'"),
    ],
)
def test_an_adapter_that_is_no_plain_lora(hf_copy, change, message):
    change_json(hf_copy / "text_matching" / "adapter_config.json", **change)
    with pytest.raises(ModelError, match=message):
        load_and_use(hf_copy)


def test_damaged_and_missing_files(copy):
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"model\.safetensors is damaged"):
        load_and_use(copy)
    weights.unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors is missing"):
        load_and_use(copy)
    (copy / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot be read as a tokenizer"):
        load_and_use(copy)
    (copy / "config.json").write_text("[1]")
    with pytest.raises(ModelError, match="holds a list, not a JSON object"):
        load_and_use(copy)


def test_the_digest_tells_one_changed_number(hf_copy):
    before = weights_digest(hf_copy)

    def nudge(state):
        state[a_key(state, "layers.0.mlp.fc1.bias")][0] += 1

    change_weights(hf_copy, nudge)
    assert weights_digest(hf_copy) != before


def test_the_digest_is_remembered_while_the_files_stay_as_they_are(hf_copy, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cache = tmp_path / "cache" / "jv3search" / "weights.json"
    for path in hf_copy.rglob("*.*"):
        os.utime(path, (1e9, 1e9))
    digest = weights_digest(hf_copy)
    ((state, kept),) = json.loads(cache.read_text()).items()
    assert kept == digest
    cache.write_text(json.dumps({state: "remembered"}))
    assert weights_digest(hf_copy) == "remembered"  # nothing was hashed
    os.utime(hf_copy / "config.json", (2e9, 2e9))
    assert weights_digest(hf_copy) == digest
    assert "remembered" in cache.read_text()  # written a moment ago, or in the future: it may change unseen
    cache.write_text("[broken")
    os.utime(hf_copy / "config.json", (1e9, 1e9))
    assert weights_digest(hf_copy) == digest


def test_a_sharded_checkpoint_is_one_checkpoint(checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints[0], tmp_path / "sharded")
    state = load_file(folder / "model.safetensors")
    keys = sorted(state)
    (folder / "model.safetensors").unlink()
    parts = {"a.safetensors": keys[:9], "b.safetensors": keys[9:]}
    for name, part in parts.items():
        save_file({key: state[key] for key in part}, folder / name)
    index = {"weight_map": {key: name for name, part in parts.items() for key in part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    whole = load(checkpoints[0]).encode(["東京は日本の首都です。"], "separation")
    assert (load(folder).encode(["東京は日本の首都です。"], "separation") == whole).all()


@pytest.mark.parametrize("layout", [0, 1])
@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_the_same_numbers_may_be_stored_in_float32(checkpoints, tmp_path, layout, engine):
    folder = shutil.copytree(checkpoints[layout], tmp_path / "float32")
    for path in folder.rglob("*.safetensors"):
        save_file({key: tensor.float() for key, tensor in load_file(path).items()}, path)
    expected = load(checkpoints[layout], engine=engine).encode(["กรุงเทพมหานคร", "Paris"], "classification")
    found = load(folder, engine=engine).encode(["กรุงเทพมหานคร", "Paris"], "classification")
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_tensors_are_read_bit_by_bit_as_torch_reads_them(tmp_path, dtype):
    numbers = [0.0, -0.0, 1.0, -2.5, 1e-7, 65504.0, 3.1415926, float("inf")]
    tensor = torch.tensor(numbers).to(dtype).reshape(2, 4)
    save_file({"a": tensor, "empty": tensor[:0]}, tmp_path / "a.safetensors", metadata={"format": "pt"})
    read = read_tensors(tmp_path / "a.safetensors")
    assert read["empty"].shape == (0, 4)
    np.testing.assert_array_equal(widened(read["a"]).view(np.uint32), tensor.float().numpy().view(np.uint32))


def test_tensors_of_whole_numbers_are_refused(copy):
    change_weights(copy, lambda state: state.update({"emb_ln.bias": torch.zeros(64, dtype=torch.int64)}))
    with pytest.raises(ModelError, match=r"emb_ln\.bias is of type I64; only F32, F16, BF16 are supported"):
        load_and_use(copy)


def test_an_adapter_of_two_ranks(hf_copy):
    path = hf_copy / "separation" / "adapter_model.safetensors"
    state = load_file(path)
    stem = next(key for key in state if "layers.0.mlp.fc1.lora_A" in key).removesuffix("A.weight")
    pair = {f"{stem}A.weight": state[f"{stem}A.weight"][:3], f"{stem}B.weight": state[f"{stem}B.weight"][:, :3]}
    save_file(state | {key: tensor.contiguous() for key, tensor in pair.items()}, path)
    with pytest.raises(ModelError, match=r"layers\.0\.mlp\.fc1 has rank 3, its word embeddings have 4"):
        load_and_use(hf_copy)
