"""Relevance: log-odds by hand, words that a foreign passage cannot hold, and the order that follows."""

import math
from dataclasses import replace

import pytest

from jv3search.search.relevance import COEFFICIENTS, by_relevance, nothing_relevant
from jv3search.types import Hit, LegScore, Span

HYBRID = COEFFICIENTS["hybrid"]


def hit(key, language, *legs, score=0.5, main=None):
    return Hit(
        rank=0, score=score, chunk_id=key, uri=f"/{key}", title="", format="txt", page=None, section=None,
        span=Span(0, 4), language=language, text="text", legs=legs, main_language=main or language,
    )  # fmt: skip


def dense(key, language, z=1.0):
    return hit(key, language, LegScore("dense", key, 0.5, z=z))


def words(key, language, coverage, z=1.0):
    """A hit of the keyword leg that was compared with the question too."""
    legs = (
        LegScore("dense", None, 0.5, z=z),
        LegScore("keyword", key, 7.0, coverage=coverage, rare_coverage=coverage),
    )
    return hit(key, language, *legs)


def foreign_to(language):
    return lambda hit: hit.language != language


def ranked(dense_hits, keyword_hits, language="en", mode="hybrid"):
    """Of what the legs found: of a chunk that both did, the dense leg's hit with what the keyword leg says of it."""
    found = {hit.chunk_id: hit for hit in keyword_hits}
    for hit in dense_hits:
        leg = (
            found[hit.chunk_id].legs[-1]
            if hit.chunk_id in found
            else LegScore("keyword", None, None, coverage=0.0)
        )
        found[hit.chunk_id] = hit if mode == "dense" else replace(hit, legs=(*hit.legs, leg))
    return by_relevance(list(found.values()), foreign_to(language), mode)


def test_the_log_odds_of_both_legs_by_hand():
    (only,) = ranked([dense(1, "en", z=2.5)], [words(1, "en", 0.75)])
    first, second = only.legs
    assert (first.leg, first.rank, first.z) == ("dense", 1, 2.5)
    assert (second.leg, second.score, second.coverage) == ("keyword", 7.0, 0.75)
    assert first.log_odds == pytest.approx(HYBRID.z * 2.5)
    assert second.log_odds == pytest.approx(HYBRID.coverage * 0.75 + HYBRID.bm25)
    log_odds = HYBRID.intercept + HYBRID.z * 2.5 + HYBRID.coverage * 0.75 + HYBRID.bm25
    assert only.relevance == pytest.approx(1 / (1 + math.exp(-log_odds)))
    assert only.score == 0.5  # the cosine stays


def test_bm25_counts_as_a_share_of_the_highest():
    best, half = words(1, "en", 0.5), words(2, "en", 0.5)
    half = replace(half, legs=(half.legs[0], replace(half.legs[1], score=3.5)))
    found = ranked([], [half, best])
    assert [hit.chunk_id for hit in found] == [1, 2]
    gain = found[0].legs[1].log_odds - found[1].legs[1].log_odds
    assert gain == pytest.approx(HYBRID.bm25 / 2)


def test_missing_words_count_for_a_foreign_passage_only_what_they_usually_do():
    same, foreign = sorted(ranked([dense(1, "en"), dense(2, "ja")], []), key=lambda hit: hit.chunk_id)
    assert same.legs[1].log_odds == 0
    assert foreign.legs[1].log_odds == HYBRID.foreign
    assert (same.legs[1].rank, same.legs[1].coverage) == (None, 0.0)


def test_words_count_by_their_rarity_in_a_foreign_passage_and_for_no_more_than_in_the_question_s_language():
    legs = LegScore("dense", None, 0.5, z=1.0), LegScore("keyword", 1, 7.0, coverage=0.6, rare_coverage=0.2)
    (found,) = ranked([], [hit(1, "ko", *legs)], "hi")
    assert found.legs[1].log_odds == pytest.approx(HYBRID.foreign + 0.2 * HYBRID.foreign_coverage)
    (found,) = ranked([], [words(1, "ko", 1.0)], "hi")
    assert found.legs[1].log_odds == HYBRID.coverage + HYBRID.bm25
    (own,) = ranked([], [words(1, "hi", 1.0)], "hi")
    assert own.legs[1].log_odds == found.legs[1].log_odds


def test_decisive_words_beat_a_passage_that_is_only_near():
    found = ranked([dense(1, "ar", z=3.0), dense(2, "en", z=0.5)], [words(2, "en", 1.0, z=0.5)])
    assert [hit.chunk_id for hit in found] == [2, 1]
    assert [hit.rank for hit in found] == [1, 2]


@pytest.mark.parametrize("mode", ["hybrid", "dense", "keyword"])
def test_more_of_any_evidence_never_makes_a_passage_less_likely(mode):
    found = [ranked([dense(1, "th", z)], [words(1, "th", 0.5, z)], "th", mode)[0] for z in (-1, 0, 1, 5)]
    more = [ranked([dense(1, "th")], [words(1, "th", share)], "th", mode)[0] for share in (0, 0.3, 0.9, 1)]
    foreign = [ranked([dense(1, "th")], [words(1, "th", share)], "ru", mode)[0] for share in (0, 0.3, 1)]
    for hits in (found, more, foreign):
        chances = [hit.relevance for hit in hits]
        assert chances == sorted(chances)
        assert all(0 < chance < 1 for chance in chances)


def test_equal_ones_stand_by_their_document_s_language_and_then_by_id():
    untranslated = hit(1, "en", LegScore("dense", 1, 0.5, z=2.0), main="vi")
    original, other = (hit(key, "en", LegScore("dense", key, 0.5, z=2.0)) for key in (3, 2))
    found = ranked([untranslated, original, other], [])
    assert [hit.chunk_id for hit in found] == [2, 3, 1]
    assert ranked([], []) == []


def test_a_passage_is_relevant_if_the_version_behind_the_one_shown_is():
    unlikely, likely = replace(hit(1, "en"), relevance=0.01), replace(hit(2, "ja"), relevance=0.4)
    assert nothing_relevant([unlikely], "hybrid")
    assert not nothing_relevant([replace(unlikely, translations=(likely,))], "hybrid")
    assert not nothing_relevant([replace(unlikely, copies=(likely,))], "hybrid")
