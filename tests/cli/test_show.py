"""`jv3search show`: a hit among its neighbours, never beyond its section."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jv3search import knowledge_base
from jv3search.cli.commands import cli, run

HANDBOOK = """# Handbuch

Ein Vorwort mit einigen Worten über dieses Handbuch und seine drei Teile.

## Drucker

Der Drucker druckt nicht, wenn kein Papier im Fach liegt.

Eine leere Patrone wird ersetzt, indem man die Klappe öffnet.

### Farben

Blasse Farben kommen von verstopften Düsen im Druckkopf.

## ネットワーク

無線ネットワークのパスワードを確認してください。ルーターを再起動すると直ることがあります。

ケーブルが差し込まれているかどうかも確認してください。
"""
PARTS = ["Ein Vorwort", "Der Drucker", "Eine leere", "Blasse", "無線", "ケーブル"]


@pytest.fixture(scope="module")
def handbook(tmp_path_factory) -> Path:
    """An index of the handbook, a paragraph a chunk, and a document without headings."""
    root = tmp_path_factory.mktemp("show")
    (root / "handbuch.md").write_text(HANDBOOK, encoding="utf-8")
    (root / "ohne.txt").write_text(
        "\n\n".join(f"Это абзац номер {n} без заголовка." for n in range(5)), encoding="utf-8"
    )
    with pytest.raises(SystemExit) as ended:
        run(cli, ["ingest", str(root), "--index", str(root / "kb"), "--model", "jv3-mini", "--chunk-tokens", "24"])
    assert not ended.value.code
    return root / "kb"


@pytest.fixture
def shown(jv3, handbook):
    """`show HIT --context N --json` of the chunk that holds some words."""

    def call(words: str, context: str) -> dict:
        with knowledge_base.open(handbook) as kb:
            reader = kb.reader
            ids = range(1, reader.status().chunks + 1)
            number = next(key for key in ids if words in reader.context(key, 0).chunks[0].text)
        return json.loads(jv3("show", f"#{number}", "--context", context, "--index", handbook, "--json").out)

    return call


def held(found: dict) -> list[str]:
    return [part for part in PARTS if any(part in chunk["text"] for chunk in found["chunks"])]


@pytest.mark.parametrize(
    ("words", "context", "section", "parts"),
    [
        ("Der Drucker", "0", "Drucker", ["Der Drucker"]),
        ("Der Drucker", "1", "Drucker", ["Der Drucker", "Eine leere"]),
        ("Eine leere", "1", "Drucker", ["Der Drucker", "Eine leere", "Blasse"]),
        ("Eine leere", "7", "Drucker", ["Der Drucker", "Eine leere", "Blasse"]),
        ("Blasse", "section", "Farben", ["Blasse"]),
        ("Der Drucker", "section", "Drucker", ["Der Drucker", "Eine leere", "Blasse"]),
        ("ケーブル", "3", "ネットワーク", ["無線", "ケーブル"]),
        ("Ein Vorwort", "section", "Handbuch", PARTS),
    ],
)
def test_neighbours_end_with_the_section(shown, words, context, section, parts):
    found = shown(words, context)
    assert (found["section"], held(found)) == (section, parts)
    assert found["id"] in [chunk["id"] for chunk in found["chunks"]]
    for chunk in found["chunks"]:
        start, end = chunk["span"]
        assert found["section_span"][0] <= start < end <= found["section_span"][1]


def test_spans_count_in_the_document_as_show_prints_it(jv3, handbook, shown):
    found = shown("無線", "section")
    text = json.loads(jv3("show", found["uri"], "--index", handbook, "--json").out)["text"]
    for chunk in found["chunks"]:
        assert text[slice(*chunk["span"])] == chunk["text"]
        assert chunk["language"] == "ja"


def test_a_document_without_headings_is_one_section(shown):
    found = shown("номер 2", "section")
    assert found["section"] is None
    assert all(any(f"номер {n}" in chunk["text"] for chunk in found["chunks"]) for n in range(5))


def test_the_text_form_names_place_and_marks_the_hit(jv3, handbook, shown):
    number = shown("Eine leere", "0")["id"]
    plain = jv3("show", f"#{number}", "--context", 1, "--index", handbook).out
    assert "handbuch.md, “Drucker”" in plain.splitlines()[0]
    assert f"> #{number}  characters " in plain
    assert f"  #{number - 1}  characters " in plain
    assert "Der Drucker druckt nicht" in plain


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["#4711"], "there is no chunk 4711 in the index now"),
        (["99999999999999999999999"], "search again for the current ids"),
        (["١٢٣٤٥"], "there is no chunk 12345"),
        (["#"], "'jv3search list' shows what is"),
        (["#12a"], "'jv3search list' shows what is"),
        (["1", "--context", "-1"], "neither a number of chunks nor the word section"),
        (["1", "--context", "two"], "neither a number of chunks nor the word section"),
    ],
)
def test_what_cannot_be_shown_is_an_error_that_says_what_to_do(jv3, handbook, arguments, message):
    outcome = jv3("show", *arguments, "--index", handbook)
    assert outcome.status != 0
    assert outcome.out == ""
    assert message in outcome.err


def test_context_of_a_document_is_refused(jv3, handbook):
    outcome = jv3("show", handbook.parent / "handbuch.md", "--context", 2, "--index", handbook)
    assert outcome.status == 1
    assert "--context is for a hit" in outcome.err
