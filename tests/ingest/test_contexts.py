"""What a chunk is read in: its section with jv3-mini, its document with a checkpoint that says nothing else."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import jv3search
from jv3search.encoders.models import MINI, load, locate
from jv3search.errors import IndexMismatch
from jv3search.ingest.prepare import opening
from jv3search.types import Section, Span

GERMAN = "Die Kaution beträgt drei Monatsmieten und wird auf einem Sparkonto verzinst angelegt. " * 9
JAPANESE = "駐車場の契約は毎月の末日に更新され、解約は一か月前までに書面で届け出てください。" * 9
THAI = "ผู้เช่าต้องจ่ายค่าน้ำและค่าไฟทุกเดือนภายในวันที่ห้าของเดือนถัดไป " * 9


def written(folder: Path, *parts: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "vertrag.md").write_text("\n".join(parts), encoding="utf-8")
    return folder


def rows(kb: jv3search.KnowledgeBase):
    (row,) = kb.documents()
    return kb.reader.embeddings(row.uri)


def test_a_section_is_embedded_as_if_it_stood_alone(tmp_path):
    sections = [f"# Kaution\n\n{GERMAN}", f"# 駐車場\n\n{JAPANESE}", f"# ค่าน้ำ\n\n{THAI}"]
    with jv3search.open(tmp_path / "kb", create=True) as kb:
        kb.ingest(written(tmp_path / "whole", *sections))
        whole = rows(kb)
        texts = [kb.reader.text(of.uri) for of in kb.documents()]
        chunks = kb.reader.chunks(kb.documents()[0].uri)
    alone = []
    for number, section in enumerate(sections):
        with jv3search.open(tmp_path / f"kb{number}", create=True) as kb:
            kb.ingest(written(tmp_path / f"part{number}", section))
            alone.append(rows(kb))
    assert len(texts) == 1 and {chunk.section for chunk in chunks} == {"Kaution", "駐車場", "ค่าน้ำ"}
    assert (whole * np.concatenate(alone)).sum(1).min() > 0.999


def test_a_checkpoint_that_says_nothing_reads_the_whole_document(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(locate(MINI, Path("absent")), folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config.pop("late_chunking_context") == "section"
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    place = written(tmp_path / "whole", f"# Kaution\n\n{GERMAN}", f"# 駐車場\n\n{JAPANESE}")
    with jv3search.open(tmp_path / "kb", create=True, model=str(folder)) as kb:
        kb.ingest(place)
        (row,) = kb.documents()
        text, spans = kb.reader.text(row.uri), [chunk.span for chunk in kb.reader.chunks(row.uri)]
        found = rows(kb)
    assert (found * load(folder).encode_document(text, spans)).sum(1).min() > 0.999
    with pytest.raises(IndexMismatch, match=r"with weights .*`jv3search reindex --model jv3-mini`"):
        jv3search.open(tmp_path / "kb", model="jv3-mini").ingest(place)


def test_chunks_that_open_a_section():
    sections = [Section("a", 1, Span(0, 40)), Section("b", 2, Span(12, 40)), Section("c", 1, Span(40, 60))]
    spans = [Span(0, 10), Span(10, 20), Span(20, 30), Span(30, 40), Span(40, 60)]
    assert opening(sections, spans) == [0, 1, 4]
