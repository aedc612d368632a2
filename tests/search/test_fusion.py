"""Fusion: shares by hand, silence that does not count, and the order that follows."""

import pytest

from jv3search.search.fusion import CONSTANT, FOREIGN_WEIGHT, KEYWORD_WEIGHT, fuse
from jv3search.types import Hit, Span, Vote


def hit(key, rank, language, leg, score=0.5):
    return Hit(
        rank=rank, score=score, chunk_id=key, uri=f"/{key}", title="", format="txt", page=None, section=None,
        span=Span(0, 4), language=language, text="text", votes=(Vote(leg, rank, score),),
    )  # fmt: skip


def dense(*languages):
    return [hit(key, key, language, "dense") for key, language in enumerate(languages, 1)]


def foreign(language):
    return lambda hit: hit.language != language


def test_the_shares_of_both_legs_by_hand():
    (only,) = fuse(dense("en"), [hit(1, 3, "en", "keyword", 7.0)], foreign("en"), depth=100)
    first, second = only.votes
    assert first.share == pytest.approx(1 / (1 + KEYWORD_WEIGHT) / (CONSTANT + 1))
    assert second.share == pytest.approx(KEYWORD_WEIGHT / (1 + KEYWORD_WEIGHT) / (CONSTANT + 3))
    assert (second.leg, second.rank, second.score, second.abstained) == ("keyword", 3, 7.0, False)
    assert only.score == 0.5  # the cosine stays


def test_a_passage_in_another_language_is_not_punished_for_the_words_it_cannot_hold():
    found = fuse(dense("ja", "en", "ar"), [hit(2, 1, "en", "keyword")], foreign("en"), depth=100)
    assert [h.language for h in found] == ["ja", "en", "ar"]
    assert [h.votes[1].abstained for h in found] == [True, False, True]
    assert found[0].votes[1].share == 0
    assert found[0].votes[0].share == pytest.approx(1 / (CONSTANT + 1))


def test_a_passage_in_the_question_s_language_is_judged_by_its_words_too():
    words = [hit(2, 1, "en", "keyword"), hit(9, 2, "en", "keyword", 3.0)]
    found = fuse(dense("en", "en", "ja"), words, foreign("en"), depth=100)
    assert [h.chunk_id for h in found] == [2, 3, 1, 9]
    assert [h.rank for h in found] == [1, 2, 3, 4]
    last = next(h for h in found if h.chunk_id == 9)
    assert (last.votes[0].rank, last.votes[0].abstained) == (None, False)  # the dense leg could have found it
    assert last.votes[0].share == pytest.approx(1 / (1 + KEYWORD_WEIGHT) / (CONSTANT + 101))


def test_nothing_found_by_words_leaves_the_order_of_the_dense_leg():
    assert [h.chunk_id for h in fuse(dense("en", "th", "ru"), [], foreign("th"), depth=100)][:1] == [1]
    assert [h.chunk_id for h in fuse(dense("en", "de", "ru"), [], foreign("th"), depth=100)] == [1, 2, 3]
    assert fuse([], [], foreign("th"), depth=100) == []


def test_equal_ones_stand_by_id():
    found = fuse([], [hit(7, 1, "en", "keyword"), hit(3, 1, "en", "keyword")], foreign("en"), depth=100)
    assert [h.chunk_id for h in found] == [3, 7]


def test_words_found_in_another_language_count_less():
    found = fuse(dense("ja", "ja"), [hit(2, 1, "ja", "keyword")], foreign("en"), depth=100)
    with_words = next(h for h in found if h.chunk_id == 2)
    assert with_words.votes[1].share == pytest.approx(FOREIGN_WEIGHT / (1 + FOREIGN_WEIGHT) / (CONSTANT + 1))
    assert with_words.votes[0].share == pytest.approx(1 / (1 + FOREIGN_WEIGHT) / (CONSTANT + 2))
