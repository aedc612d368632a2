"""Searching from the command line: the right document in another language, filters, JSON, messages."""

import json
import re
import subprocess
import sys

import pytest

QUESTIONS = {
    "Wie stelle ich gelöschte Dateien wieder her?": "backup.en.md",
    "how do I replace the ink cartridge of the printer?": "drucker.de.txt",
    "wireless network password": "сеть.ru.txt",
    "sicheres Passwort wählen": "パスワード.ja.txt",
    "install a new font": "字体.zh.txt",
}


def hits(outcome):
    assert outcome.status == 0, outcome.err
    return json.loads(outcome.out)["hits"]


def names(found):
    return [hit["uri"].rsplit("/", 1)[-1] for hit in found]


@pytest.mark.parametrize(("question", "name"), QUESTIONS.items())
def test_a_question_finds_the_document_in_another_language(jv3, shared_index, question, name):
    found = hits(jv3("search", question, "--index", shared_index, "--k", 3, "--json"))
    assert name in names(found)[:2], names(found)


def test_the_json_of_a_hit(jv3, shared_index):
    outcome = jv3("search", "restore deleted files from the backup", "--index", shared_index, "--json")
    answer = json.loads(outcome.out)
    assert (answer["query"], answer["model"], answer["dimension"]) == (
        "restore deleted files from the backup", "jv3-mini", 256,
    )  # fmt: skip
    first = answer["hits"][0]
    assert list(first) == [
        "rank", "score", "id", "document", "uri", "title", "format", "page", "section", "span", "language", "text",
        "relevance", "legs",
    ]  # fmt: skip
    assert (answer["language"], answer["mode"]) == ("en", "hybrid")
    dense, keyword = first["legs"]
    assert (dense["leg"], dense["rank"], round(dense["score"], 6)) == ("dense", 1, first["score"])
    assert (keyword["leg"], keyword["rank"]) == ("keyword", 1)
    assert 0.5 < keyword["coverage"] <= 1
    assert answer["nothing_relevant"] is False
    assert (first["rank"], first["title"], first["language"], first["page"]) == (1, "Backups", "en", None)
    assert first["section"] in ("Backups", "Restoring")
    assert "restore" in first["text"]
    assert 0 < first["score"] <= 1
    start, end = first["span"]
    assert end - start == len(first["text"])
    assert [hit["rank"] for hit in answer["hits"]] == list(range(1, len(answer["hits"]) + 1))
    chances = [hit["relevance"] for hit in answer["hits"]]
    assert chances == sorted(chances, reverse=True)
    assert all(0 < chance < 1 for chance in chances)


def test_filters_act_inside_the_search(jv3, shared_index):
    found = hits(jv3("search", "x y", "--index", shared_index, "--lang", "ja,zh", "--json"))
    assert {hit["language"] for hit in found} == {"ja", "zh"}
    assert names(hits(jv3("search", "Passwort", "--index", shared_index, "--type", "md", "--k", 1, "--json"))) == [
        "backup.en.md"
    ]
    under = shared_index.parent / "documents"
    assert len(hits(jv3("search", "x", "--index", shared_index, "--under", under, "--json", "--k", 50))) >= 8
    assert hits(jv3("search", "x", "--index", shared_index, "--under", under / "none", "--json")) == []
    assert hits(jv3("search", "x", "--index", shared_index, "--since", "2100-01-01", "--json")) == []
    assert len(hits(jv3("search", "x", "--index", shared_index, "--since", "2001-01-01", "--json"))) >= 8


def test_for_people(jv3, shared_index):
    outcome = jv3("search", "weather", "tomorrow", "--index", shared_index, "--lang", "th")
    assert outcome.status == 0
    assert "สภาพอากาศ.th.txt" in outcome.out
    outcome = jv3("search", "พยากรณ์อากาศวันพรุ่งนี้", "--index", shared_index, "--lang", "th")
    assert "สภาพอากาศ.th.txt" in outcome.out
    assert "พยากรณ์อากาศ" in outcome.out
    assert "[th]" in outcome.out


