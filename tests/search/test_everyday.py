"""Everyday folders: what CI keeps of the reporting half, by the questions that are cheap to get right and to refuse."""

import pytest

import jv3search

everyday = pytest.importorskip("benchmarks.everyday", reason="benchmarks/ is not part of the source distribution")

CHEAP = {"words", "name", "short", "unanswerable"}
# Measured when this was written: 1.00, 1.00, 1.00; 0.45 and 0.00; 2.0. jv3-mini is trained again now and then; what breaks
# the words' share, the language of a question or the threshold falls much deeper.
FIRST, AMONG_THREE, IN_PASSAGE = 0.93, 0.95, 0.93
REFUSED, REFUSED_WRONGLY = 0.2, 0.05
TIMES_CHANCE = 2.5  # the goal is 2: docs/decisions/search.md


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("everyday")
    languages = everyday.documents("report", folder / "documents")
    asked = [question for question in everyday.questions("report") if question.kind in CHEAP]
    with jv3search.open(folder / "kb", create=True, model="jv3-mini") as kb:
        kb.ingest(folder / "documents")
        return everyday.measured(everyday.ask(kb, asked, languages, "hybrid"))


def mean(found, group, measure):
    return found["questions"][group][measure]["mean"]


def test_what_the_question_names_stands_first(found):
    assert found["questions"]["same language"]["n"] >= 50
    assert mean(found, "same language", "hit@1") >= FIRST
    assert mean(found, "same language", "hit@3") >= AMONG_THREE
    assert mean(found, "same language", "passage@3") >= IN_PASSAGE


def test_nothing_relevant_is_said_where_nothing_is(found):
    refused = found["refusals"]
    assert refused["unanswerable"]["mean"] >= REFUSED
    assert refused["answerable, same language"]["mean"] <= REFUSED_WRONGLY


def test_no_document_stands_first_whatever_is_asked(found):
    magnet = found["magnets"]
    assert magnet["share"] <= TIMES_CHANCE * magnet["chance"]
