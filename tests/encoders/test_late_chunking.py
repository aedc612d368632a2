"""Late chunking without a model: which tokens a span pools, and which states a window keeps."""

import itertools
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jv3search.encoders.batching import packed_batches, token_batches
from jv3search.encoders.jina_v3.tokenizer import tokenize
from jv3search.encoders.late_chunking import (
    TokenizedText,
    Window,
    by_section,
    chunk_ranges,
    overlapping,
    token_ranges,
    windows,
)
from jv3search.errors import InputError
from jv3search.types import Span
from tests.encoders.checkpoints import INSTRUCTIONS, make_tokenizer

PASSAGE = INSTRUCTIONS["retrieval.passage"]


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


def by_hand(text: str, offsets: list[tuple[int, int]], instruction: int = 1) -> TokenizedText:
    """<s>, `instruction` tokens, one token per offset pair, </s>."""
    first = 1 + instruction
    rows = [(0, 0)] * first + offsets + [(0, 0)]
    return TokenizedText(text, np.arange(len(rows)), np.array(rows), first, first + len(offsets))


def test_the_first_chunk_pools_the_instruction_and_the_last_one_the_end_token():
    tokens = by_hand("one two three", [(0, 3), (4, 7), (8, 13)])
    assert token_ranges(tokens, [Span(0, 3), Span(4, 7), Span(8, 13)]) == [(0, 3), (3, 4), (4, 6)]


def test_a_chunk_that_is_not_at_the_edge_pools_no_special_token():
    tokens = by_hand("one two three", [(0, 3), (4, 7), (8, 13)])
    assert token_ranges(tokens, [Span(4, 7)]) == [(3, 4)]


def test_one_chunk_over_everything_pools_every_token():
    tokens = by_hand("one two three", [(0, 3), (4, 7), (8, 13)])
    assert token_ranges(tokens, [Span(0, 13)]) == [(0, len(tokens))]


def test_sections_are_read_one_by_one_with_the_instruction_and_what_lies_before_the_next():
    tokens = by_hand("a b c d e f", [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9), (10, 11)])
    ranges = token_ranges(tokens, [Span(0, 1), Span(2, 3), Span(6, 7), Span(8, 11)])  # c belongs to no chunk
    assert ranges == [(0, 3), (3, 4), (5, 6), (6, 9)]
    first, second, third = by_section(tokens, ranges, [2, 3], 9)
    assert (first[0].tolist(), first[1]) == ([0, 1, 2, 3, 4, 8], [(0, 3), (3, 6)])
    assert (second[0].tolist(), second[1]) == ([0, 1, 5, 8], [(0, 4)])
    assert (third[0].tolist(), third[1]) == ([0, 1, 6, 7, 8], [(0, 5)])
    ((ids, whole),) = by_section(tokens, ranges, [], 9)
    assert (ids.tolist(), whole) == (tokens.ids.tolist(), ranges)


def test_a_long_section_is_parted_between_chunks():
    tokens = by_hand("a b c d e f", [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9), (10, 11)])
    ranges = token_ranges(tokens, [Span(0, 1), Span(2, 5), Span(6, 7), Span(8, 11)])
    assert ranges == [(0, 3), (3, 5), (5, 6), (6, 9)]
    first, second = by_section(tokens, ranges, [], 5)
    assert (first[0].tolist(), first[1]) == ([0, 1, 2, 3, 4, 8], [(0, 3), (3, 6)])
    assert (second[0].tolist(), second[1]) == ([0, 1, 5, 6, 7, 8], [(0, 3), (3, 6)])
    assert [len(inside) for _, inside in by_section(tokens, ranges, [3], 5)] == [2, 1, 1]
    assert [len(inside) for _, inside in by_section(tokens, ranges, [], 1)] == [1, 1, 1, 1]  # a chunk is never cut


def test_a_crossing_token_goes_to_the_side_with_more_of_it_and_on_a_tie_to_the_left():
    tokens = by_hand("abcdefgh", [(0, 2), (2, 6), (6, 8)], instruction=0)
    assert token_ranges(tokens, [Span(0, 3), Span(3, 8)]) == [(0, 2), (2, 5)]
    assert token_ranges(tokens, [Span(0, 4), Span(4, 8)]) == [(0, 3), (3, 5)]


def test_a_token_of_no_character_follows_the_one_before_it():
    tokens = by_hand("ab cd", [(0, 2), (3, 3), (3, 5)], instruction=0)
    assert token_ranges(tokens, [Span(0, 2), Span(3, 5)]) == [(0, 3), (3, 5)]


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([Span(0, 3), Span(2, 5)], "sorted, apart"),
        ([Span(4, 7), Span(0, 3)], "sorted, apart"),
        ([Span(0, 14)], "inside the text of 13 characters"),
        ([Span(0, 3), Span(3, 4)], "contains no token"),
        ([Span(0, 0)], "contains no token"),
    ],
)
def test_spans_that_cannot_be_pooled_are_refused(spans, message):
    tokens = by_hand("one two three", [(0, 3), (4, 7), (8, 13)])
    with pytest.raises(InputError, match=message):
        token_ranges(tokens, spans)


