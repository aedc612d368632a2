"""One pair of tiny checkpoints, and an encoder on each, for all encoder tests."""

from pathlib import Path

import pytest

from jv3search.encoders.jina_v3.encoder import JinaV3Encoder
from jv3search.encoders.models import load
from tests.encoders.checkpoints import make_checkpoints


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory) -> tuple[Path, Path]:
    """(hf layout, original layout) of the same random model."""
    return make_checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="session")
def hf(checkpoints) -> JinaV3Encoder:
    return load(checkpoints[0])


@pytest.fixture(scope="session")
def original(checkpoints) -> JinaV3Encoder:
    return load(checkpoints[1])


@pytest.fixture(scope="session")
def small_window(tmp_path_factory) -> JinaV3Encoder:
    """The same model reading only 64 tokens at a time, so that short texts need windows."""
    folder, _ = make_checkpoints(tmp_path_factory.mktemp("small"), positions=66)
    return load(folder)
