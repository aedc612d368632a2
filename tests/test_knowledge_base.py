"""The front door: what `import jv3search` gives, and the guide's examples."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import jv3search
from jv3search.encoders.models import MINI, locate, runs_on
from jv3search.errors import IndexMismatch, IndexNotFound, InputError
from tests.conftest import TEXTS, write_corpus

ROOT = Path(__file__).parent.parent
GUIDE = ROOT / "docs" / "guide" / "python.md"


def names(hits) -> list[str]:
    return [Path(hit.uri).name for hit in hits]


@pytest.fixture
def kb(shared_index):
    with jv3search.open(shared_index) as opened:
        yield opened


def test_the_public_names():
    assert jv3search.__all__ == [
        "Answer", "Classification", "Document", "Filter", "Hit", "IngestReport", "JV3SearchError", "KnowledgeBase",
        "SearchResult", "Span", "Topic", "answer", "classify", "classify_documents", "load_encoder", "open", "topics",
    ]  # fmt: skip
    assert all(getattr(jv3search, name) for name in jv3search.__all__)
    with pytest.raises(AttributeError, match="no attribute 'index'"):
        _ = jv3search.index
    assert (Path(jv3search.__file__).parent / "py.typed").exists()


def test_the_guides_examples_run_in_order(tmp_path):
    """Word for word, in a process of their own."""
    shutil.copytree(ROOT / "ingest" / "samples", tmp_path / "ingest" / "samples")
    code = "\n".join(re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "fahrrad-de.pdf" in done.stdout  # the German manual answers an English question
    assert "['de'" in done.stdout
    assert "'en'" not in done.stdout.split("['de'")[1].split("]")[0]


def test_what_needs_no_model_goes_on_while_it_is_loaded(kb):
    """The application's page opens the index beside the model; whoever loads it holds the lock."""
    reader = kb.reader
    with ThreadPoolExecutor(1) as pool, kb._lock:
        for work in (kb.load_beside, kb.documents, kb.status, reader.stamp):
            pool.submit(work).result(timeout=60)
        found = pool.submit(kb.search, "Tintenpatrone", mode="keyword").result(timeout=60)
    assert names(found.hits)[0] == "drucker.de.txt"
    assert names(kb.search("空のインクカートリッジ").hits)[0] == "drucker.de.txt"


def test_a_knowledge_base_is_made_grows_and_shrinks(tmp_path):
    documents, folder = write_corpus(tmp_path / "documents"), tmp_path / "kb"
    with pytest.raises(IndexNotFound):
        jv3search.open(folder)
    heard = []
    with jv3search.open(folder, create=True, model="jv3-mini", dimension=64) as kb:
        report = kb.ingest(documents, on_file=heard.append)
        assert sorted(Path(row.uri).name for row in report.rows) == sorted(TEXTS)
        assert list(report.rows) == heard
        assert {row.state for row in heard} == {"done"}
        assert (report.model, report.removed, report.plan.vanished) == ("jv3-mini", 0, ())
        assert kb.status().dimension == 64
        assert names(kb.search("推测しにくいパスワード", k=1)) == ["パスワード.ja.txt"]
        (documents / "字体.zh.txt").unlink()
        (documents / "new.uk.txt").write_text("Бібліотека відчинена щодня, крім понеділка.", encoding="utf-8")
        assert [planned.action for planned in kb.plan(documents).files].count("add") == 1
        report = kb.ingest(documents, prune=True)
        assert report.removed == 1
        assert names(kb.search("коли відчинена бібліотека", k=1)) == ["new.uk.txt"]
        gone = kb.search("коли відчинена бібліотека", k=1).hits[0].uri
        assert kb.remove(gone, "/nowhere") == [gone]
        assert len(kb.documents()) == len(TEXTS) - 1
        assert kb.reindex(dimension=128) == ()
        assert kb.status().dimension == 128
    with jv3search.open(folder, dimension=None) as again:
        assert again.settings.model == "jv3-mini"  # what made an index counts


