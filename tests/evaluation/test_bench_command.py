"""`jv3search bench` on a real index: figures that must hold on any machine, never times."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from PIL import Image


@pytest.fixture
def benched(jv3, shared_index):
    def call(*arguments: object):
        return jv3("bench", "--index", shared_index, *arguments)

    return call


def test_recall_is_against_exact_search_at_full_size(benched, tmp_path):
    questions = tmp_path / "questions.txt"
    questions.write_text(
        "Wie ersetze ich die Patrone?\nкак сменить пароль\nパスワードの管理\nतारे\n", encoding="utf-8"
    )
    outcome = benched("--dims", "8,64,256", "--queries", questions, "--k", "3", "--json")
    assert (outcome.status, outcome.err) == (0, "")
    found = json.loads(outcome.out)
    assert (found["queries"], found["sampled"], found["full"], found["k"]) == (4, False, 256, 3)
    assert [trial["dimension"] for trial in found["trials"]] == [8, 64, 256]
    assert found["trials"][2]["coarse"]["recall"] == found["trials"][2]["rescored"]["recall"] == 1.0
    # fewer chunks than candidates: scoring again finds all, whatever the dimension
    assert [trial["rescored"]["recall"] for trial in found["trials"]] == [1.0, 1.0, 1.0]
    assert 0 < found["trials"][0]["coarse"]["recall"] < 1
    sizes = [trial["bytes"] for trial in found["trials"]]
    assert sizes[1] - sizes[0] >= 56 * 2 * found["chunks"]  # a float16 a value and chunk, and languages' means


def test_dimensions_that_are_not_there_are_named_and_sentences_are_asked(benched, shared_index):
    before = sorted((path.name, path.stat().st_size) for path in shared_index.iterdir())
    outcome = benched("--dims", "32,512,1024")
    assert outcome.status == 0
    assert "Left out: 512, 1024; the index's vectors have 256 values." in outcome.err
    assert "of the index itself; --queries FILE searches for your own." in outcome.err
    assert [line.split()[0] for line in outcome.out.splitlines()[4:]] == ["32"]
    assert sorted((path.name, path.stat().st_size) for path in shared_index.iterdir()) == before


def test_the_plot_is_a_picture_with_labels(benched, tmp_path):
    assert benched("--dims", "32,256", "--plot", tmp_path / "dial.png").status == 0
    with Image.open(tmp_path / "dial.png") as picture:
        assert picture.width > 1000 and picture.convert("L").getpixel((2, 2)) > 240  # its own light ground
    assert benched("--dims", "32,256", "--plot", tmp_path / "dial.svg").status == 0
    drawn = (tmp_path / "dial.svg").read_text(encoding="utf-8")
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    for label in ("MiB", "milliseconds", "recall", "dimensions", "coarse search alone"):
        assert label in drawn


def test_wrong_usage(benched, jv3, tmp_path):
    for arguments, status, message in (
        (["--dims", "512"], 1, "none of 512 can be tried"),
        (["--dims", "many"], 2, "'many' is not a whole number above 0"),
        (["--plot", tmp_path / "dial.gif"], 1, "must end in .png or .svg"),
        (["--plot", tmp_path / "no" / "dial.png"], 1, "there is no folder"),
        (["--queries", tmp_path / "absent.txt"], 1, "the queries cannot be read"),
    ):
        outcome = benched(*arguments)
        assert (outcome.status, message in outcome.err) == (status, True), outcome.err
    assert "there is no index in" in jv3("bench", "--index", tmp_path / "none").err
