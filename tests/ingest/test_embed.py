"""What was embedded before is not embedded again, and is the same to the bit."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

import jv3search
from jv3search.ingest.pipeline import Progress
from tests.conftest import TEXTS, write_corpus

PAGE = "<html><head><meta name='made' content='{}'></head><body><h1>Größe</h1><p>{}</p></body></html>"


def ingested(folder: Path, documents: Path) -> tuple[int, dict[str, np.ndarray], list[str]]:
    """The tokens that the model saw, the stored rows by file name, and the files in the order they were told."""
    seen: list[int] = []
    told: list[str] = []
    progress = Progress(on_tokens=seen.append, on_row=lambda row: told.append(Path(row.uri).name))
    with jv3search.open(folder, create=True, model="jv3-mini") as kb:
        kb.ingest(documents, progress=progress)
        rows = {Path(row.uri).name: kb.reader.embeddings(row.uri) for row in kb.documents()}
        digests = {Path(row.uri).name: row.digest for row in kb.documents()}
    assert digests == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in documents.rglob("*") if path.is_file()
    }
    return sum(seen), rows, told


def test_copies_and_files_whose_text_stayed_are_not_embedded_again(tmp_path):
    documents = write_corpus(tmp_path / "documents")
    (documents / "seite.html").write_text(PAGE.format("gestern", TEXTS["сеть.ru.txt"]), encoding="utf-8")
    (documents / "一.txt").write_text(TEXTS["字体.zh.txt"], encoding="utf-8")  # a copy within the run
    first, rows, told = ingested(tmp_path / "kb", documents)
    assert first > 0
    assert told == sorted(told)
    assert np.array_equal(rows["一.txt"], rows["字体.zh.txt"])
    (documents / "二.txt").write_text(TEXTS["字体.zh.txt"], encoding="utf-8")  # a copy of what the index has
    (documents / "seite.html").write_text(PAGE.format("heute", TEXTS["сеть.ru.txt"]), encoding="utf-8")
    again, after, told = ingested(tmp_path / "kb", documents)
    assert (again, sorted(told[-2:])) == (0, ["seite.html", "二.txt"])
    assert np.array_equal(after["二.txt"], rows["字体.zh.txt"])
    assert np.array_equal(after["seite.html"], rows["seite.html"])
    (documents / "seite.html").write_text(PAGE.format("heute", TEXTS["drucker.de.txt"]), encoding="utf-8")
    changed, after, _ = ingested(tmp_path / "kb", documents)
    assert changed > 0
    assert not np.allclose(after["seite.html"], rows["seite.html"], atol=0.1)
