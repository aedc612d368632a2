"""The measures against values computed by hand, and what their intervals say."""

from __future__ import annotations

import sys
from math import log2
from pathlib import Path

import numpy as np
import pytest

from benchmarks.mteb_model import MtebModel
from jv3search.errors import ConfigError
from jv3search.evaluation.measures import by_query, depth, estimate, require_ir_measures, standard_measures
from jv3search.evaluation.plot import check_plot


def test_ndcg_of_two_relevant_documents_on_places_two_and_four():
    values = by_query({"q": ["x", "a", "y", "b"]}, {"q": {"a": 1, "b": 1}}, ["nDCG@10", "R@3", "R@5", "RR@100"])
    assert values["nDCG@10"][0] == pytest.approx((1 / log2(3) + 1 / log2(5)) / (1 + 1 / log2(3)))
    assert values["nDCG@10"][0] == pytest.approx(0.650921, abs=1e-6)
    assert values["R@3"][0] == 0.5
    assert values["R@5"][0] == 1.0
    assert values["RR@100"][0] == 0.5


def test_grades_are_gains():
    values = by_query({"q": ["good", "best"]}, {"q": {"best": 2, "good": 1}}, ["nDCG@10"])
    assert values["nDCG@10"][0] == pytest.approx((1 + 2 / log2(3)) / (2 + 1 / log2(3)))


def test_the_order_of_a_ranking_counts_not_the_names():
    first = by_query({"q": ["z", "a"]}, {"q": {"z": 1}}, ["RR@10"])
    assert first["RR@10"][0] == 1.0
    assert by_query({"q": ["a", "z"]}, {"q": {"z": 1}}, ["RR@10"])["RR@10"][0] == 0.5


def test_a_query_that_finds_nothing_counts_as_zero():
    values = by_query(
        {"q1": ["a"], "q2": []}, {"q1": {"a": 1}, "q2": {"b": 1}, "q3": {"c": 1}}, ["nDCG@10", "R@5"]
    )
    assert values["nDCG@10"].tolist() == [1.0, 0.0, 0.0]
    assert by_query({"q": []}, {"q": {"a": 1}}, ["R@5"])["R@5"].tolist() == [0.0]


def test_what_lies_below_the_cutoff_does_not_count():
    ranking = [f"x{place}" for place in range(10)] + ["a"]
    values = by_query({"q": ranking}, {"q": {"a": 1}}, ["nDCG@10", "R@10", "R@100", "RR@100"])
    assert [values[name][0] for name in ("nDCG@10", "R@10", "R@100")] == [0.0, 0.0, 1.0]
    assert values["RR@100"][0] == pytest.approx(1 / 11)


def test_standard_measures_name_their_cutoffs():
    assert standard_measures(10) == ("nDCG@10", "R@5", "R@10", "R@100", "RR@100", "Success@1", "Success@3")
    assert standard_measures(20) == ("nDCG@20", "R@5", "R@10", "R@20", "R@100", "RR@100", "Success@1", "Success@3")
    assert depth(standard_measures(10)) == 100
    assert depth(standard_measures(250)) == 250


def test_an_interval_holds_the_mean_narrows_with_queries_and_is_the_same_again():
    few, many = np.array([0.0, 1.0] * 5), np.array([0.0, 1.0] * 200)
    wide, narrow = estimate(few), estimate(many)
    assert wide.mean == narrow.mean == 0.5
    assert wide.low is not None and wide.high is not None and narrow.low is not None and narrow.high is not None
    assert wide.low == pytest.approx(0.2, abs=0.11) and wide.high == pytest.approx(0.8, abs=0.11)
    assert narrow.low == pytest.approx(0.451, abs=0.01) and narrow.high == pytest.approx(0.549, abs=0.01)
    assert estimate(few) == wide


def test_one_query_has_no_interval():
    alone = estimate(np.array([0.7]))
    assert (alone.mean, alone.low, alone.high) == (0.7, None, None)


@pytest.mark.parametrize(
    ("package", "check", "hint"),
    [
        ("ir_measures", require_ir_measures, r"pip install 'jv3search\[eval\]'"),
        ("matplotlib", lambda: check_plot(Path("dial.svg")), r"pip install 'jv3search\[plot\]'"),
        ("mteb", lambda: MtebModel("jv3-mini"), "pip install mteb"),
    ],
)
def test_what_is_not_installed_is_named_with_the_remedy(monkeypatch, package, check, hint):
    monkeypatch.setitem(sys.modules, package, None)  # as the import system marks what is not there
    with pytest.raises(ConfigError, match=hint):
        check()
