"""The parts of `benchmarks.peers` that need none of the products: weights, places of passages, scores, vectors."""

import math
import sys

import numpy as np
import pytest

from benchmarks.encoder import MINI
from benchmarks.peers.documents import LANGUAGES, Target, sample
from benchmarks.peers.merged import instruction_of, merge, merged_tensors
from benchmarks.peers.processes import run
from benchmarks.peers.scoring import Pages, Passage, gain, matrix, stands_for
from benchmarks.peers.vectors import K, nearest, noisy, recall
from jv3search.types import Span, unit_rows

TEXTS = ["Der Drucker druckt nicht.", "プリンターが動きません。", "الطابعة لا تعمل", "Wie lange? " * 60]
PAGE = "第一章 備份\n\n备份是文件的副本。 每周做一次。\n\nRestoring\n\nCopy them back  from the disk."


@pytest.mark.parametrize("task", ["retrieval.passage", "retrieval.query"])
def test_a_merged_folder_gives_the_vectors_of_the_encoder(task, mini, tmp_path):
    """Read as any program reads it, by transformers, with mean pooling of what its mask admits."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = merge(MINI, task, tmp_path / "merged")
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    instruction = instruction_of(folder)
    inputs = tokenizer([instruction + text for text in TEXTS], padding=True, return_tensors="pt")
    with torch.inference_mode():
        states = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).last_hidden_state
    mask = inputs["attention_mask"][..., None]
    rows = unit_rows(((states * mask).sum(1) / mask.sum(1)).numpy())
    assert (rows * mini.encode(TEXTS, task)).sum(1).min() > 0.9999
    assert (rows * mini.encode(TEXTS, "classification")).sum(1).max() < 0.999


def test_updates_are_added_to_what_they_belong_to():
    base = {"layer.weight": np.zeros((3, 2), np.float32), "embeddings.words.weight": np.zeros((4, 2), np.float32)}
    down, up = np.array([[1, 2]], np.float32), np.array([[1], [0], [4]], np.float32)
    words, table = np.array([[1, 2, 3, 4]], np.float32), np.array([[1], [10]], np.float32)
    merged = merged_tensors(base, {"layer": (down, up), "embeddings.words": (words, table)})
    assert merged["layer.weight"].tolist() == [[0.25, 0.5], [0, 0], [1, 2]]
    assert merged["embeddings.words.weight"].tolist() == [[0.25, 2.5], [0.5, 5], [0.75, 7.5], [1, 10]]
    assert not base["layer.weight"].any()


@pytest.fixture
def pages(tmp_path):
    (tmp_path / "a.txt").write_text(PAGE, encoding="utf-8")
    return Pages(tmp_path)


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("每周做一次。", Span(18, 24)),
        ("Copy them back from the disk.", Span(37, 67)),  # one blank of two
        ("备份是文件的副本。每周做一次。", Span(8, 24)),  # no blank at all
    ],
)
def test_words_are_found_in_their_page(pages, words, place):
    assert pages.passage("a.txt", words) == Passage("a.txt", place)


def test_words_that_are_not_there_are_an_error(pages):
    with pytest.raises(ValueError, match=r"a\.txt does not have the words 'Papierstau'"):
        pages.passage("a.txt", "Papierstau")


def target(anchor, start, end, file="de.txt"):
    return Target("reference", "de", anchor, anchor.upper(), file, Span(start, end))


SECTIONS = [target("one", 0, 100), target("two", 100, 400), target("three", 400, 500)]


@pytest.mark.parametrize(
    ("start", "end", "file", "right"),
    [
        (0, 300, "de.txt", True),  # holds all of the section
        (0, 50, "de.txt", True),  # half of it
        (20, 30, "de.txt", True),  # lies in it
        (90, 110, "de.txt", True),  # half of the passage
        (91, 111, "de.txt", False),
        (0, 100, "fr.txt", False),
    ],
)
def test_when_a_passage_stands_for_a_section(start, end, file, right):
    assert stands_for(Passage(file, Span(start, end)), SECTIONS[0]) is right


def test_the_gain_falls_with_the_sections_before():
    places = [Passage("de.txt", Span(a, b)) for a, b in ((410, 420), (430, 440), (150, 200), (10, 20))]
    assert gain(places, SECTIONS[0], SECTIONS) == 1 / math.log2(4)  # two passages of "three" are one place
    assert gain(places, SECTIONS[2], SECTIONS) == 1
    assert gain(places[:3], SECTIONS[0], SECTIONS) == 0
    elsewhere = [Passage("ja.txt", Span(i, i + 1)) for i in range(9)]
    assert gain([*elsewhere, places[3]], SECTIONS[0], SECTIONS) == 1 / math.log2(11)
    assert gain([*elsewhere, places[0], places[3]], SECTIONS[0], SECTIONS) == 0  # the eleventh


def test_the_matrix_keeps_same_and_other_languages_apart():
    gains = {(a, b): [1.0, 0.5] if a == b else [0.25] for a in LANGUAGES for b in LANGUAGES}
    found = matrix(gains)
    assert (found["same_language"], found["across_languages"]) == (0.75, 0.25)
    assert (found["cells"]["ja"]["ja"], found["cells"]["ja"]["zh"]) == (0.75, 0.25)


def test_a_sample_has_whole_rows_of_languages_from_each_book():
    targets = [
        Target(book, language, f"{book}{i}", "", "", Span(0, 1))
        for book in ("reference", "handbook")
        for i in range(9)
        for language in LANGUAGES
    ]
    drawn = sample(targets, 3)
    assert [t.anchor for t in drawn if t.language == "zh"] == [
        "reference0", "reference3", "reference6", "handbook0", "handbook3", "handbook6",
    ]  # fmt: skip
    assert len(drawn) == 6 * len(LANGUAGES)


def test_made_vectors_keep_the_spectrum_of_real_ones(tmp_path):
    rng = np.random.default_rng(3)
    real = unit_rows(rng.normal(size=(500, 16)) * (1 + np.arange(16)) ** -1.0 + 0.3)
    made = noisy(real, 4_000, tmp_path / "rows.npy")
    assert made.shape == (4_000, 16)
    assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    spectra = [np.linalg.eigvalsh(np.cov(rows.T)) for rows in (real, made)]
    shares = [spectrum / spectrum.sum() for spectrum in spectra]
    assert np.abs(shares[0] - shares[1]).max() < 0.1  # equal noise in all directions: 0.16
    assert np.array_equal(made, noisy(real, 4_000, tmp_path / "again.npy"))


def test_nearest_is_exact_over_all_blocks(monkeypatch):
    monkeypatch.setattr("benchmarks.peers.vectors._AT_ONCE", 64)
    rng = np.random.default_rng(4)
    rows, queries = unit_rows(rng.normal(size=(500, 8))), unit_rows(rng.normal(size=(5, 8)))
    found = nearest(rows, queries)
    assert np.array_equal(found, np.argsort(-(queries @ rows.T), axis=1)[:, :K])
    assert recall(found.tolist(), found) == 1
    assert recall([[*row[:4], *range(900, 906)] for row in found.tolist()], found) == pytest.approx(0.4)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Makes a module of some lines that `run` finds."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def make(*lines):
        (tmp_path / "given.py").write_text("\n".join(lines), encoding="utf-8")
        return "given"

    return make


def test_a_process_is_measured_with_what_it_started(module):
    child = "import subprocess, sys, time; print('{}', flush=True)"
    work = "[sys.executable, '-c', 'x = bytearray(80_000_000); import time; time.sleep(1.5)']"
    ran = run(module(child, f"subprocess.run({work})", "print('{\"threads\": 2}')"))
    assert ran.lines == ({}, {"threads": 2})
    assert ran.megabytes > 70
    assert ran.line_seconds[0] < ran.line_seconds[1] <= ran.seconds


def test_a_process_that_fails_or_is_late_is_an_error(module):
    with pytest.raises(RuntimeError, match=r"given failed: .*no weights here"):
        run(module("import sys", "sys.exit('no weights here')"))
    with pytest.raises(TimeoutError, match="given took longer than 0 s"):
        run(module("import time", "time.sleep(30)"), limit=0.2)


def test_the_products_are_not_needed_to_read_their_results():
    import benchmarks.peers.__main__
    import benchmarks.peers.libraries
    import benchmarks.peers.product  # noqa: F401

    assert not {"chromadb", "lancedb", "llama_index.core", "txtai", "usearch"} & sys.modules.keys()
