"""Inverted lists against exact search, with and without filters, at a size at which they are used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from jv3search.indexes import IndexReader, open_reader, open_writer
from jv3search.indexes.vectors.faiss import FLAT_UNTIL
from jv3search.search.normalization import cohort_statistics
from jv3search.types import Filter
from tests.legs import dense

from .corpus import EVERYTHING, FULL, MANIFEST, blom, document, done, rows

DOCUMENTS, SIZE = 260, 200  # 52,000 chunks, just above what is searched exactly
SHARES = {"half": 0.5, "tenth": 0.1, "hundredth": 0.01, "thousandth": 0.001}
QUERIES = rows(40, seed=95)
K = 10


@dataclass(frozen=True)
class Large:
    reader: IndexReader
    embeddings: np.ndarray  # (chunks, FULL) in the order of their ids, float16 as stored
    languages: np.ndarray  # (chunks,)


def label(count: int, rng: np.random.Generator) -> list[str]:
    """Languages whose frequencies are SHARES; the rest is "other"."""
    names = [*SHARES, "other"]
    shares = [*SHARES.values(), 1 - sum(SHARES.values())]
    return [names[number] for number in rng.choice(len(names), size=count, p=shares)]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Large]:
    folder = tmp_path_factory.mktemp("large")
    rng = np.random.default_rng(1)
    kept, languages = [], []
    with open_writer(folder, MANIFEST, dimension=FULL // 2) as writer:
        for number in range(DOCUMENTS):
            embedded = document(f"/{number}", SIZE, seed=number)
            tongues = label(SIZE, rng)
            chunks = tuple(
                replace(chunk, language=tongue) for chunk, tongue in zip(embedded.chunks, tongues, strict=True)
            )
            embedded = replace(embedded, chunks=chunks)
            writer.replace(embedded, done(embedded))
            kept.append(embedded.embeddings.astype(np.float16).astype(np.float32))
            languages += tongues
    with open_reader(folder) as reader:
        yield Large(reader, np.concatenate(kept), np.array(languages))


def truth(large: Large, query: np.ndarray, where: Filter) -> set[int]:
    """The ids of the chunks with the highest z-scores; they count from 1."""
    with large.reader.snapshot() as index:
        statistics = cohort_statistics(index.language_samples(), query)
    scores = (large.embeddings @ query) / np.linalg.norm(large.embeddings, axis=1)
    for name in set(large.languages):
        own = large.languages == name
        z = (scores[own] - statistics.means[name]) / statistics.deviation - blom(int(own.sum())) / 2
        scores[own] = -np.inf if where.languages and name not in where.languages else z
    return {int(place) + 1 for place in np.argsort(-scores)[:K]}


@pytest.mark.parametrize("share", [None, *SHARES])
def test_recall_is_at_least_99_percent(large: Large, share: str | None) -> None:
    """Trusted with a narrow filter, lists find a third of what there is."""
    assert len(large.embeddings) > FLAT_UNTIL
    where = EVERYTHING if share is None else Filter(languages=frozenset({share}))
    found = []
    for query in QUERIES:
        hits = dense(large.reader, query, K, where)
        wanted = truth(large, query, where)
        assert len(hits) == len(wanted) == K
        found.append(len(wanted & {hit.chunk_id for hit in hits}) / K)
    snapshot = large.reader._snapshot
    assert snapshot is not None
    assert snapshot.base.approximate
    assert np.mean(found) >= 0.99


@pytest.mark.parametrize("share", [None, "hundredth"])
def test_pytorch_overlooks_nothing(large: Large, share: str | None) -> None:
    """It compares the rows that FAISS keeps in eight bits; candidates are scored again with the stored ones."""
    where = EVERYTHING if share is None else Filter(languages=frozenset({share}))
    with open_reader(large.reader._folder, "torch") as reader:
        for query in QUERIES[:15]:
            assert {hit.chunk_id for hit in dense(reader, query, K, where)} == truth(large, query, where)


def test_a_filter_always_gives_all_hits_there_are(large: Large) -> None:
    for share in SHARES:
        there = int((large.languages == share).sum())
        for k in (1, there - 1, there + 10):
            if k < 6000:
                hits = dense(large.reader, QUERIES[0], k, Filter(languages=frozenset({share})))
                assert len(hits) == min(k, there)
                assert {hit.language for hit in hits} == {share}


def test_searching_leaves_the_number_of_threads_alone(large: Large) -> None:
    """PyTorch shares it: encoding would go on with one."""
    import faiss

    before = faiss.omp_get_max_threads()
    dense(large.reader, QUERIES[0], 1)
    assert faiss.omp_get_max_threads() == before


def test_changing_the_dimension_does_not_lose_recall(large: Large) -> None:
    folder = large.reader._folder
    for dimension in (FULL, FULL // 2):
        with open_writer(folder, MANIFEST) as writer:
            writer.reindex(dimension=dimension)
        found = [
            len(truth(large, query, EVERYTHING) & {hit.chunk_id for hit in dense(large.reader, query, K)}) / K
            for query in QUERIES
        ]
        assert np.mean(found) >= 0.99
