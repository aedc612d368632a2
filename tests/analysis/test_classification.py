"""Labels for documents and for lines, in any language, by the classification adapter."""

from __future__ import annotations

import io
import json
import sys

import numpy as np
import pytest

import jv3search
from jv3search.errors import InputError
from jv3search.ingest.document_vectors import sample
from jv3search.types import Filter
from tests.analysis.conftest import subject

TEXTS = ["Die Tintenpatrone ist leer.", "パスワードを忘れました。", "Завтра будет дождь."]
LABELS = ["printer", "password", "weather"]


@pytest.mark.parametrize("labels", [LABELS, ["打印机", "密码", "天气"]])
def test_each_text_gets_the_nearest_label_whatever_its_language(mini, labels):
    found = jv3search.classify(mini, TEXTS, labels)
    assert [each.label for each in found] == labels
    rows = mini.encode([*TEXTS, *labels], "classification")
    powers = np.exp(rows[:3] @ rows[3:].T)
    for each, expected in zip(found, powers / powers.sum(axis=1, keepdims=True), strict=True):
        assert list(each.scores) == labels
        assert list(each.scores.values()) == pytest.approx(expected.tolist(), abs=1e-5)
        assert each.score == max(each.scores.values())


def test_documents_are_judged_by_beginnings_of_their_passages(kb, mini):
    labels = ["ink cartridge", "battery"]
    where = Filter(languages=frozenset({"de", "ja"}))
    found = list(jv3search.classify_documents(kb, labels, where=where))
    assert [row.uri for row, _ in found] == [row.uri for row in kb.documents() if row.language in ("de", "ja")]
    right = {"ink": "ink cartridge", "battery": "battery"}
    for row, given in found:
        if subject(row.uri) in right:
            assert given.label == right[subject(row.uri)]
        spans = [chunk.span for chunk in kb.reader.chunks(row.uri)]
        text = sample(mini.tokenize(kb.document(row.uri).text), spans)
        (alone,) = jv3search.classify(mini, [text], labels)
        assert alone.scores == pytest.approx(given.scores, abs=1e-5)
    assert list(jv3search.classify_documents(kb, labels, where=Filter(formats=frozenset({"pdf"})))) == []


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "at least two labels are needed, all different; given: none"),
        (["one"], "given: one"),
        (["雨", "雪", "雨"], "given: 雨, 雪, 雨"),
        ([str(n) for n in range(257)], "there are 257 labels; 256 can be told apart at once"),
    ],
)
def test_labels_that_tell_nothing_apart(kb, mini, labels, message):
    for ask in (
        lambda: jv3search.classify(mini, TEXTS, labels),
        lambda: next(jv3search.classify_documents(kb, labels)),
    ):
        with pytest.raises(InputError, match=message):
            ask()


def test_the_command_labels_lines(jv3, tmp_path, monkeypatch, mini):
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(TEXTS) + "\n", encoding="utf-8-sig")
    labels = ["--labels", "printer, password,weather", "--model", "jv3-mini"]
    outcome = jv3("classify", path, *labels, "--json")
    assert outcome.status == 0, outcome.err
    rows = [json.loads(line) for line in outcome.out.splitlines()]
    assert [(row["text"], row["label"]) for row in rows] == list(zip(TEXTS, LABELS, strict=True))
    expected = jv3search.classify(mini, TEXTS, LABELS)
    for row, each in zip(rows, expected, strict=True):
        assert row["score"] == pytest.approx(each.score, abs=1e-6)
        assert row["scores"] == pytest.approx(each.scores, abs=1e-6)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    text = jv3("classify", "-", *labels).out
    assert text.splitlines()[1] == f"{expected[1].score:.3f}\tpassword\t{TEXTS[1]}"


def test_the_command_labels_documents(jv3, subjects_index):
    asked = ["classify", "--index", subjects_index, "--labels", "ink cartridge,battery"]
    outcome = jv3(*asked, "--lang", "ja", "--json")
    rows = [json.loads(line) for line in outcome.out.splitlines()]
    given = {subject(row["uri"]): row["label"] for row in rows}
    assert (len(rows), given["ink"], given["battery"]) == (4, "ink cartridge", "battery")
    assert jv3(*asked, "--lang", "th").err == "No document passes the filters: leave some of them out.\n"


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"a\n", ["--labels", "one"], "at least two labels are needed, all different; given: one"),
        (b"a\n", ["--labels", "x,y, x"], "given: x, y, x"),
        (b"a\n", ["--labels", ",,"], "given: none"),
        (b"a\n", [], "Missing option '--labels'"),
        (b"a\n", ["--labels", "x,y", "--lang", "de"], "--index and filters are for documents"),
        (b"a\n \n", ["--labels", "x,y"], "is blank: every line must have text"),
        (b"", ["--labels", "x,y"], "has no line of text"),
        ("größe\n".encode("latin-1"), ["--labels", "x,y"], "is not UTF-8"),
        ("größe\n".encode("utf-16"), ["--labels", "x,y"], "is not UTF-8"),
        (b"word " * 20_000, ["--labels", "x,y"], "tokens"),
    ],
)
def test_what_cannot_be_labelled(jv3, tmp_path, content, options, message):
    path = tmp_path / "lines.txt"
    path.write_bytes(content)
    outcome = jv3("classify", path, *options, "--model", "jv3-mini")
    assert outcome.status in (1, 2)
    assert message in outcome.err
    assert outcome.out == ""
