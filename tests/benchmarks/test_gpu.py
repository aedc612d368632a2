"""`python -m benchmarks.gpu --small` runs to its end on any machine; the arithmetic of its figures."""

import json
import os
import subprocess
import sys

from benchmarks.encoder import MINI
from benchmarks.gpu import mixed
from benchmarks.network import operations, texts_of
from jv3search.encoders.jina_v3.config import read_config


def test_operations_are_those_of_the_products():
    """jv3-mini: 5 layers of 4 x 256² + 2 x 256 x 512 weights; the attention of 10 tokens adds 4 x 10² x 256 each."""
    config = read_config(MINI)
    assert operations([10], config) == 5 * (2 * 10 * 524_288 + 4 * 100 * 256)
    assert operations([10, 10], config) == 2 * operations([10], config)


def test_mixed_texts_have_as_many_tokens_as_asked():
    lengths = mixed(100_000, 8192)
    assert 100_000 <= sum(lengths) < 100_000 + 8192
    assert min(lengths) >= 16
    assert 300 < sorted(lengths)[len(lengths) // 2] < 500
    assert [len(text) for text in texts_of([16, 40], read_config(MINI))] == [16, 40]


def test_a_small_run_prints_every_figure():
    command = [sys.executable, "-m", "benchmarks.gpu", "--small", "--precision", "f32"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}  # threads would wait for each other on a busy machine
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found["by_length"]) == {"16", "256"}
    assert found["mixed"]["tokens_per_second"] > 0
    assert set(found["query_ms"]) == {"16", "64", "128", "512"}
    assert min(found["search_ms"].values()) > 0
    assert set(found["search_ms"]) == {"all", "a tenth"}
    assert len(found["product_ms"]) == 4  # two sizes, one query and 32
    assert len(found["cosine"]) == 5
    assert min(found["cosine"].values()) >= 0.99999
