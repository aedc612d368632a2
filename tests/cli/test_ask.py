"""Asking from the command line: quotations with their sources, refusals, JSON."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import jv3search
from tests.conftest import TEXTS


@pytest.mark.parametrize(
    ("question", "name", "sentence"),
    [
        ("How do I restore deleted files?", "backup.en.md", "To restore deleted files, copy them back"),
        ("Womit wird eine leere Patrone ersetzt?", "drucker.de.txt", "Eine leere Patrone wird ersetzt"),
        ("Как проверить пароль сети?", "сеть.ru.txt", "Проверьте пароль сети"),
        ("安全なパスワードとは?", "パスワード.ja.txt", "安全なパスワードは長くて"),
        ("新的字体怎样安装", "字体.zh.txt", "要安装新的字体"),
        ("كيف يمكن تنزيل الخريطة؟", "خريطة.ar.txt", "يمكنك تنزيل الخريطة"),
    ],
)
def test_the_sentences_that_answer_each_with_its_source(jv3, shared_index, question, name, sentence):
    outcome = jv3("ask", question, "--index", shared_index, "--json")
    assert outcome.status == 0, outcome.err
    answer = json.loads(outcome.out)
    assert list(answer) == ["question", "refused", "answer"]
    assert (answer["question"], answer["refused"]) == (question, False)
    found = next(part for part in answer["answer"] if part["sentence"].startswith(sentence))
    assert list(found) == ["sentence", "language", "sources"]
    (source,) = found["sources"]
    assert (Path(source["uri"]).name, source["language"]) == (name, found["language"])
    assert {"number", "id", "document", "uri", "title", "page", "section", "span", "text", "sentence"} <= set(
        source
    )
    with jv3search.open(shared_index) as kb:
        text = kb.document(source["uri"]).text
    assert text[slice(*source["span"])] == source["text"]
    assert " ".join(text[slice(*source["sentence"])].split()) == found["sentence"]


@pytest.mark.parametrize("question", ["zxqv kjwpt", "qqqq wwww eeee rrrr"])
def test_a_refusal_has_no_source(jv3, shared_index, question):
    outcome = jv3("ask", question, "--index", shared_index, "--json")
    assert json.loads(outcome.out) == {"question": question, "refused": True, "answer": []}
    outcome = jv3("ask", question, "--index", shared_index)
    assert (outcome.status, outcome.out) == (0, "Nothing in your documents answers this.\n")


def test_for_people(jv3, shared_index):
    outcome = jv3("ask", "Womit", "wird", "eine", "leere", "Patrone", "ersetzt?", "--index", shared_index)
    assert "indem man die Klappe öffnet. [1]" in " ".join(outcome.out.split())
    assert "\n\n[1]  drucker.de.txt" in outcome.out
    assert "[de]" in outcome.out


def test_an_empty_index_names_the_next_step(jv3, tmp_path):
    (tmp_path / "นัดหมาย.txt").write_text("พบแพทย์วันจันทร์", encoding="utf-8")
    jv3("ingest", tmp_path / "นัดหมาย.txt", "--index", tmp_path / "kb", "--model", "jv3-mini")
    jv3("remove", tmp_path / "นัดหมาย.txt", "--index", tmp_path / "kb")
    outcome = jv3("ask", "พบแพทย์เมื่อไหร่", "--index", tmp_path / "kb")
    assert outcome.out == "Nothing in your documents answers this.\n"
    assert "The index has no documents yet" in outcome.err


def test_operators_narrow_what_is_quoted(jv3, shared_index):
    outcome = jv3("ask", "password lang:ja", "--index", shared_index, "--json")
    assert {part["language"] for part in json.loads(outcome.out)["answer"]} <= {"ja"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], 'there is no question: jv3search ask "what'),
        (["x", "lang:jp"], "did you mean ja?"),
        (["-printer"], "there is no option -p"),
    ],
)
def test_what_cannot_be_asked(jv3, shared_index, arguments, message):
    outcome = jv3("ask", *arguments, "--index", shared_index)
    assert outcome.status != 0
    assert message in outcome.err
    assert outcome.out == ""


def test_a_document_cannot_steer_the_terminal(jv3, tmp_path):
    (tmp_path / "evil.txt").write_text(
        "The manual of the printer \x1b[2Jis kept \x9b5n in the drawer.", encoding="utf-8"
    )
    assert jv3("ingest", tmp_path / "evil.txt", "--index", tmp_path / "kb", "--model", "jv3-mini").status == 0
    outcome = jv3("ask", "manual of the printer", "--index", tmp_path / "kb")
    assert "in the drawer. [1]" in outcome.out
    assert not any(c in outcome.out for c in "\x1b\x9b")


def test_quoting_imports_no_client_of_a_language_model(shared_index):
    code = (
        "import sys, jv3search; kb = jv3search.open(sys.argv[1]); "
        "print(jv3search.answer(kb, 'restore deleted files').refused, "
        "[name for name in ('openai', 'httpx', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(shared_index)], capture_output=True, text=True)
    assert done.stdout.strip() == "False []", done.stderr


def test_of_copies_and_translations_one_is_quoted(tmp_path):
    documents = tmp_path / "documents"
    documents.mkdir()
    for name in ("a.md", "b.md"):
        (documents / name).write_text(TEXTS["backup.en.md"], encoding="utf-8")
    repeated = "Die Klappe klemmt. " + TEXTS["drucker.de.txt"].split(". ")[-1]
    (documents / "c.txt").write_text(TEXTS["drucker.de.txt"], encoding="utf-8")
    (documents / "d.txt").write_text(repeated, encoding="utf-8")
    with jv3search.open(tmp_path / "kb", create=True, model="jv3-mini") as kb:
        kb.ingest(documents)
        answer = jv3search.answer(kb, "How are deleted files restored from the backup disk?")
        assert [Path(s.sources[0].uri).name for s in answer.sentences if "restore deleted" in s.text] in (
            ["a.md"],
            ["b.md"],
        )
        assert len({s.sources[0].uri for s in answer.sentences if s.language == "en"}) == 1
        texts = [s.text for s in jv3search.answer(kb, "Wie wird eine leere Patrone ersetzt?").sentences]
        assert len([text for text in texts if text.startswith("Eine leere Patrone")]) == 1


def test_headings_are_not_quoted(shared_index):
    with jv3search.open(shared_index) as kb:
        answer = jv3search.answer(kb, "Backups: restoring deleted files")
    quoted = [sentence.text.strip("# ") for sentence in answer.sentences]
    assert quoted
    assert not {"Backups", "Restoring"} & set(quoted)


def test_a_heading_is_cut_from_the_sentence_that_runs_into_it(tmp_path):
    text = "# Die Wohnung\nDie Miete beträgt 600 Euro.\n\n## Die\u2028Kaution\nSie beträgt drei Mieten.\n\n## 賃料\n毎月払います。"
    (tmp_path / "mietvertrag.md").write_text(text, encoding="utf-8")
    with jv3search.open(tmp_path / "kb", create=True, model="jv3-mini") as kb:
        kb.ingest(tmp_path / "mietvertrag.md")
        answer = jv3search.answer(kb, "Wie hoch ist die Miete der Wohnung, und wie hoch die Kaution?")
        text = kb.document(answer.sentences[0].sources[0].uri).text
    assert [sentence.text for sentence in answer.sentences] == [
        "Die Miete beträgt 600 Euro.", "Sie beträgt drei Mieten.", "毎月払います。",
    ]  # fmt: skip
    assert [s.sources[0].sentence.of(text) for s in answer.sentences] == [s.text for s in answer.sentences]


def test_sentences_stand_in_reading_order(tmp_path):
    lines = [
        "Die Miete beträgt 600 Euro.",
        "Sie ist am dritten Werktag fällig.",
        "Die Kaution beträgt drei Mieten.",
    ]
    (tmp_path / "mietvertrag.txt").write_text(" ".join(lines), encoding="utf-8")
    with jv3search.open(tmp_path / "kb", create=True, model="jv3-mini") as kb:
        kb.ingest(tmp_path / "mietvertrag.txt")
        answer = jv3search.answer(kb, "Wann ist die Miete fällig, und wie hoch ist die Kaution?")
    assert [sentence.text for sentence in answer.sentences] == lines
