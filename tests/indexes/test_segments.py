"""Segments of the keyword index, compared with looking at every chunk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jv3search.indexes.keywords.phrases import Phrase
from jv3search.indexes.keywords.segment import Entry, Segment, build, load, merged
from jv3search.indexes.keywords.terms import Term

WORDS = ("a", "ab", "abc", "река", "реки", "猫が", "猫", "ฝน", "🚲")
TERMS = st.builds(
    Term, st.sampled_from(WORDS), st.lists(st.sampled_from(WORDS), max_size=2, unique=True).map(tuple)
)
TEXTS = st.lists(st.lists(TERMS, max_size=7), max_size=8)
PHRASES = [
    *(Phrase((word,), prefix) for word in (*WORDS, "zebra", "") for prefix in (False, True) if word or prefix),
    *(Phrase((one, other), prefix) for one in WORDS[:5] for other in WORDS for prefix in (False, True)),
    Phrase(("a", "ab", "a")),
]


def held(term: str, phrase: Phrase, last: bool) -> bool:
    return term.startswith(phrase.terms[-1]) if phrase.prefix and last else term == phrase.terms[-1]


def in_a_row(text: Sequence[Term], phrase: Phrase) -> int:
    size = len(phrase.terms)
    rows = ([term.exact for term in text[at : at + size]] for at in range(len(text) - size + 1))
    return sum(tuple(row[:-1]) == phrase.terms[:-1] and held(row[-1], phrase, True) for row in rows)


def anywhere(text: Sequence[Term], phrase: Phrase) -> int:
    if len(phrase.terms) > 1:
        return in_a_row(text, phrase)
    return sum(held(part, phrase, True) for term in text for part in (term.exact, *term.forms))


def check(segment: Segment, ids: list[int], texts: Sequence[Sequence[Term]]) -> None:
    assert segment.ids.tolist() == ids
    assert segment.lengths.tolist() == [sum(1 + len(term.forms) for term in text) for text in texts]
    for phrase in PHRASES:
        counts = [anywhere(text, phrase) for text in texts]
        found = segment.anywhere(phrase)
        assert dict(zip(*(part.tolist() for part in found.chunks()), strict=True)) == {
            number: count for number, count in enumerate(counts) if count
        }, phrase
        assert found.counts(np.arange(len(texts))).tolist() == counts, phrase
        assert segment.exact(phrase).tolist() == [
            number for number, text in enumerate(texts) if in_a_row(text, phrase)
        ]
        if len(phrase.terms) == 1 and not phrase.prefix:
            assert found.having == sum(count > 0 for count in counts)


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_every_term_prefix_and_phrase_is_where_it_is(texts: list[list[Term]]) -> None:
    ids = list(range(5, 5 + 3 * len(texts), 3))
    check(build(map(Entry, ids, texts)), ids, texts)


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4), st.randoms())
def test_segments_are_merged_without_what_left(parts: list[list[list[Term]]], dice) -> None:
    segments, live, at = [], [], 1
    for texts in parts:
        segments.append(build(Entry(at + number, text) for number, text in enumerate(texts)))
        live.append(np.array([dice.random() < 0.6 for _ in texts], bool))
        at += len(texts)
    stays = [bool(alive) for mask in live for alive in mask]
    every = [text for texts in parts for text in texts]
    ids = [number for number, alive in enumerate(stays, 1) if alive]
    one = merged(segments, live)
    check(one, ids, [every[number - 1] for number in ids])
    assert set(one.terms) == {
        part for number in ids for term in every[number - 1] for part in (term.exact, *term.forms)
    }


def test_a_file_holds_it_and_is_mapped(tmp_path: Path) -> None:
    texts = [[Term("ab", ("a",)), Term("река")], [], [Term("ab"), Term("ab"), Term("猫が")]]
    build(map(Entry, (3, 4, 9), texts)).save(tmp_path / "one")
    segment = load(tmp_path / "one")
    check(segment, [3, 4, 9], texts)
    assert not any(part.flags.owndata for part in (segment.places, segment.forms, segment.letters))
    assert not segment.places.flags.writeable


def test_words_after_a_very_long_text_are_counted_and_found(tmp_path: Path) -> None:
    """Positions have 16 bits: those behind are one, and no phrase runs from one chunk into the next."""
    long = [Term("x")] * 65_533 + [Term("a"), Term("ab"), Term("end"), Term("end")]
    segment = build([Entry(1, long), Entry(2, [Term("a"), Term("ab")])])
    assert segment.anywhere(Phrase(("end",))).counts(np.array([0, 1])).tolist() == [2, 0]
    assert segment.exact(Phrase(("a", "ab"))).tolist() == [0, 1]
    assert segment.exact(Phrase(("end", "a"))).tolist() == []
    assert segment.exact(Phrase(("end", "end"))).tolist() == []
    assert Counter(segment.lengths.tolist()) == {65_537: 1, 2: 1}
