"""What a cluster embeds is what one machine embeds, to the bit, whatever dies meanwhile."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cluster.conftest import contents, ingest
from tests.conftest import TEXTS, write_corpus


@pytest.fixture
def documents(tmp_path) -> Path:
    folder = write_corpus(tmp_path / "documents")
    (folder / "a-copy.zh.txt").write_text(TEXTS["字体.zh.txt"], encoding="utf-8")
    (folder / "leer.txt").write_text(" \n", encoding="utf-8")
    (folder / "kaputt.pdf").write_bytes(b"\x89 no PDF" * 99)
    (folder / "photo.raw").write_bytes(b"...")
    (folder / "book.md").write_text("\n\n".join(f"# {i}\n\n{text}" for i in range(40) for text in TEXTS.values()))
    return folder


def test_a_cluster_makes_the_same_index_to_the_bit(machines, documents, tmp_path):
    here, there, shards = tmp_path / "here", tmp_path / "there", tmp_path / "shards"
    expected = ingest(here, documents)
    assert ingest(there, documents, on="auto", shards=shards) == expected
    assert contents(there) == contents(here)
    assert len(contents(there)["document"]) == len(TEXTS) + 2
    documents.joinpath("сеть.ru.txt").rename(documents / "связь.ru.txt")
    documents.joinpath("तारे.hi.txt").write_text(TEXTS["तारे.hi.txt"] * 2, encoding="utf-8")
    documents.joinpath("drucker.de.txt").write_text(TEXTS["drucker.de.txt"] + "\n", encoding="utf-8")  # the same text
    documents.joinpath("another.th.txt").write_text(TEXTS["สภาพอากาศ.th.txt"], encoding="utf-8")
    documents.joinpath("パスワード.ja.txt").unlink()
    expected = ingest(here, documents, prune=True)
    assert {"add", "replace", "move", "keep", "fail", "unsupported"} >= {action for _, action in expected.plan}
    assert ingest(there, documents, prune=True, on="auto", shards=shards) == expected
    assert contents(there) == contents(here)
