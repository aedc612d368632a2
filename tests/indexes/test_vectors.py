"""The vector index itself: offsets by language, lists of one language each, files that carry languages and samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from jv3search.errors import ConfigError
from jv3search.indexes.vectors import faiss
from jv3search.indexes.vectors.languages import NO_LANGUAGE, ChunkLanguages, LanguageSamples
from jv3search.indexes.vectors.port import IdBitmap, VectorIndex
from jv3search.indexes.vectors.snapshot import VectorSnapshot
from jv3search.indexes.vectors.torch import loaded

from .corpus import rows

NONE = np.empty(0, np.int64)
NAMES = ("de", "हि", "日本")
COUNTS = (3000, 40, 900)  # so few are always searched whole
IDS = np.random.default_rng(2).permutation(sum(COUNTS)) + 10
LANGUAGES = ChunkLanguages().changed(IDS, np.repeat(NAMES, COUNTS).tolist(), NONE)
ROWS = rows(sum(COUNTS), seed=8)
SAMPLES = LanguageSamples.of(len(IDS), {name: ROWS[np.isin(IDS, ids)] for name, ids in LANGUAGES.sample().items()})
OFFSETS = np.array([0.5, 0.1, -0.2], np.float32)


GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


@pytest.fixture(scope="module", params=["flat", "ivf"])
def built(request: pytest.FixtureRequest) -> faiss.FaissIndex:
    return faiss.build(IDS, ROWS, request.param, LANGUAGES, SAMPLES)


@pytest.fixture(params=["faiss", "torch", pytest.param("cuda", marks=GPU)])
def index(request: pytest.FixtureRequest, built: faiss.FaissIndex) -> VectorIndex:
    """By FAISS, or by PyTorch from the rows that FAISS keeps."""
    return built if request.param == "faiss" else loaded(built, ROWS.shape[1], request.param)


def slow(query: np.ndarray, offsets: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ids, best first, and their scores."""
    scores = ROWS @ query - offsets[LANGUAGES.codes_of(IDS)]
    order = [place for place in np.argsort(-scores) if wanted[place] and np.isfinite(scores[place])]
    return IDS[order], scores[order]


def test_offsets_are_taken_off_the_scores_of_a_language(index: VectorIndex) -> None:
    shares = []
    for query in rows(20, seed=77):
        ids, scores = index.nearest(query, 50, None, OFFSETS)
        right, exact = slow(query, OFFSETS, np.ones(len(IDS), bool))
        known = dict(zip(right.tolist(), exact.tolist(), strict=True))
        assert scores == pytest.approx([known[key] for key in ids.tolist()], abs=5e-3)
        assert (np.diff(scores) <= 0).all()
        shares.append(len(set(ids[:20].tolist()) & set(right[:10].tolist())) / 10)
    assert np.mean(shares) >= 0.97


def test_a_language_with_an_infinite_offset_is_left_out(index: VectorIndex) -> None:
    only = np.array([np.inf, 0, np.inf], np.float32)
    ids, _ = index.nearest(ROWS[0], 100, None, only)
    assert sorted(ids.tolist()) == LANGUAGES.ids_of(("हि",)).tolist()
    assert len(index.nearest(ROWS[0], 100, None, np.full(3, np.inf, np.float32))[0]) == 0


def test_among_few_ids_all_are_found_whatever_their_language(index: VectorIndex) -> None:
    wanted = np.zeros(len(IDS), bool)
    wanted[[5, 2999, 3000, 3039, 3040, 3939]] = True
    ids, _ = index.nearest(ROWS[17], 100, IdBitmap.only(IDS[wanted]), OFFSETS)
    assert ids.tolist() == slow(ROWS[17], OFFSETS, wanted)[0].tolist()


def test_a_saved_index_is_the_same_with_its_languages_and_samples(built: faiss.FaissIndex, tmp_path: Path) -> None:
    built.save(tmp_path / "索引.faiss")
    loaded = faiss.load(tmp_path / "索引.faiss")
    for query in rows(5, seed=3):
        for ours, theirs in zip(
            built.nearest(query, 9, None, OFFSETS), loaded.nearest(query, 9, None, OFFSETS), strict=True
        ):
            assert ours.tolist() == theirs.tolist()
    assert (loaded.approximate, loaded.top, len(loaded)) == (built.approximate, max(IDS), len(IDS))
    assert loaded.languages.names == NAMES
    assert loaded.languages.counts.tolist() == list(COUNTS)
    assert loaded.samples.names == SAMPLES.names
    np.testing.assert_array_equal(loaded.samples.at(32).scatter, SAMPLES.at(32).scatter)