def test_one_json_line_out_for_each_line_in(jv3, shared_index, tmp_path):
    (tmp_path / "queries.txt").write_text("\n".join(QUESTIONS) + "\n", encoding="utf-8")
    outcome = jv3("search", "--queries", tmp_path / "queries.txt", "--index", shared_index, "--k", 2)
    answers = [json.loads(line) for line in outcome.out.splitlines()]
    assert [answer["query"] for answer in answers] == list(QUESTIONS)
    assert all(len(answer["hits"]) == 2 for answer in answers)
    one = json.loads(jv3("search", next(iter(QUESTIONS)), "--index", shared_index, "--k", 2, "--json").out)
    assert answers[0] == one


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 1, 'there is no query: jv3search search "what'),
        (["  "], 1, "there is no query"),
        (["x", "--lang", "jp"], 1, "'jp' is not a language code; did you mean ja?"),
        (["x", "--lang", "german"], 1, "'german' is not a language code"),
        (["x", "--type", "pfd"], 1, "'pfd' is not a document type; did you mean pdf"),
        (["x", "--since", "yesterday"], 1, "'yesterday' is not a date; write it as 2026-01-31"),
        (["x", "--k", "0"], 2, "--k"),
        (["x", "--colour"], 2, "No such option"),
        (["--queries", "absent.txt"], 1, "cannot be read from absent.txt"),
        (["x", "--queries", "absent.txt"], 1, "either a query or --queries"),
        (["word " * 3000], 1, "tokens, the model reads"),
        (["x", "--model", "bert"], 1, "there is no model 'bert': name one of jina-embeddings-v3, jv3-mini"),
    ],
)
def test_what_cannot_be_searched(jv3, shared_index, arguments, status, message):
    outcome = jv3("search", *arguments, "--index", shared_index)
    assert outcome.status == status
    assert message in outcome.err
    assert outcome.out == ""


def test_only_a_line_feed_ends_a_query(jv3, shared_index, tmp_path):
    (tmp_path / "odd.txt").write_text("one\u2028two\nthree\x0cfour", encoding="utf-8")
    outcome = jv3("search", "--queries", tmp_path / "odd.txt", "--index", shared_index, "--k", 1)
    queries = [json.loads(line)["query"] for line in outcome.out.rstrip("\n").split("\n")]
    assert queries == ["one\u2028two", "three\x0cfour"]


def test_queries_that_are_blank_or_no_text(jv3, shared_index, tmp_path):
    (tmp_path / "blank.txt").write_text("one\n\nthree\n")
    assert "line 2 of" in jv3("search", "--queries", tmp_path / "blank.txt", "--index", shared_index).err
    (tmp_path / "long.txt").write_text("one\n" + "word " * 3000)
    outcome = jv3("search", "--queries", tmp_path / "long.txt", "--index", shared_index)
    assert "line 2 of" in outcome.err
    assert json.loads(outcome.out)["query"] == "one"
    (tmp_path / "none.txt").write_text("")
    assert "has no query" in jv3("search", "--queries", tmp_path / "none.txt", "--index", shared_index).err
    (tmp_path / "latin.txt").write_bytes("größe".encode("latin-1"))
    assert "cannot be read" in jv3("search", "--queries", tmp_path / "latin.txt", "--index", shared_index).err


def test_codes_in_capitals_and_folders_that_are_gone(jv3, shared_index, tmp_path):
    found = hits(jv3("search", "x", "--index", shared_index, "--lang", "JA", "--type", "TXT", "--json"))
    assert [hit["language"] for hit in found] == ["ja"]
    outcome = jv3("search", "x", "--index", shared_index, "--under", tmp_path / "typo")
    assert outcome.status == 0
    assert "There is no folder" in outcome.err
    assert "filters and operators exclude everything" in outcome.out


def test_no_index(jv3, tmp_path):
    outcome = jv3("search", "x", "--index", tmp_path / "absent")
    assert outcome.status == 1
    assert str(tmp_path / "absent") in outcome.err
    assert "ingest" in outcome.err


