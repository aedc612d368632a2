"""Four subjects in five languages, one text each, in an index made by the bundled model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import jv3search
from jv3search.encoders.models import MINI

CORPUS = Path(__file__).parents[1] / "evaluation" / "multilingual" / "corpus.jsonl"
SUBJECTS = ("ink", "restore", "battery", "layout")
LANGUAGES = ("en", "de", "ru", "ja", "zh")


def subject(uri: str) -> str:
    return Path(uri).name.split(".")[0]


@pytest.fixture(scope="session")
def subjects_index(tmp_path_factory) -> Path:
    """Files ink.en.txt, ink.de.txt, ...; no test may change the index."""
    root = tmp_path_factory.mktemp("subjects")
    folder = root / "documents"
    folder.mkdir()
    for row in map(json.loads, CORPUS.read_text(encoding="utf-8").splitlines()):
        name, language = row["_id"].split(".")
        if name in SUBJECTS and language in LANGUAGES:
            (folder / f"{row['_id']}.txt").write_text(row["text"], encoding="utf-8")
    with jv3search.open(root / "kb", create=True, model=MINI) as kb:
        assert len(kb.ingest(folder).rows) == len(SUBJECTS) * len(LANGUAGES)
    return root / "kb"


@pytest.fixture
def kb(subjects_index):
    with jv3search.open(subjects_index) as opened:
        yield opened
