"""Data sets as people write them: BEIR folders and files of judgements, odd ones too."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from jv3search.errors import InputError
from jv3search.evaluation.beir import read_beir
from jv3search.evaluation.judged_files import read_tsv
from jv3search.evaluation.silver import silver
from jv3search.indexes import open_reader

SAMPLES = Path(__file__).parents[2] / "ingest" / "samples"

CORPUS = [
    {"_id": "d1", "title": "Printers", "text": "A jam of paper is pulled out by hand.", "language": "en"},
    {"_id": "d2", "title": "", "text": "紙が詰まったらゆっくり引き出してください。", "lang": "ja-JP"},
    {"_id": "d3", "text": "Застрявшую бумагу вытягивают двумя руками, медленно."},
]
QUERIES = [{"_id": "q1", "text": "paper jam", "language": "en"}, {"_id": "q2", "text": "คนหาหนังสือในห้องสมุด"}]
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t1\nq1\td3\t0\nq2\td3\t1\n"


def write(folder: Path, corpus=CORPUS, queries=QUERIES, qrels: str | None = QRELS, *, end="\n", start="") -> Path:
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    for name, rows in (("corpus.jsonl", corpus), ("queries.jsonl", queries)):
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
        (folder / name).write_bytes((start + end.join(lines) + end).encode())
    if qrels is not None:
        (folder / "qrels/test.tsv").write_bytes((start + qrels.replace("\n", end)).encode())
    return folder


def test_a_beir_folder(tmp_path):
    passages, collection = read_beir(write(tmp_path / "set"))
    assert [(p.id, p.title, p.language) for p in passages] == [
        ("d1", "Printers", "en"),
        ("d2", "", "ja"),
        ("d3", "", "ru"),
    ]
    assert [(q.id, q.text, q.language, dict(q.relevant)) for q in collection.queries] == [
        ("q1", "paper jam", "en", {"d1": 2, "d2": 1}),  # grade 0 is not relevant
        ("q2", "คนหาหนังสือในห้องสมุด", "th", {"d3": 1}),
    ]
    assert dict(collection.languages) == {"d1": "en", "d2": "ja", "d3": "ru"}
    assert (collection.name, collection.notices) == ("set", ())


@pytest.mark.parametrize(("end", "start"), [("\r\n", ""), ("\n", "\ufeff"), ("\r\n", "\ufeff"), ("\n\n", "")])
def test_windows_line_ends_byte_order_marks_and_blank_lines(tmp_path, end, start):
    assert read_beir(write(tmp_path / "odd", end=end, start=start))[1].queries == (
        read_beir(write(tmp_path / "plain"))[1].queries
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"qrels": None}, "there are no judgements"),
        ({"qrels": ""}, "no query has a relevant document"),
        ({"qrels": "q1\td1\t0\n"}, "no query has a relevant document"),
        ({"qrels": "q9\td1\t1\n"}, "line 1 judges query 'q9', which is not in the data set"),
        ({"qrels": "q1\td1\t1\nq1\td9\t1\n"}, "line 2 judges document 'd9', which is not in the data set"),
        ({"qrels": "q1\td1\t1\nq1\td1\t1\n"}, "line 2 judges document 'd1' for query 'q1' a second time"),
        ({"qrels": "q1 d1 1\n"}, "line 1 is not three fields separated by tabs"),
        ({"qrels": "q1\td1\tyes\n"}, "line 1 is not three fields separated by tabs"),
        ({"corpus": [*CORPUS, CORPUS[0]]}, "line 4: the id 'd1' occurs twice"),
        ({"queries": [*QUERIES, QUERIES[1]]}, "line 3: the id 'q2' occurs twice"),
        ({"queries": [{"_id": "q1", "text": " \u3000"}, QUERIES[1]]}, "line 1: query 'q1' is blank"),
        ({"queries": [{"text": "no id"}]}, 'line 1 has no "_id"'),
        ({"corpus": ["[1, 2]"]}, 'line 1 has no "_id"'),
        ({"corpus": ["{broken"]}, "line 1 is not JSON"),
        ({"corpus": [{"_id": "d1", "text": 7}]}, "line 1: 'text' is 7, not a text"),
        ({"queries": [QUERIES[0] | {"language": "english"}]}, "'english' is not a language code"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        read_beir(write(tmp_path / "set", **change))


def test_a_missing_file_says_what_a_data_set_is(tmp_path):
    with pytest.raises(InputError, match=r"there is no .*corpus\.jsonl; a data set is a folder with"):
        read_beir(tmp_path)


def test_what_is_left_out_is_said(tmp_path):
    folder = write(tmp_path / "set", corpus=[*CORPUS, {"_id": "d4", "text": " "}], qrels="q1\td1\t1\nq1\td4\t1\n")
    (folder / "qrels/train.tsv").write_text(QRELS)
    passages, collection = read_beir(folder)
    assert [passage.id for passage in passages] == ["d1", "d2", "d3"]
    assert collection.notices == (
        "judgements of test.tsv; train.tsv left out",
        "queries without a relevant document, counted as unanswerable: 1",
        "documents without text, which cannot be found: 1",
    )
    assert dict(collection.queries[0].relevant) == {"d1": 1, "d4": 1}  # not found, and it counts


def test_several_judgements_of_which_none_is_called_test(tmp_path):
    folder = write(tmp_path / "set", qrels=None)
    for name in ("a.tsv", "b.tsv"):
        (folder / "qrels" / name).write_text(QRELS)
    with pytest.raises(InputError, match=r"a\.tsv, b\.tsv: rename the one to use to test\.tsv"):
        read_beir(folder)


def judged(folder: Path, text: str) -> Path:
    path = folder / "judged.tsv"
    path.write_bytes(text.encode())
    return path


def test_a_file_of_judgements_about_the_index(tmp_path, shared_index):
    text = (
        "\ufeffquery\tfile\r\n"
        "Drucker druckt nicht\tdrucker.de.txt\r\n"
        "how do I restore a file?\tdocuments/backup.en.md\ten\r\n"
        "how do I restore a file?\tパスワード.ja.txt\r\n"
    )
    with open_reader(shared_index) as reader:
        collection = read_tsv(judged(tmp_path, text), reader)
    assert [(q.text, q.language, len(q.relevant)) for q in collection.queries] == [
        ("Drucker druckt nicht", "de", 1),
        ("how do I restore a file?", "en", 2),
    ]
    assert {Path(uri).name: language for uri, language in collection.languages.items()} == {
        "drucker.de.txt": "de",
        "backup.en.md": "en",
        "パスワード.ja.txt": "ja",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no query"),
        ("query\tfile\n", "has no query"),
        ("a question\n", "line 1 is not: query, a tab, the file"),
        ("\tdrucker.de.txt\n", "line 1 is not: query, a tab, the file"),
        ("a question\tdrucker.txt\n", r"no document 'drucker.txt' in the index; did you mean drucker\.de\.txt"),
        ("a question\tdrucker.de.txt#1\n", "has no page 1"),
        (
            "a question\tdrucker.de.txt\nother\tdrucker.de.txt\na question\tdrucker.de.txt\n",
            "line 3 says a second time",
        ),
        ("a question\tdrucker.de.txt\tklingon\n", "'klingon' is not a language code"),
        ("a question\tdrucker.de.txt\ten\na question\tbackup.en.md\tde\n", "is in de here, in en at"),
    ],
)
def test_judgements_that_do_not_fit_are_named(tmp_path, shared_index, text, message):
    with open_reader(shared_index) as reader, pytest.raises(InputError, match=message):
        read_tsv(judged(tmp_path, text), reader)


def test_headings_ask_for_their_own_sections(jv3, tmp_path):
    body = "To restore deleted files, copy them back from the disk on which the backup was made last week. "
    chinese = (
        "要安装新的字体，请把字体文件复制到字体文件夹中。安装之后，重新启动文字处理软件，就可以选择新的字体。" * 3
    )
    page = (
        f"# Overview\n\n{body * 2}\n\n## Restoring files\n\n{body * 3}\n\n## Short\n\nToo little.\n\n"
        f"## 安装字体\n\n{chinese}\n\n## 1.2\n\n{body * 2}\n"
    )
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/manual.md").write_text(page, encoding="utf-8")
    (tmp_path / "docs/other.md").write_text(f"# Overview\n\n{body * 2}\n", encoding="utf-8")
    assert jv3("ingest", tmp_path / "docs", "--index", tmp_path / "kb", "--model", "jv3-mini").status == 0
    with open_reader(tmp_path / "kb") as reader:
        collection = silver(reader, 0)
        assert [(q.text, q.language) for q in collection.queries] == [
            ("Restoring files", "en"),
            ("安装字体", "zh"),
        ]
        assert collection.notices == (
            "silver: 2 of 2 headings are queries for their own sections, 0 of them also for translations",
        )
        assert len(silver(reader, 1).queries) == 1


def test_headings_ask_for_translations_that_the_index_knows(jv3, tmp_path):
    (tmp_path / "docs").mkdir()
    for name in ("backup-en.md", "backup-ja.txt", "drucker-de.md", "wifi-fr.html", "maps-th.html"):
        shutil.copy(SAMPLES / name, tmp_path / "docs" / name)
    small = ("--model", "jv3-mini", "--chunk-tokens", "32")
    assert jv3("ingest", tmp_path / "docs", "--index", tmp_path / "kb", *small).status == 0
    with open_reader(tmp_path / "kb") as reader:
        collection = silver(reader, 0)
    across = [question for question in collection.queries if len(question.relevant) > 1]
    assert across and {question.language for question in across} == {"en", "ja"}
    for question in across:
        assert sorted(collection.languages[name] for name in question.relevant) == ["en", "ja"]
    assert f"{len(across)} of them also for translations" in collection.notices[0]


def test_an_index_without_headings_gives_no_silver(jv3, tmp_path):
    (tmp_path / "plain.txt").write_text("Nothing but a sentence.", encoding="utf-8")
    assert jv3("ingest", tmp_path / "plain.txt", "--index", tmp_path / "kb", "--model", "jv3-mini").status == 0
    with open_reader(tmp_path / "kb") as reader, pytest.raises(InputError, match="no silver set can be made"):
        silver(reader, 0)
