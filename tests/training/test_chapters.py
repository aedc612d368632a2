"""Chapters as chunks in their context, and what counts as found."""

import numpy as np
import pytest

chapters = pytest.importorskip("training.chapters", reason="training/ is not part of the source distribution")

PAGE = """<h2 class="title"><a id="one"></a>1. Drucker</h2><p>Der Drucker druckt. {long}</p>
<h3 class="title"><a id="two"></a>1.1. 紙</h3><p>これは紙です。紙を入れます。</p>
<h3 class="title"><a id="empty"></a>1.2. Leer</h3>"""


def test_chunks_are_whole_sentences_and_headings_are_only_context(tmp_path):
    page = tmp_path / "one.html"
    page.write_text(PAGE.format(long="Er steht hinter der Treppe. " * 20), encoding="utf-8")
    for headings in (True, False):
        (made,), titles = chapters.chapters_of([page], headings)
        texts = [span.of(made.text) for span in made.spans]
        assert titles == ["Drucker", "紙"]
        assert made.titles == [0, 0, 1]
        assert texts[0].startswith("Der Drucker druckt. Er steht")
        assert texts[1].startswith("Er steht") and len(texts[1]) < chapters.CHUNK
        assert texts[2] == "これは紙です。 紙を入れます。"
        assert ("紙\nこれは" in made.text) == headings


def test_chunks_of_ones_own_section_do_not_count_against_a_chunk():
    titles = np.array([0, 0, 1])
    queries = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    chunks = np.array([[0.9, 0.5], [0.3, 0.1], [0.6, 0.2]], np.float32)
    assert chapters.ranks(queries, chunks, titles).tolist() == [0, 1, 1]
