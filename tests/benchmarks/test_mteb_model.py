"""The encoder as a model of mteb: a tiny local task of each kind, without a hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.mteb_model import MtebModel, adapter_for
from jv3search.errors import ConfigError, InputError

TASKS = Path(__file__).parent / "mteb_tasks.py"


@pytest.mark.parametrize(
    ("task", "side", "adapter"),
    [
        ("Retrieval", "query", "retrieval.query"),
        ("Retrieval", "document", "retrieval.passage"),
        ("InstructionRetrieval", "query", "retrieval.query"),
        ("Reranking", "query", "separation"),
        ("Clustering", None, "separation"),
        ("Classification", None, "classification"),
        ("MultilabelClassification", None, "classification"),
        ("PairClassification", None, "classification"),
        ("STS", None, "text-matching"),
        ("BitextMining", None, "text-matching"),
    ],
)
def test_the_adapter_follows_from_the_task(task, side, adapter):
    assert adapter_for(task, side) == adapter


def test_what_no_adapter_fits_is_an_error():
    with pytest.raises(InputError, match="type ImageClustering is not one of text"):
        adapter_for("ImageClustering", None)
    with pytest.raises(InputError, match="queries or documents, not None"):
        adapter_for("Retrieval", None)


def test_a_dimension_or_device_that_is_not_there():
    with pytest.raises(InputError, match="dimension 300 is not in 1"):
        MtebModel("jv3-mini", dimension=300)
    with pytest.raises(ConfigError, match="device 'cuda'"):
        MtebModel("jv3-mini", device="cuda")


def test_rows_are_those_of_the_encoder(mini, caplog):
    class Metadata:
        type = "STS"

    texts = ["Der Drucker druckt nicht.", " ", "プリンターが動きません。"]
    long = "слово " * 20_000
    rows = MtebModel("jv3-mini", dimension=64).encode(
        [{"text": texts[:2]}, {"text": [texts[2], long]}], task_metadata=Metadata
    )
    expected = mini.encode([texts[0], texts[2]], "text-matching", dimension=64)
    np.testing.assert_allclose(rows[[0, 2]], expected, atol=1e-5)
    assert not rows[1].any()
    assert np.linalg.norm(rows[3]) == pytest.approx(1, abs=1e-5)
    assert "1 of 3 texts are longer than the model's window" in caplog.text


def test_mteb_runs_it_on_local_tasks(tmp_path):
    """In a process of its own, with no way to a hub: mteb's own warnings are not ours."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "MTEB_CACHE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(TASKS)], capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["name"] == "jv3search/jv3-mini-128"
    assert found["retrieval"] > 0.8  # nDCG@10 of four questions in four languages; random order: 0.64
    assert found["sts"] > 0.5  # Spearman's correlation
