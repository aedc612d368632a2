"""A matrix whose every value can be computed by hand: rankings are given, not searched."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from jv3search.evaluation.collection import Collection, Query
from jv3search.evaluation.matrix import ANY, Matrix, measure, searches
from jv3search.evaluation.reports import matrix_as_json
from jv3search.evaluation.tables import matrix_table
from jv3search.types import UNKNOWN_LANGUAGE, Filter, Hit, Span

LANGUAGE = {"en1": "en", "en2": "en", "de1": "de", "ja1": "ja", "und1": UNKNOWN_LANGUAGE}
ANSWERS = {
    "dog": ["en1", "de1", "en1", "en2", "ja1"],
    "cat": ["ja1", "de1", "en2", "en1"],
    "Hund": ["en2", "ja1", "de1", "en1"],
}


def hit(rank: int, uri: str) -> Hit:
    return Hit(rank, 1 / rank, rank, uri, "", "txt", None, None, Span(0, 1), LANGUAGE[uri], "")


def ask(query: str, k: int, where: Filter) -> Sequence[Hit]:
    uris = [uri for uri in ANSWERS[query] if not where.languages or LANGUAGE[uri] in where.languages]
    return [hit(rank, uri) for rank, uri in enumerate(uris, 1)][:k]


def collection(*queries: Query) -> Collection:
    names = {name for query in queries for name in query.relevant}
    return Collection("hand", queries, {name: LANGUAGE[name] for name in names}, lambda query, hit: hit.uri)


DOG = Query("1", "dog", "en", {"en2": 1, "de1": 1})
CAT = Query("2", "cat", "en", {"en1": 1})
HUND = Query("3", "Hund", "de", {"de1": 1})


@pytest.fixture
def matrix() -> Matrix:
    return measure(collection(DOG, CAT, HUND), ask, ["RR@10", "R@1"])


def test_a_cell_ranks_and_judges_only_its_language(matrix):
    english = matrix.cells["en", "en"]  # dog: en1 en2 -> 1/2; cat: en2 en1 -> 1/2
    assert (english.count, english.estimates["RR@10"].mean) == (2, 0.5)
    german = matrix.cells["en", "de"]  # only dog has a German answer, the first German document
    assert (german.count, german.estimates["RR@10"].mean, german.estimates["R@1"].mean) == (1, 1.0, 1.0)


def test_without_a_filter_languages_compete(matrix):
    both = matrix.cells["en", ANY]  # dog: de1 on place 2 of targets -> 1/2; cat: en1 on place 4 -> 1/4
    assert both.estimates["RR@10"].mean == pytest.approx(0.375)
    assert matrix.cells["de", ANY].estimates["RR@10"].mean == pytest.approx(1 / 3)


def test_a_document_stands_where_its_best_chunk_does(matrix):
    assert ANSWERS["dog"].count("en1") == 2
    # en1 de1 (en1) en2: en2 is third, so both relevant targets are among the first three
    assert measure(collection(DOG), ask, ["R@3"]).cells["en", ANY].estimates["R@3"].mean == 1.0


def test_more_chunks_are_asked_for_while_they_belong_to_too_few_documents():
    asked: list[int] = []

    def one_long_document(query: str, k: int, where: Filter) -> Sequence[Hit]:
        asked.append(k)
        return [hit(rank, "en1" if rank < 30 else "en2") for rank in range(1, min(k, 60) + 1)]

    found = measure(collection(DOG), one_long_document, ["R@2"])
    assert found.cells["en", "en"].estimates["R@2"].mean == 1.0
    assert asked[:3] == [3, 12, 48]


def test_an_empty_cell_is_never_averaged(matrix):
    assert matrix.empty() == [("de", "en")]
    same, other = matrix.diagonal("RR@10"), matrix.rest("RR@10")
    assert same is not None and (same.mean, same.cells, same.empty) == (0.75, 2, 0)
    assert other is not None and (other.mean, other.cells, other.empty) == (1.0, 1, 1)
    assert matrix.mean("RR@10") is None
    text = matrix_table(matrix, "RR@10")
    assert "all cells: no mean, 1 cell of the matrix empty (de→en)" in text
    assert "across languages: 1.000 (mean of 1 cell, 1 empty left out)" in text
    assert [line.split() for line in text.splitlines()[:2]] == [
        ["RR@10", "de", "en", "any"],
        ["de", "1.000", "-", "0.333"],
    ]


def test_json_says_the_same_as_the_table(matrix):
    found = matrix_as_json(matrix)
    cells = {(cell["query"], cell["document"]): cell for cell in found["cells"]}
    assert set(cells) == {("en", "en"), ("en", "de"), ("en", ANY), ("de", "de"), ("de", ANY)}
    assert cells["en", "en"]["n"] == 2 and cells["en", "en"]["RR@10"]["mean"] == 0.5
    assert found["means"]["RR@10"]["all"] is None
    assert found["means"]["RR@10"]["across_languages"] == {"mean": 1.0, "cells": 1, "empty": 1}


def test_a_full_matrix_has_a_mean_of_all_cells_and_says_its_count_once():
    german = Query("3", "Hund", "de", {"de1": 1, "en2": 1})
    found = measure(collection(Query("1", "dog", "en", {"en1": 1, "de1": 1}), german), ask, ["RR@10"])
    mean = found.mean("RR@10")
    assert mean is not None and (mean.mean, mean.cells) == (1.0, 4)
    text = matrix_table(found, "RR@10")
    assert "n=1 in each cell" in text and "all cells: 1.000 (mean of 4 cells)" in text


def test_an_answer_of_unknown_language_counts_only_where_languages_compete():
    found = measure(collection(Query("1", "dog", "en", {"und1": 1})), ask, ["RR@10"])
    assert set(found.cells) == {("en", ANY)}
    assert found.columns == ()
    assert found.diagonal("RR@10") is None and found.mean("RR@10") is None
    assert "same language: - (no such cell)" in matrix_table(found, "RR@10")


def test_searches_are_counted_beforehand():
    asked: list[str] = []
    queries = collection(DOG, CAT, HUND)
    measure(queries, ask, ["R@1"], lambda: asked.append("search"))
    assert len(asked) == searches(queries) == 7