def test_an_empty_index_names_the_next_step(jv3, tmp_path):
    (tmp_path / "นัดหมาย.txt").write_text("พบแพทย์วันจันทร์", encoding="utf-8")
    jv3("ingest", tmp_path / "นัดหมาย.txt", "--index", tmp_path / "kb")
    jv3("remove", tmp_path / "นัดหมาย.txt", "--index", tmp_path / "kb")
    outcome = jv3("search", "--index", tmp_path / "kb", "พบแพทย์เมื่อไหร่")
    assert outcome.status == 0
    assert outcome.out.startswith("Nothing was found: the index is empty")
    assert "The index has no documents yet: add some with `ingest FOLDER`." in outcome.err


def test_damaged_search_vectors_are_told_and_built_again(jv3, index):
    before = jv3("search", "Drucker", "--index", index, "--json")
    assert before.err == ""
    file = next(index.glob("vectors-*.faiss"))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    after = jv3("search", "Drucker", "--index", index, "--json")
    assert "is damaged; it is rebuilt from the catalog" in after.err
    assert after.out == before.out
    assert jv3("search", "Drucker", "--index", index, "--json").err == ""


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("パスワード", "パスワード.ja.txt"),
        ("字体文件", "字体.zh.txt"),
        ("маршрутизатора", "сеть.ru.txt"),
        ("อุณหภูมิ", "สภาพอากาศ.th.txt"),
        ("الخريطة", "خريطة.ar.txt"),
        ("आकाश", "तारे.hi.txt"),
        ("tintenpat*", "drucker.de.txt"),
    ],
)
def test_words_of_every_script_are_found_without_a_model(jv3, shared_index, query, name):
    outcome = jv3("search", query, "--index", shared_index, "--mode", "keyword", "--json")
    found = hits(outcome)
    assert names(found)[0] == name
    assert [leg["leg"] for leg in found[0]["legs"]] == ["keyword"]


def test_operators_in_the_query(jv3, shared_index):
    def asked(*query):
        return names(hits(jv3("search", *query, "--index", shared_index, "--json", "--k", 20)))

    assert asked("password lang:ja,zh") == ["パスワード.ja.txt", "字体.zh.txt"]
    assert set(asked('files "copy of your files"')) == {"backup.en.md"}
    assert "backup.en.md" not in asked("files -backup")
    assert asked("files under:documents type:md") == ["backup.en.md"]
    assert asked("files until:2001-01-01") == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["files lnag:de"], "lang:"),
        (["files lang:jp"], "did you mean ja?"),
        (["files lang:ja", "--lang", "de"], "no language fits both"),
        (["files under:nowhere"], "no document in the index is in a folder 'nowhere'"),
        (["files since:yesterday"], "'yesterday' is not a date"),
        (["lang:de"], "there is no word to look for"),
        (["files", "--read", "xx"], "'xx' is not a language code"),
    ],
)
def test_operators_that_cannot_be_used(jv3, shared_index, arguments, said):
    outcome = jv3("search", *arguments, "--index", shared_index)
    assert outcome.status == 1
    assert said in outcome.err
    assert outcome.out == ""


def test_explain_shows_the_sentence_and_what_each_leg_says(jv3, shared_index):
    outcome = jv3("search", "Wie ersetze ich eine leere Patrone?", "--index", shared_index, "--k", 1, "--explain")
    assert outcome.status == 0, outcome.err
    assert "Eine leere Patrone wird ersetzt, indem man die Klappe öffnet." in outcome.out.splitlines()[1].strip()
    assert re.search(r"relevance \d+%; dense \+\d\.\d: rank 1, cosine 0\.\d{3}, z \d\.\d; keyword", outcome.out)
    assert re.search(r"BM25 \d+\.\d{3}, \d+% of the words", outcome.out)
    (hit,) = hits(
        jv3(
            "search",
            "Wie ersetze ich eine leere Patrone?",
            "--index",
            shared_index,
            "--k",
            1,
            "--explain",
            "--json",
        )
    )
    start, end = (place - hit["span"][0] for place in hit["sentence"])
    assert hit["text"][start:end].startswith("Eine leere Patrone")