def test_only_inverted_lists_may_overlook_a_row(built: faiss.FaissIndex, request: pytest.FixtureRequest) -> None:
    assert built.approximate == ("ivf" in request.node.name)
    assert not faiss.build(NONE, np.empty((0, 32), np.float32), "ivf", ChunkLanguages(), SAMPLES).approximate


def test_pytorch_compares_all_rows_that_faiss_keeps(built: faiss.FaissIndex, tmp_path: Path) -> None:
    index = loaded(built, ROWS.shape[1], "torch")
    assert (index.approximate, len(index), index.top) == (False, len(IDS), max(IDS))
    built.save(tmp_path / "行")
    assert index.size() == built.size() == (tmp_path / "行").stat().st_size
    kept = np.empty_like(ROWS)
    for ids, rows_of_list in faiss.load(tmp_path / "行").rows():
        kept[np.argsort(IDS)[np.searchsorted(np.sort(IDS), ids)]] = rows_of_list
    np.testing.assert_allclose(kept, ROWS, atol=5e-3)
    for query in rows(20, seed=78):
        ids, scores = index.nearest(query, 300, None, OFFSETS)
        exact = kept @ query - OFFSETS[LANGUAGES.codes_of(IDS)]
        best = np.lexsort((IDS, -exact))[:300]
        np.testing.assert_allclose(scores, exact[best], atol=1e-5)
        assert len(set(ids.tolist()) & set(IDS[best].tolist())) >= 299  # two may be as good as equal


def test_an_empty_index_has_nothing_for_pytorch_to_compare() -> None:
    empty = faiss.build(NONE, np.empty((0, 32), np.float32), "flat", ChunkLanguages(), SAMPLES)
    index = loaded(empty, 32, "torch")
    assert [len(found) for found in index.nearest(ROWS[0], 5)] == [0, 0]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said(built: faiss.FaissIndex) -> None:
    message = r"^vector_engine is cuda, and PyTorch .* sees no such GPU: mend that, or set vector_engine to faiss"
    with pytest.raises(ConfigError, match=message):
        loaded(built, 32, "cuda")


def test_what_came_later_is_found_in_its_language(index: VectorIndex) -> None:
    base = VectorSnapshot("0" * 32, 1, 32, "auto", index, index.languages)
    fresh = rows(3, seed=1)
    first = int(IDS.max()) + 5
    ids = np.arange(first, first + 3)
    snapshot = base.topped_up(2, [(first, fresh)], (ids, ["de", "sw", "sw"]), [(int(IDS[0]), 1)])
    assert snapshot.languages.names == (*NAMES, "sw")
    assert snapshot.languages.counts.tolist() == [3000, 40, 900, 2]
    only = np.array([np.inf, np.inf, np.inf, 0.25], np.float32)
    found, scores = snapshot.nearest(fresh[1], 10, None, only)
    assert found[0] == first + 1
    assert scores[0] == pytest.approx(0.75, abs=1e-6)
    assert set(found.tolist()) == {first + 1, first + 2}
    everything = np.zeros(4, np.float32)
    assert snapshot.nearest(ROWS[0], 1, None, everything)[0].tolist() != [IDS[0]]
    assert index.nearest(ROWS[0], 1, None, everything)[0].tolist() == [IDS[0]]


def test_codes_of_ids_that_are_not_there() -> None:
    changed = LANGUAGES.changed(NONE, [], IDS[:1])
    codes = changed.codes_of(np.array([0, int(IDS[0]), int(IDS[1]), 10**9]))
    assert codes.tolist() == [NO_LANGUAGE, NO_LANGUAGE, 0, NO_LANGUAGE]
    assert ChunkLanguages().codes_of(np.array([3])).tolist() == [NO_LANGUAGE]
    assert ChunkLanguages().present == frozenset()