def test_a_search_is_a_result_with_hits_and_their_places(kb):
    result = kb.search("restore deleted files", k=3)
    assert isinstance(result, jv3search.SearchResult)
    assert len(result) == len(list(result)) == 3
    first = result.hits[0]
    assert Path(first.uri).name == "backup.en.md"
    assert first.sentence is None
    marked = kb.highlight(result).hits[0]
    assert "restore" in marked.sentence.of(kb.document(first.uri).text)
    assert [part.chunk_id for part in kb.context(marked, 0).chunks] == [first.chunk_id]
    assert kb.context(first.chunk_id, None).section == first.section
    with pytest.raises(InputError, match="no chunk 987654"):
        kb.context(987654)


def test_a_search_by_words_loads_no_model(shared_index):
    code = (
        "import sys, jv3search; kb = jv3search.open(sys.argv[1]); "
        "print(kb.search('Tintenpatrone', mode='keyword').hits[0].language, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(shared_index)], capture_output=True, text=True)
    assert done.stdout.split() == ["de", "False"], done.stderr


def test_an_index_of_8_bit_weights_remembers_them(tmp_path, shared_index):
    """It is searched with them whatever the settings say, and no other precision gets in; f32 is as auto there."""
    documents, folder = tmp_path / "documents", tmp_path / "kb"
    documents.mkdir()
    (documents / "drucker.de.txt").write_text(TEXTS["drucker.de.txt"], encoding="utf-8")
    with jv3search.open(folder, create=True, model="jv3-mini", precision="int8", engine="openvino") as kb:
        kb.ingest(documents)
        assert kb.runs_on() == ("openvino", "int8")
    with jv3search.open(folder) as kb:
        assert kb.runs_on() == ("openvino", "int8")
        assert names(kb.search("printer ink").hits) == ["drucker.de.txt"]
        assert kb.status().precision == "int8"
    with jv3search.open(folder, precision="f32") as kb:
        with pytest.raises(IndexMismatch, match="made with the precision int8, a search with full would"):
            kb.search("printer ink")
        with pytest.raises(IndexMismatch, match="with precision 'int8', not by jv3-mini with precision 'full'"):
            kb.ingest(documents)
    with jv3search.open(shared_index, precision="f32", engine="openvino") as kb:
        assert kb.runs_on() == ("openvino", "f32")
        assert kb.status().precision == "full"


def test_a_setting_of_8_bit_weights_is_for_new_indexes(shared_index, monkeypatch):
    monkeypatch.setenv("JV3SEARCH_PRECISION", "int8")
    with jv3search.open(shared_index, engine="openvino") as kb:
        assert kb.runs_on() == runs_on(locate(MINI, Path("absent")), "openvino")  # what suits the CPU


def test_threads_share_one_knowledge_base(shared_index):
    asked = {
        "Papier im Fach": "drucker.de.txt",
        "restore deleted files": "backup.en.md",
        "Маршрутизатор": "сеть.ru.txt",
        "寻找字体文件夹": "字体.zh.txt",
        "تنزيل الخريطة": "خريطة.ar.txt",
        "रात के आकाश में तारे": "तारे.hi.txt",
        "พยากรณ์อากาศ": "สภาพอากาศ.th.txt",
    }
    with jv3search.open(shared_index) as kb, ThreadPoolExecutor(4) as pool:  # nothing is opened yet
        found = list(pool.map(lambda query: names(kb.search(query, k=1)), [*asked] * 4))
    assert found == [[name] for name in asked.values()] * 4


def test_an_encoder_alone():
    encoder = jv3search.load_encoder("jv3-mini")
    text = "犬は庭で寝ている。The invoice is due in May."
    spans = [jv3search.Span(0, 9), jv3search.Span(9, len(text))]
    rows = encoder.encode_document(text, spans, dimension=64)
    assert rows.shape == (2, 64)
    query = encoder.encode_query("when must the bill be paid")[:64]
    assert (rows @ query).argmax() == 1
