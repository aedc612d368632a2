"""Golden values: published numbers for the real weights (opt-in), and what `pull` and `verify` do without them."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from jv3search.encoders.golden import verify, write_golden
from jv3search.encoders.jina_v3.config import TASKS
from jv3search.encoders.models import MINI, checked_hashes, default_model, known_models, load, locate, published
from jv3search.errors import ModelError


@pytest.mark.model
@pytest.mark.skipif(
    "JV3_MODEL_DIR" not in os.environ, reason="JV3_MODEL_DIR names no folder with the real weights"
)
def test_the_real_weights_reproduce_every_published_value():
    checks = list(verify(load(Path(os.environ["JV3_MODEL_DIR"]))))
    assert [check for check in checks if not check.passed] == []
    assert len(checks) >= 17


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_the_bundled_model_reproduces_its_own_values(engine):
    checks = list(verify(load(locate(MINI, Path("absent")), engine=engine, precision="f32")))
    assert [(check.what, check.passed) for check in checks] == [(f"embeddings, {task}", True) for task in TASKS]


def test_the_published_facts_are_complete():
    facts = published()
    assert facts["revision"] == "d18862d9a48706220815554fac3ebb4dfa46fc28"
    assert len(facts["sha256"]) == 15
    assert all(len(digest) == 64 for digest in facts["sha256"].values())
    assert np.array(facts["token_states"]["expected"]["base"]).shape == (3, 9)
    assert facts["token_states"]["expected"]["retrieval.query"][0][:3] == [-1.9765, 0.7356, -0.4414]


def test_values_written_by_one_encoder_are_verified_by_another(hf, original, tmp_path):
    """The original layout must reproduce what the -hf layout wrote, and a wrong number must be found."""
    write_golden(hf, ["Berlin", "東京"], tmp_path)
    golden = json.loads((tmp_path / "golden.json").read_text())
    (original.folder / "golden.json").write_text(json.dumps(golden))
    checks = list(verify(original))
    assert [(check.what, check.passed) for check in checks] == [
        (f"embeddings, {task}", True)
        for task in ("retrieval.query", "retrieval.passage", "separation", "classification", "text-matching")
    ]
    golden["embeddings"]["expected"]["separation"][1][2] += 0.01
    (original.folder / "golden.json").write_text(json.dumps(golden))
    assert [check.what for check in verify(original) if not check.passed] == ["embeddings, separation"]
    (original.folder / "golden.json").unlink()


def test_token_states_and_masks_are_compared_too(hf):
    """The two other forms of published values, on numbers taken from the encoder itself and then changed."""
    ids = hf.token_ids("Berlin ist groß")
    mask = [0] + [1] * (len(ids) - 1)
    states = hf.token_states(ids[1:], "separation")[0:3, 1:4].round(4).tolist()
    plain = hf.token_states(ids, None)[1:4, 1:10].round(4).tolist()
    assert states != hf.token_states(ids, "separation")[1:4, 1:4].round(4).tolist()
    golden = {
        "token_states": {"text": "Berlin ist groß", "tokens": len(ids), "rows": [1, 4], "columns": [1, 10],
                         "tolerance": 1e-4, "expected": {"base": plain}},
        "token_states_by_ids": {"ids": ids, "mask": mask, "rows": [1, 4], "columns": [1, 4],
                                "tolerance": 1e-4, "expected": {"separation": states}},
    }  # fmt: skip
    path = hf.folder / "golden.json"
    path.write_text(json.dumps(golden))
    try:
        assert [check.passed for check in verify(hf)] == [True, True, True]
        golden["token_states"]["tokens"] += 1
        golden["token_states_by_ids"]["expected"]["separation"][0][0] += 0.01
        path.write_text(json.dumps(golden))
        assert [check.passed for check in verify(hf)] == [False, True, False]
    finally:
        path.unlink()


def test_hashes_of_another_model_do_not_fit(checkpoints):
    assert [fits for _, fits in checked_hashes(checkpoints[0])] == [False] * 15


def test_models_by_name_and_folder(checkpoints, tmp_path):
    assert default_model(tmp_path) == "jv3-mini"
    (tmp_path / "jina-embeddings-v3").symlink_to(checkpoints[0])
    assert default_model(tmp_path) == "jina-embeddings-v3"
    assert [model.here for model in known_models(tmp_path)] == [True, True]
    assert locate("jina-embeddings-v3", tmp_path) == tmp_path / "jina-embeddings-v3"
    assert locate(str(checkpoints[1]), tmp_path) == checkpoints[1].resolve()
    with pytest.raises(ModelError, match=r"fetch it with 'jv3search model pull jina-embeddings-v3'"):
        locate("jina-embeddings-v3", tmp_path / "empty")
