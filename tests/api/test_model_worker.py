"""The owner of the model: what is batched, what goes first, what is refused, and how it ends."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from jv3search.api.model_worker import Busy, ModelWorker, SharedEncoder
from jv3search.types import unit_rows
from tests.conftest import TEXTS


class Watched:
    """The real encoder; `batches` tells what it was given, and `gate` holds it up."""

    def __init__(self, encoder):
        self._encoder = encoder
        self.batches = []
        self.gate = threading.Event()
        self.entered = threading.Event()

    def __getattr__(self, name):
        return getattr(self._encoder, name)

    def pool(self, texts, ranges, task):
        self.batches.append((task, len(texts)))
        self.entered.set()
        assert self.gate.wait(60)
        return self._encoder.pool(texts, ranges, task)


@pytest.fixture
def watched(mini):
    return Watched(mini)


def begin(worker, encoder, texts, task):
    tokens = [encoder.tokenize(text, task) for text in texts]
    return worker.submit(tokens, [[(0, len(text))] for text in tokens], task)


def vectors(future):
    return unit_rows(np.concatenate(future.result(60)))


def test_what_waits_together_is_one_batch_and_queries_go_first(watched, mini):
    texts = list(TEXTS.values())
    worker = ModelWorker(watched)
    first = begin(worker, watched, texts[:1], "separation")
    assert watched.entered.wait(60)  # while it holds the model, others arrive
    passages = [begin(worker, watched, [text], "retrieval.passage") for text in texts]
    queries = [begin(worker, watched, [text], "retrieval.query") for text in texts]
    base = begin(worker, watched, texts[:2], None)
    watched.gate.set()
    assert np.allclose(vectors(first), mini.encode(texts[:1], "separation"), atol=1e-5)
    for found, task in ((passages, "retrieval.passage"), (queries, "retrieval.query")):
        rows = np.concatenate([vectors(future) for future in found])
        assert np.allclose(rows, mini.encode(texts, task), atol=1e-5)
    assert np.allclose(vectors(base), mini.encode(texts[:2], None), atol=1e-5)
    worker.close()
    assert watched.batches == [("separation", 1), ("retrieval.query", 8), ("retrieval.passage", 8), (None, 2)]


def test_a_large_request_lets_queries_through_between_its_batches(watched):
    worker = ModelWorker(watched)
    long = begin(worker, watched, ["ein Satz über Papier. " * 300] * 6, "retrieval.passage")
    assert watched.entered.wait(60)
    query = begin(worker, watched, ["紙"], "retrieval.query")
    watched.gate.set()
    assert len(long.result(60)) == 6
    assert len(query.result(60)) == 1
    worker.close()
    tasks = [task for task, _ in watched.batches]
    assert len(tasks) > 3
    assert tasks[1] == "retrieval.query"


def test_more_than_it_can_do_is_refused_and_what_was_accepted_is_finished(watched, mini):
    worker = ModelWorker(watched, most_tokens=400)
    alone = begin(worker, watched, ["длинный текст " * 400], None)  # one request may have any size
    assert watched.entered.wait(60)
    with pytest.raises(Busy, match="tokens are waiting for the model: try again in") as refused:
        begin(worker, watched, ["текст"], None)
    assert 1 <= refused.value.retry_after <= 60
    closing = threading.Thread(target=worker.close)
    closing.start()
    watched.gate.set()
    closing.join()
    assert np.allclose(vectors(alone), mini.encode(["длинный текст " * 400], None), atol=1e-5)
    with pytest.raises(Busy):
        begin(worker, watched, ["текст"], None)


def test_an_error_belongs_to_its_request_alone(watched, mini):
    watched.gate.set()
    worker = ModelWorker(watched)
    tokens = mini.tokenize("Text")
    with pytest.raises(KeyError):
        worker.submit([tokens], [[(0, 1)]], "no such task").result(60)
    assert np.allclose(vectors(begin(worker, watched, ["Text"], None)), mini.encode(["Text"], None), atol=1e-5)
    worker.close()


def test_many_threads_get_what_is_theirs(mini):
    worker = ModelWorker(mini)
    shared = SharedEncoder(mini, worker)
    texts = list(TEXTS.values()) * 4
    with ThreadPoolExecutor(8) as threads:
        queries = list(threads.map(shared.encode_query, texts))
        states = list(threads.map(lambda text: shared.encode_tokens([text], "retrieval.query")[0], texts[:8]))
    assert np.allclose(queries, mini.encode(texts, "retrieval.query"), atol=1e-5)
    for found, text in zip(states, texts, strict=False):
        assert np.allclose(found.states, mini.encode_tokens([text], "retrieval.query")[0].states, atol=1e-4)
    worker.close()