def test_tokenless_spans_join_a_neighbour():
    tokens = by_hand("one two three", [(0, 3), (4, 7), (8, 13)])
    joined = [Span(0, 4), Span(4, 13)]
    assert chunk_ranges(tokens, [Span(0, 3), Span(3, 4), Span(4, 13)]) == (joined, token_ranges(tokens, joined))
    tokens = by_hand("  one", [(2, 5)])
    assert chunk_ranges(tokens, [Span(0, 1), Span(1, 2), Span(2, 5)]) == ([Span(0, 5)], [(0, len(tokens))])
    assert chunk_ranges(tokens, [Span(0, 1), Span(1, 2)]) == ([], [])


def test_the_instruction_is_told_from_the_text_by_offsets(tokenizer):
    text = "Berlin ist die Hauptstadt."
    with_instruction, alone = tokenize(tokenizer, PASSAGE, text), tokenize(tokenizer, "", text)
    assert with_instruction.first > alone.first == 1
    np.testing.assert_array_equal(with_instruction.ids[with_instruction.first :], alone.ids[alone.first :])
    np.testing.assert_array_equal(with_instruction.starts, alone.starts)
    assert with_instruction.starts[0] == 0


def test_a_text_without_tokens_has_none(tokenizer):
    for text in ("", "   ", "\n\t"):
        tokens = tokenize(tokenizer, PASSAGE, text)
        assert tokens.first == tokens.last == len(tokens) - 1


ALPHABETS = [
    "abc XYZ.,!? 012", "äöüß éèê", "абв жзи.", "العربية ؟ ", "हिन्दी ।", "漢字かなカナ。、", "한국어 문장.",
    "ภาษาไทย ",    "e\u0301 a\u0308 \u200b\ufeff", "½ ﷺ ㈱ ﬁ", "👩‍👩‍👧‍👦 🇩🇪 ",
]  # fmt: skip


def random_text(rng: np.random.Generator) -> str:
    alphabet = [c for i in rng.choice(len(ALPHABETS), 3) for c in ALPHABETS[i]]
    return "".join(rng.choice(alphabet, rng.integers(1, 60)).tolist())


def test_spans_partition_4000_random_texts(tokenizer):
    """Every token of a text falls to exactly one span when the spans cover it, whatever the script."""
    rng = np.random.default_rng(7)
    checked = 0
    for _ in range(4000):
        text = random_text(rng)
        cuts = sorted({0, len(text), *rng.integers(0, len(text) + 1, rng.integers(0, 5)).tolist()})
        tokens = tokenize(tokenizer, PASSAGE, text)
        spans, ranges = chunk_ranges(tokens, [Span(a, b) for a, b in itertools.pairwise(cuts)])
        if tokens.first == tokens.last:
            assert spans == []
            continue
        assert ranges == token_ranges(tokens, spans)
        assert ranges[0][0] == 0
        assert ranges[-1][1] == len(tokens)
        assert all(a[1] == b[0] for a, b in itertools.pairwise(ranges)), (text, spans)
        checked += 1
    assert checked > 3900


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 300), st.integers(1, 80), st.data())
def test_windows_keep_every_state_exactly_once(tokens, size, data):
    overlap = data.draw(st.integers(0, size - 1))
    kept = [i for w in windows(tokens, size, overlap) for i in range(w.start + w.skip, w.end)]
    assert kept == list(range(tokens))
    assert all(len(w) <= size for w in windows(tokens, size, overlap))


def test_later_windows_drop_their_first_states_and_none_is_useless():
    assert list(windows(20, 10, 4)) == [Window(0, 10, 0), Window(6, 16, 4), Window(12, 20, 4)]
    assert list(windows(10, 10, 4)) == [Window(0, 10, 0)]
    assert list(windows(16, 10, 4)) == [Window(0, 10, 0), Window(6, 16, 4)]


def test_a_chunk_across_a_border_takes_its_states_from_both_windows():
    ranges = [(0, 8), (8, 20)]
    assert list(overlapping(ranges, Window(0, 10, 0))) == [(0, 0, 8), (1, 8, 10)]
    assert list(overlapping(ranges, Window(6, 16, 4))) == [(1, 4, 10)]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 500), max_size=40), st.integers(1, 2000))
def test_batches_take_every_row_once_and_keep_to_the_budget(lengths, budget):
    batches = list(token_batches(lengths, budget))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        width = max(lengths[i] for i in batch)
        assert len(batch) == 1 or len(batch) * width <= budget
        assert min(lengths[i] for i in batch) >= 0.75 * width


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 500), max_size=40), st.integers(1, 2000))
def test_packed_batches_take_every_row_once_and_are_full(lengths, budget):
    batches = list(packed_batches(lengths, budget))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    sizes = [sum(lengths[i] for i in batch) for batch in batches]
    assert all(len(batch) == 1 or size <= budget for batch, size in zip(batches, sizes, strict=True))
    for size, following in zip(sizes, batches[1:], strict=False):
        assert size + lengths[following[0]] > budget


def test_random_texts_are_what_they_say():
    """The alphabets above really hold combining marks, ligatures and joiners."""
    everything = "".join(ALPHABETS)
    assert {"Mn", "Cf", "Lo", "So"} <= {unicodedata.category(c) for c in everything}
