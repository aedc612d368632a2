"""Which documents are read and aligned: those that can be translations by what is known of all."""

import numpy as np
import pytest

from jv3search.translations.bitext_mining import Corpus, candidates
from jv3search.types import unit_rows


def corpus(cosine: float, chunks: tuple[int, int], tokens: tuple[int, int]) -> Corpus:
    rows = np.array([[1, 0], [cosine, np.sqrt(1 - cosine**2)]], np.float32)
    return Corpus(np.array([7, 9]), unit_rows(rows), chunks, tokens, {"de": range(1), "ja": range(1, 2)})


@pytest.mark.parametrize(
    ("cosine", "chunks", "tokens", "expected"),
    [
        (0.73, (1, 2), (100, 170), [(0, 1)]),
        (0.71, (1, 2), (100, 170), []),  # short texts on one theme
        (0.73, (1, 2), (100, 190), []),  # nearly twice as long
        (0.66, (5, 4), (900, 800), [(0, 1)]),
        (0.64, (5, 4), (900, 800), []),
        (0.51, (6, 9), (900, 800), [(0, 1)]),  # the alignment decides
        (0.49, (6, 9), (900, 800), []),
        (0.90, (5000, 4000), (900_000, 800_000), []),
        (0.90, (0, 0), (0, 0), []),
    ],
)
def test_a_pair_is_read_only_if_it_can_be_linked(cosine, chunks, tokens, expected):
    assert list(candidates(corpus(cosine, chunks, tokens), [9])) == expected
    assert list(candidates(corpus(cosine, chunks, tokens), [8])) == []
