"""Monotone alignment: values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from jv3search.translations.alignment import align


def cosines(*rows: list[float]) -> np.ndarray:
    return np.array(rows, np.float32)


def ones(count: int) -> list[int]:
    return [1] * count


def test_a_diagonal_is_aligned_one_to_one():
    found = align(cosines([0.9, 0.1, 0.2], [0.2, 0.8, 0.1], [0.1, 0.3, 0.7]), ones(3), ones(3))
    assert found.beads == ((range(1), range(1)), (range(1, 2), range(1, 2)), (range(2, 3), range(2, 3)))
    assert found.similarity == pytest.approx(0.8)
    assert found.background == pytest.approx(1 / 6)
    assert (found.coverage, found.best) == (1.0, 1.0)


def test_two_chunks_answer_to_one_on_either_side():
    split = cosines([0.9, 0.8, 0.1, 0.1], [0.1, 0.1, 0.9, 0.1], [0.1, 0.1, 0.1, 0.9])
    found = align(split, ones(3), ones(4))
    assert found.beads[0] == (range(1), range(2))
    assert align(split.T, ones(4), ones(3)).beads[0] == (range(2), range(1))
    assert [(i, j) for i, j, _ in found.pairs(split)] == [(0, 0), (0, 1), (1, 2), (2, 3)]


def test_what_only_one_document_has_is_left_out_and_not_covered():
    preface = cosines([0.1, 0.1, 0.1], [0.9, 0.1, 0.1], [0.1, 0.9, 0.1], [0.1, 0.1, 0.9])
    found = align(preface, [3, 1, 1, 1], ones(3))
    assert found.beads == tuple((range(i + 1, i + 2), range(i, i + 1)) for i in range(3))
    assert found.coverage == pytest.approx(0.5)


def test_order_counts_so_the_same_chapters_in_reverse_are_not_covered():
    found = align(np.fliplr(np.eye(6, dtype=np.float32)), ones(6), ones(6))
    assert found.coverage <= 1 / 3


def test_the_smallest_documents_align():
    found = align(cosines([0.6]), [10], [12])
    assert (found.beads, found.background, found.coverage) == (((range(1), range(1)),), None, 1.0)


def test_it_is_as_good_as_trying_every_path():
    """Best worth over all monotone paths, by plain recursion, for 30 random small matrices."""
    rng = np.random.default_rng(3)
    for _ in range(30):
        rows, columns = (int(size) for size in rng.integers(3, 6, size=2))
        matrix = rng.random((rows, columns)).astype(np.float32)
        common = float(np.median(matrix))
        found = align(matrix, ones(rows), ones(columns))
        worth = sum(
            (1.0 if len(a) == len(b) else 1.5) * float((matrix[np.ix_(a, b)] - common).mean())
            for a, b in found.beads
        )
        assert worth == pytest.approx(best(matrix - common, rows, columns), abs=1e-5)


def best(worth: np.ndarray, i: int, j: int) -> float:
    if not i or not j:
        return 0.0
    options = [best(worth, i - 1, j), best(worth, i, j - 1), best(worth, i - 1, j - 1) + worth[i - 1, j - 1]]
    if j > 1:
        options.append(best(worth, i - 1, j - 2) + 1.5 * worth[i - 1, j - 2 : j].mean())
    if i > 1:
        options.append(best(worth, i - 2, j - 1) + 1.5 * worth[i - 2 : i, j - 1].mean())
    return float(max(options))