def test_a_very_long_file_name_is_shortened_for_people_alone(jv3, tmp_path):
    name = "Записка о резервных копиях " * 5 + ".txt"
    (tmp_path / name).write_text("Резервная копия хранится на другом диске.", encoding="utf-8")
    assert jv3("ingest", tmp_path / name, "--index", tmp_path / "kb", "--model", "jv3-mini").status == 0
    outcome = jv3("search", "резервная копия", "--index", tmp_path / "kb")
    assert name[:40] + "…" in outcome.out
    assert "копиях .txt  [ru]" in outcome.out
    assert name not in outcome.out
    (hit,) = hits(jv3("search", "резервная копия", "--index", tmp_path / "kb", "--json"))
    assert hit["uri"] == str(tmp_path / name)


def test_a_document_cannot_steer_the_terminal(jv3, tmp_path):
    (tmp_path / "evil.md").write_text(
        "# Title\x1b]0;owned\x07\n\nprinter \x1b[2J\x1b[31mred\x9b5n text of a manual\n", encoding="utf-8"
    )
    assert jv3("ingest", tmp_path / "evil.md", "--index", tmp_path / "kb", "--model", "jv3-mini").status == 0
    outcome = jv3("search", "printer manual", "--index", tmp_path / "kb", "--explain")
    assert outcome.status == 0
    assert "text of a manual" in outcome.out
    assert not any(c in outcome.out for c in "\x1b\x07\x9b")


@pytest.mark.parametrize("option", ["--json", "--explain"])
def test_a_search_imports_no_heavy_library(shared_index, option):
    """From cold, importing torch and transformers took most of the time of a search."""
    command = [
        sys.executable,
        "-X",
        "importtime",
        "-m",
        "jv3search",
        "search",
        "网络密码",
        option,
        "--index",
        shared_index,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "import time:" in line}
    assert {"openvino._pyopenvino", "sqlalchemy", "faiss"} <= imported
    heavy = {
        "torch", "transformers", "sklearn", "scipy", "pandas", "huggingface_hub", "matplotlib", "streamlit", "tqdm.std",
        "requests", "openvino_telemetry", "pypdfium2", "docx", "pptx", "psycopg",
    }  # fmt: skip
    assert heavy & imported == set()


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_either_engine_searches_what_the_other_ingested(jv3, documents, tmp_path, engine):
    other = {"openvino": "torch", "torch": "openvino"}[engine]
    assert (
        jv3("ingest", documents, "--index", tmp_path / "kb", "--model", "jv3-mini", "--engine", other).status == 0
    )
    found = [
        hits(jv3("search", "wireless password", "--index", tmp_path / "kb", "--json", "--engine", one))
        for one in (engine, other)
    ]
    assert names(found[0]) == names(found[1])
    assert [hit["score"] for hit in found[0]] == pytest.approx([hit["score"] for hit in found[1]], abs=1e-4)


def test_an_unknown_engine_is_refused(jv3, shared_index, monkeypatch):
    assert (
        "'tpu' is not one of 'auto', 'cuda', 'mps', 'openvino', 'torch'"
        in jv3("search", "x", "--engine", "tpu").err
    )
    monkeypatch.setenv("JV3SEARCH_ENGINE", "tpu")
    outcome = jv3("search", "x", "--index", shared_index)
    assert outcome.status != 0
    assert "the environment sets engine to 'tpu'; expected one of auto, cuda, mps, openvino, torch" in outcome.err


def test_pytorch_compares_vectors_as_faiss_does(jv3, shared_index, monkeypatch):
    command = ("search", "如何安装字体?", "--index", shared_index, "--json")
    expected = hits(jv3(*command))
    monkeypatch.setenv("JV3SEARCH_VECTOR_ENGINE", "torch")
    assert hits(jv3(*command)) == expected
    monkeypatch.setenv("JV3SEARCH_VECTOR_ENGINE", "gpu")
    outcome = jv3("search", "x", "--index", shared_index)
    assert outcome.status != 0
    assert "the environment sets vector_engine to 'gpu'; expected one of faiss, cuda, mps, torch" in outcome.err
