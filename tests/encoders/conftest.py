"""One pair of tiny checkpoints, and an encoder on each by either engine, for all encoder tests."""

from pathlib import Path

import pytest

from jv3search.encoders.jina_v3.encoder import JinaV3Encoder
from jv3search.encoders.models import load
from tests.encoders.checkpoints import make_checkpoints


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory) -> tuple[Path, Path]:
    """(hf layout, original layout) of the same random model."""
    return make_checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="session", params=["openvino", "torch"])
def engine(request) -> str:
    """Tests that ask for an encoder of a tiny checkpoint run once with each engine."""
    return request.param


@pytest.fixture(scope="session")
def hf(checkpoints, engine) -> JinaV3Encoder:
    return load(checkpoints[0], engine=engine)


@pytest.fixture(scope="session")
def original(checkpoints, engine) -> JinaV3Encoder:
    return load(checkpoints[1], engine=engine)


@pytest.fixture(scope="session")
def small_window_checkpoint(tmp_path_factory) -> Path:
    return make_checkpoints(tmp_path_factory.mktemp("small"), positions=66)[0]


@pytest.fixture(scope="session")
def small_window(small_window_checkpoint, engine) -> JinaV3Encoder:
    """The same model reading only 64 tokens at a time, so that short texts need windows."""
    return load(small_window_checkpoint, engine=engine)
