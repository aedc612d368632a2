"""One pair of tiny checkpoints, and an encoder on each by every engine, for all encoder tests."""

from pathlib import Path

import numpy as np
import pytest

from jv3search.encoders.jina_v3.config import read_config
from jv3search.encoders.jina_v3.encoder import JinaV3Encoder
from jv3search.encoders.jina_v3.packed_engine import PackedEngine
from jv3search.encoders.jina_v3.tokenizer import load_tokenizer
from jv3search.encoders.models import load
from tests.encoders.checkpoints import make_checkpoints


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory) -> tuple[Path, Path]:
    """(hf layout, original layout) of the same random model."""
    return make_checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="session", params=["openvino", "torch", "packed"])
def engine(request) -> str:
    """Tests that ask for an encoder of a tiny checkpoint run once with each engine."""
    return request.param


def encoder_on(folder: Path, engine: str, precision: str = "f32") -> JinaV3Encoder:
    """The GPU's engine runs on the CPU here, in float32: the same packed path, one text after another."""
    if engine != "packed":
        return load(folder, engine=engine, precision=precision)
    config = read_config(folder)
    return JinaV3Encoder(folder, config, load_tokenizer(folder), PackedEngine(folder, config, "cpu", "f32"))


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Row by row."""
    return (a * b).sum(axis=-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


@pytest.fixture(scope="session")
def reference(checkpoints) -> JinaV3Encoder:
    """The tiny checkpoint on the torch engine, which other engines are compared with."""
    return load(checkpoints[0], engine="torch")


@pytest.fixture(scope="session")
def hf(checkpoints, engine) -> JinaV3Encoder:
    return encoder_on(checkpoints[0], engine)


@pytest.fixture(scope="session")
def original(checkpoints, engine) -> JinaV3Encoder:
    return encoder_on(checkpoints[1], engine)


@pytest.fixture(scope="session")
def small_window_checkpoint(tmp_path_factory) -> Path:
    return make_checkpoints(tmp_path_factory.mktemp("small"), positions=66)[0]


@pytest.fixture(scope="session")
def small_window(small_window_checkpoint, engine) -> JinaV3Encoder:
    """The same model reading only 64 tokens at a time, so that short texts need windows."""
    return encoder_on(small_window_checkpoint, engine)
