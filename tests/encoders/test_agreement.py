"""Every engine and precision against the torch engine: five different adapters, late chunks, the longest text."""

from itertools import pairwise

import numpy as np
import pytest

from jv3search.encoders.engine import Row
from jv3search.encoders.jina_v3.config import TASKS
from jv3search.encoders.jina_v3.openvino_engine import has_bf16
from jv3search.encoders.models import load
from jv3search.types import Span
from tests.encoders.conftest import cosines, encoder_on
from tests.encoders.test_jina_v3 import ALL_TASKS, LONG, TEXTS

BF16 = pytest.mark.skipif(not has_bf16(), reason="this CPU has no instructions for bf16")
RUNS = [
    ("openvino", "f32", 0.999999),
    pytest.param(("openvino", "bf16", 0.999), marks=BF16),  # the tiny checkpoint is livelier than a real one
    ("openvino", "int8", 0.999),
    ("packed", "f32", 0.999999),
]


@pytest.fixture(scope="module", params=RUNS, ids=lambda run: " ".join(run[:2]))
def run(request, checkpoints):
    """An encoder, and the least cosine it is to have with the reference."""
    engine, precision, least = request.param
    return encoder_on(checkpoints[0], engine, precision), least


@pytest.mark.parametrize("task", ALL_TASKS)
def test_embeddings_and_token_states_agree(run, reference, task):
    encoder, least = run
    found, expected = encoder.encode([*TEXTS, LONG], task), reference.encode([*TEXTS, LONG], task)
    assert cosines(found, expected).min() >= least
    if least > 0.9999:
        ids = encoder.token_ids(LONG)
        np.testing.assert_allclose(encoder.token_states(ids, task), reference.token_states(ids, task), atol=5e-5)


def test_late_chunks_agree(run, reference):
    encoder, least = run
    spans = [Span(a, b) for a, b in pairwise([*range(0, len(LONG), 70), len(LONG)])]
    found, expected = encoder.encode_document(LONG, spans), reference.encode_document(LONG, spans)
    assert cosines(found, expected).min() >= least


@pytest.fixture(scope="module")
def longest(reference):
    """A row of 8,192 tokens, ranges of it, and their sums by the reference: rotary positions to the last."""
    row = Row(np.tile(np.array(reference.token_ids(LONG)), 8192)[:8192], "retrieval.passage")
    ranges = [(0, 8192), (8000, 8192), (8128, 8192)]
    return row, ranges, reference._engine.sums([row], [ranges])[0]


def test_a_text_as_long_as_the_window_agrees(run, longest):
    encoder, least = run
    row, ranges, expected = longest
    assert cosines(encoder._engine.sums([row], [ranges])[0], expected).min() >= min(least, 0.99999)


def test_five_adapters_differ(run):
    """What these comparisons rest on."""
    encoder, _ = run
    vectors = np.concatenate([encoder.encode(TEXTS[:1], task) for task in TASKS])
    assert (vectors @ vectors.T - np.eye(5)).max() < 0.999


@BF16
def test_the_bundled_model_in_bf16_may_be_mixed_with_float32(mini):
    """Its five adapters are trained ones."""
    short = load(mini.folder, engine="openvino", precision="bf16")
    for task in ALL_TASKS:
        found, expected = short.encode([*TEXTS, LONG], task), mini.encode([*TEXTS, LONG], task)
        assert cosines(found, expected).min() >= 0.99999
        assert np.abs(found - expected).max() > 1e-6  # it is another precision
