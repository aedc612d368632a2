"""Ingesting from the command line: what a run does, what it says, and that nothing is lost."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import regex

from jv3search import indexes
from tests.conftest import TEXTS


def ingest(jv3, folder, index, *more):
    return jv3("ingest", folder, "--index", index, "--model", "jv3-mini", *more)


def outcome_of(jv3, folder, index, *more):
    outcome = ingest(jv3, folder, index, "--json", *more)
    return outcome.status, json.loads(outcome.out)


def states(report):
    return {Path(row["uri"]).name: row["state"] for row in report["files"]}


def stored(index):
    with indexes.open_reader(index) as reader:
        return {Path(row.uri).name: row for row in reader.documents()}


def ledger(index):
    with indexes.open_reader(index) as reader:
        return {Path(row.uri).name: row for row in reader.ledger()}


def test_a_first_run_stores_every_document(jv3, documents, tmp_path):
    status, report = outcome_of(jv3, documents, tmp_path / "kb")
    assert status == 0
    assert report["counts"] == {"done": len(TEXTS)}
    assert report["model"] == "jv3-mini"
    rows = {Path(row["uri"]).name: row for row in report["files"]}
    assert {name: row["language"] for name, row in rows.items()} == {name: name.split(".")[-2] for name in TEXTS}
    assert all(row["chunks"] >= 1 and row["seconds"] > 0 for row in rows.values())
    with indexes.open_reader(tmp_path / "kb") as reader:
        for name, text in TEXTS.items():
            assert (
                reader.text(str(documents.resolve() / name)).split()
                == text.replace("# ", "").replace("#", "").split()
            )


def test_a_second_run_embeds_nothing(jv3, documents, tmp_path):
    ingest(jv3, documents, tmp_path / "kb")
    before = stored(tmp_path / "kb")
    status, report = outcome_of(jv3, documents, tmp_path / "kb")
    assert (status, report["counts"]) == (0, {"unchanged": len(TEXTS)})
    assert stored(tmp_path / "kb") == before


def test_a_second_run_writes_only_what_is_new(jv3, documents, tmp_path):
    (documents / "картинка.jpg").write_bytes(b"\xff\xd8\xff")
    ingest(jv3, documents, tmp_path / "kb")
    before = ledger(tmp_path / "kb")
    (documents / "图.jpg").write_bytes(b"\xff\xd8\xff")
    assert outcome_of(jv3, documents, tmp_path / "kb")[1]["counts"] == {"unchanged": len(TEXTS), "unsupported": 2}
    after = ledger(tmp_path / "kb")
    assert (after.pop("图.jpg").state, before["картинка.jpg"].state) == ("unsupported", "unsupported")
    assert after == before


def test_a_failure_that_is_over_leaves_the_ledger(jv3, documents, tmp_path):
    ingest(jv3, documents, tmp_path / "kb")
    text = (documents / "तारे.hi.txt").read_text(encoding="utf-8")
    (documents / "तारे.hi.txt").write_bytes(b"")
    ingest(jv3, documents, tmp_path / "kb")
    assert ledger(tmp_path / "kb")["तारे.hi.txt"].state == "empty"
    (documents / "तारे.hi.txt").write_text(text, encoding="utf-8")
    ingest(jv3, documents, tmp_path / "kb")
    row = ledger(tmp_path / "kb")["तारे.hi.txt"]
    assert (row.state, row.reason, row.size) == ("unchanged", "", len(text.encode()))


def test_changed_moved_and_vanished_files(jv3, documents, tmp_path):
    index = tmp_path / "kb"
    ingest(jv3, documents, index)
    (documents / "drucker.de.txt").write_text(
        "Der Scanner macht aus Papier ein Bild. Legen Sie das Blatt auf das Glas."
    )
    (documents / "archiv").mkdir()
    (documents / "字体.zh.txt").rename(documents / "archiv" / "字体2.txt")
    (documents / "сеть.ru.txt").unlink()
    status, report = outcome_of(jv3, documents, index)
    assert status == 0
    assert report["counts"] == {"unchanged": len(TEXTS) - 3, "done": 2}
    moved = next(row for row in report["files"] if row["uri"].endswith("字体2.txt"))
    assert moved["reason"] == f"moved from {documents.resolve() / '字体.zh.txt'}"
    assert [Path(uri).name for uri in report["vanished"]] == ["сеть.ru.txt"]
    assert set(stored(index)) == set(TEXTS) - {"字体.zh.txt"} | {"字体2.txt"}
    found = json.loads(jv3("search", "Scanner", "--index", index, "--lang", "de", "--json").out)["hits"]
    assert [hit["text"][:11] for hit in found] == ["Der Scanner"]
    status, report = outcome_of(jv3, documents, index, "--prune")
    assert (status, report["removed"]) == (0, 1)
    assert "сеть.ru.txt" not in stored(index)


def test_dry_run_prints_the_plan_and_does_nothing(jv3, documents, tmp_path):
    (documents / "bild.jpg").write_bytes(b"\xff\xd8\xff")
    outcome = ingest(jv3, documents, tmp_path / "kb", "--dry-run")
    assert outcome.status == 0
    assert "new          " + str(documents.resolve() / "backup.en.md") in outcome.out
    assert "unsupported" in outcome.out
    assert not (tmp_path / "kb").exists()
    plan = json.loads(ingest(jv3, documents, tmp_path / "kb", "--dry-run", "--json").out)
    assert {Path(f["uri"]).name: f["action"] for f in plan["files"]} == dict.fromkeys(TEXTS, "new") | {
        "bild.jpg": "unsupported"
    }


def test_redirected_output_has_a_line_now_and_then(jv3, documents, tmp_path, monkeypatch):
    monkeypatch.setattr("jv3search.cli.progress._LINE_EVERY", 0.0)
    (documents / ".hidden").touch()
    outcome = ingest(jv3, documents, tmp_path / "kb")
    lines = outcome.err.splitlines()
    assert lines[1] == "Left out: 1 hidden name."
    assert lines[2:9] == [f"comparing: {number} of 8" for number in range(1, 8)]
    told = [
        regex.fullmatch(r"ingesting: (\d) of 8 files, (\d+) tokens, [\d,]+ tokens/s", line) for line in lines[9:]
    ]
    assert [int(line[1]) for line in told][-8:] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert int(told[0][1]) == 0 < int(told[0][2]) <= int(told[-1][2])  # tokens count before a document is stored


def test_files_that_no_reader_knows_are_named_at_the_end(jv3, documents, tmp_path):
    for number in range(7):
        (documents / f"foto {number}.jpg").write_bytes(b"\xff\xd8\xff")
    outcome = ingest(jv3, documents, tmp_path / "kb")
    assert outcome.status == 0, outcome.err
    assert "unsupported  foto 0.jpg, foto 1.jpg" in outcome.err
    assert "foto 4.jpg and 2 more ('jv3search status' lists them)" in outcome.err
    assert "7 unsupported" in outcome.out


def zip_bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b"<a>" + b" " * 350_000_000)


def truncated_pdf(path):
    path.write_bytes(b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Ty")


def encrypted_pdf(path):
    from pypdf import PdfWriter

    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(path)


BAD = {
    "empty.txt": (lambda p: p.write_bytes(b""), "empty", "empty"),
    "picture.txt": (lambda p: p.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20), "failed", "PNG"),
    "bomb.docx": (zip_bomb, "failed", "unpack"),
    "line.txt": (lambda p: p.write_bytes(b"a" * 100_000_000), "failed", "20 MB"),
    "cut.pdf": (truncated_pdf, "failed", "PDF"),
    "locked.pdf": (encrypted_pdf, "failed", "password"),
}


def test_bad_files_are_reported_and_stop_nothing(jv3, documents, tmp_path):
    for name, (make, _, _) in BAD.items():
        make(documents / name)
    outcome = ingest(jv3, documents, tmp_path / "kb")
    assert outcome.status == 1
    for name, (_, state, reason) in BAD.items():
        line = next(line for line in outcome.err.splitlines() if name in line)
        assert line.startswith(state), line
        assert reason in line, line
    assert set(stored(tmp_path / "kb")) == set(TEXTS)
    failures = json.loads(jv3("status", "--index", tmp_path / "kb", "--json").out)["failures"]
    assert {Path(row["uri"]).name: row["state"] for row in failures} == {n: s for n, (_, s, _) in BAD.items()}
    for name in BAD:
        (documents / name).unlink()
    assert ingest(jv3, documents, tmp_path / "kb").status == 0
    assert json.loads(jv3("status", "--index", tmp_path / "kb", "--json").out)["failures"] == []


def test_a_file_that_can_no_longer_be_read_keeps_its_previous_version(jv3, documents, tmp_path):
    ingest(jv3, documents, tmp_path / "kb")
    (documents / "drucker.de.txt").write_bytes(b"")
    outcome = ingest(jv3, documents, tmp_path / "kb")
    assert outcome.status == 1
    assert "previous version can still be found" in outcome.err
    assert "drucker.de.txt" in stored(tmp_path / "kb")
    (documents / "drucker.de.txt").write_text(TEXTS["drucker.de.txt"], encoding="utf-8")
    status, report = outcome_of(jv3, documents, tmp_path / "kb")
    assert (status, report["counts"]) == (0, {"unchanged": len(TEXTS)})


def test_an_unsupported_file_fails_only_when_it_was_asked_for(jv3, documents, tmp_path):
    (documents / "bild.jpg").write_bytes(b"\xff\xd8\xff")
    assert ingest(jv3, documents, tmp_path / "kb").status == 0
    alone = ingest(jv3, documents / "bild.jpg", tmp_path / "kb")
    assert alone.status == 1
    assert "no reader for files named *.jpg" in alone.err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["absent"], 1, "there is no file or folder absent"),
        (["EMPTY"], 1, "there is no document in"),
        (["DOCUMENTS", "--dim", "0"], 2, "0 is not in 1..1024"),
        (["DOCUMENTS", "--dim", "4096"], 2, "4096 is not in 1..1024"),
        (["DOCUMENTS", "--dim", "1024"], 1, "1024"),
        (["DOCUMENTS", "--dim", "big"], 2, "--dim"),
        (["DOCUMENTS", "--chunk-tokens", "3"], 2, "--chunk-tokens"),
        (["DOCUMENTS", "--fast"], 2, "No such option"),
        (["DOCUMENTS", "--model", "bert"], 1, "there is no model 'bert'"),
        (["DOCUMENTS", "--model", "jina-embeddings-v3"], 1, "jv3search model pull"),
        (["DOCUMENTS", "--index", "/proc/kb"], 1, "/proc/kb"),
    ],
)
def test_what_cannot_be_ingested(jv3, documents, tmp_path, monkeypatch, arguments, status, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JV3SEARCH_MODELS", str(tmp_path / "models"))
    (tmp_path / "EMPTY").mkdir()
    documents.rename(tmp_path / "DOCUMENTS")
    outcome = jv3("ingest", "--index", "kb", *arguments)
    assert outcome.status == status
    assert message in outcome.err
    assert outcome.out == ""


def test_everything_gone_can_be_pruned(jv3, documents, index, tmp_path):
    """A folder that is empty or gone is an error, unless it is to prune what was there before."""
    folder = index_source(index)
    moved = folder.rename(tmp_path / "elsewhere")
    try:
        assert "there is no file or folder" in ingest(jv3, folder, index).err
        folder.mkdir()
        assert "or use --prune" in ingest(jv3, folder, index).err
        typo = ingest(jv3, tmp_path / "typo", index, "--prune")
        assert typo.status == 1
        assert "there is no file or folder" in typo.err
        (tmp_path / "bare").mkdir()
        assert ingest(jv3, tmp_path / "bare", index, "--prune").status == 1
        assert len(stored(index)) == len(TEXTS)
        folder.rmdir()
        planned = ingest(jv3, folder, index, "--prune", "--dry-run").out
        assert planned.count("(leaves the index)") == len(TEXTS)
        outcome = ingest(jv3, folder, index, "--prune")
        assert outcome.status == 0
        assert f"{len(TEXTS)} removed" in outcome.out
        assert stored(index) == {}
    finally:
        moved.rename(folder)


def index_source(index):
    with indexes.open_reader(index) as reader:
        return Path(reader.documents()[0].uri).parent


def test_what_made_an_index_counts_over_settings_for_new_ones(jv3, documents, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("jv3search.toml").write_text('dimension = 100\nchunk_tokens = 64\nmodel = "jv3-mini"\nkind = "flat"\n')
    assert jv3("ingest", documents, "--index", "kb").status == 0
    state = json.loads(jv3("status", "--index", "kb", "--json").out)
    assert (state["dimension"], state["kind"]) == (100, "flat")
    assert jv3("reindex", "--dim", 32, "--kind", "ivf", "--index", "kb").status == 0
    Path("jv3search.toml").write_text("chunk_tokens = 128\ndimension = 200\n")
    again = jv3("ingest", documents, "--index", "kb")
    assert (again.status, "unchanged" in again.out) == (0, True)
    assert jv3("search", "Drucker", "--index", "kb").status == 0


def test_odd_paths_given_by_hand(jv3, documents, tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    outcome = ingest(jv3, tmp_path / "pipe.txt", tmp_path / "kb")
    assert outcome.status == 1
    assert "not a regular file but a pipe" in outcome.err
    folder = Path(os.fsdecode(os.fsencode(documents) + b"/fold\xe9r"))
    folder.mkdir()
    (folder / "x.txt").write_text("otter")
    outcome = ingest(jv3, documents, tmp_path / "kb")
    assert outcome.status == 1
    assert "fold\\xe9r: its name is not valid UTF-8" in outcome.err
    assert set(stored(tmp_path / "kb")) == set(TEXTS)
    outcome = ingest(jv3, "", tmp_path / "kb")
    assert outcome.status == 2
    assert "the path is empty" in outcome.err


def test_another_model_or_chunk_size_is_refused_and_nothing_changes(jv3, documents, index, tmp_path):
    from tests.encoders.checkpoints import make_checkpoints

    other, _ = make_checkpoints(tmp_path / "other")
    before = stored(index)
    outcome = jv3("ingest", documents, "--index", index, "--model", other)
    assert outcome.status == 1
    assert "was made by jv3-mini" in outcome.err
    outcome = ingest(jv3, documents, index, "--chunk-tokens", 64)
    assert outcome.status == 1
    assert "chunk_tokens" in outcome.err
    assert "reindex --dim 64" in ingest(jv3, documents, index, "--dim", 64).err
    assert stored(index) == before
    outcome = jv3("search", "backup", "--index", index, "--model", other)
    assert outcome.status == 1
    assert "other weights" in outcome.err


def test_a_full_disk_stops_with_a_message_and_loses_nothing(jv3, documents, tmp_path, monkeypatch):
    import sqlite3

    from sqlalchemy import exc

    from jv3search.indexes.catalog.write_transaction import WriteTransaction

    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    replace, calls = WriteTransaction.replace, []

    def fail_at_the_fourth(self, *arguments):
        calls.append(1)
        if len(calls) == 4:
            raise exc.OperationalError("INSERT", {}, full)
        return replace(self, *arguments)

    monkeypatch.setattr(WriteTransaction, "replace", fail_at_the_fourth)
    outcome = ingest(jv3, documents, tmp_path / "kb")
    assert outcome.status == 1
    assert "the disk is full; free some space" in outcome.err
    assert len(stored(tmp_path / "kb")) == 3
    monkeypatch.undo()
    assert ingest(jv3, documents, tmp_path / "kb").status == 0
    assert set(stored(tmp_path / "kb")) == set(TEXTS)


def start(documents, index):
    command = [sys.executable, "-m", "jv3search", "ingest", str(documents), "--index", str(index)]
    return subprocess.Popen(
        [*command, "--model", "jv3-mini"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def many_documents(folder, count):
    folder.mkdir()
    for i in range(count):
        words = " ".join(f"word{i * j % 977}" for j in range(400))
        (folder / f"{i:03}.txt").write_text(f"Document {i} of many. {words}.")
    return folder


def wait_for(index, count, process):
    while process.poll() is None:
        try:
            if len(stored(index)) >= count:
                return
        except Exception:
            time.sleep(0.05)
        time.sleep(0.05)


def test_ctrl_c_and_kill_leave_a_sound_index_and_the_next_run_goes_on(jv3, tmp_path):
    documents, index = many_documents(tmp_path / "many", 120), tmp_path / "kb"
    process = start(documents, index)
    wait_for(index, 10, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Interrupted" in err
    assert "Traceback" not in err
    after_interrupt = len(stored(index))
    assert 10 <= after_interrupt < 120
    process = start(documents, index)
    wait_for(index, after_interrupt + 10, process)
    process.kill()
    process.communicate(timeout=60)
    after_kill = len(stored(index))
    assert after_interrupt + 10 <= after_kill < 120
    status, report = outcome_of(jv3, documents, index)
    assert status == 0
    assert report["counts"] == {"unchanged": after_kill, "done": 120 - after_kill}
    assert len(stored(index)) == 120


def test_a_second_ingest_into_the_same_index_says_so(jv3, documents, tmp_path):
    process = start(many_documents(tmp_path / "many", 200), tmp_path / "kb")
    wait_for(tmp_path / "kb", 1, process)
    outcome = ingest(jv3, documents, tmp_path / "kb")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert outcome.status == 1
    assert "another process" in outcome.err
    assert ingest(jv3, documents, tmp_path / "kb", "--wait", 20).status == 0


@pytest.mark.parametrize("kind", ["flat", "ivf"])
def test_the_kind_of_a_new_index_is_an_option(jv3, documents, tmp_path, kind):
    ingest(jv3, documents, tmp_path / "kb", "--kind", kind)
    assert json.loads(jv3("status", "--index", tmp_path / "kb", "--json").out)["kind"] == kind
    assert len(json.loads(jv3("search", "x", "--index", tmp_path / "kb", "--json").out)["hits"]) == len(TEXTS)


def test_the_default_folders(jv3, documents, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.move(documents, tmp_path / "ingest")
    assert jv3("ingest", "--model", "jv3-mini").status == 0
    assert set(stored(tmp_path / "indexes" / "default")) == set(TEXTS)
