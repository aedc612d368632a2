"""status, reindex, remove, embed, model; and that help is light."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jv3search.cli.commands import _SUMMARIES, COMMANDS, cli
from jv3search.types import Span
from tests.conftest import TEXTS


def test_status(jv3, shared_index):
    state = json.loads(jv3("status", "--index", shared_index, "--json").out)
    assert state["documents"] == len(TEXTS)
    assert state["languages"] == {
        "ar": 1,
        "de": 1,
        "en": state["languages"]["en"],
        "hi": 1,
        "ja": 1,
        "ru": 1,
        "th": 1,
        "zh": 1,
    }
    assert state["formats"] == {"md": 1, "txt": len(TEXTS) - 1}
    assert (state["model"], state["dimension"], state["full_dimension"]) == ("jv3-mini", 256, 256)
    assert state["failures"] == []
    assert state["size"] > 10_000
    text = jv3("status", "--index", shared_index).out
    assert "documents     8\n" in text
    assert "jv3-mini" in text


def test_reindex_changes_the_dimension_and_keeps_the_hits(jv3, index):
    assert jv3("reindex", "--dim", 64, "--index", index).status == 0
    answer = json.loads(jv3("search", "restore deleted files", "--index", index, "--json").out)
    assert answer["dimension"] == 64
    assert answer["hits"][0]["uri"].endswith("backup.en.md")
    for dimension in (0, 4096):
        outcome = jv3("reindex", "--dim", dimension, "--index", index)
        assert outcome.status == 1
        assert f"dimension {dimension} is not" in outcome.err
    assert json.loads(jv3("status", "--index", index, "--json").out)["dimension"] == 64


def test_remove(jv3, index):
    uris = [
        hit["uri"] for hit in json.loads(jv3("search", "x", "--index", index, "--k", 50, "--json").out)["hits"]
    ]
    gone = next(uri for uri in uris if uri.endswith("drucker.de.txt"))
    assert jv3("remove", gone, "--index", index).out == "1 document removed.\n"
    left = json.loads(jv3("search", "Drucker", "--index", index, "--k", 50, "--json").out)["hits"]
    assert gone not in [hit["uri"] for hit in left]
    outcome = jv3("remove", gone, "--index", index)
    assert outcome.status == 1
    assert f"not in {index}: {gone}" in outcome.err


def test_list_and_show_give_what_spans_count_in(jv3, shared_index):
    uris = jv3("list", "--index", shared_index).out.splitlines()
    assert sorted(uri.rsplit("/", 1)[-1] for uri in uris) == sorted(TEXTS)
    rows = [json.loads(line) for line in jv3("list", "--index", shared_index, "--json").out.splitlines()]
    assert [row["uri"] for row in rows] == uris
    assert {row["format"] for row in rows} == {"md", "txt"}
    for hit in json.loads(jv3("search", "x", "--index", shared_index, "--k", 50, "--json").out)["hits"]:
        shown = json.loads(jv3("show", hit["uri"], "--index", shared_index, "--json").out)
        start, end = hit["span"]
        assert shown["text"][start:end] == hit["text"]
        assert jv3("show", hit["uri"], "--index", shared_index).out == shown["text"] + "\n"
    missing = jv3("show", "absent.txt", "--index", shared_index)
    assert missing.status == 1
    assert "'jv3search list' shows what is" in missing.err


def test_a_full_stdout_and_bytes_that_are_no_text(shared_index):
    """In processes of their own: the shell's bytes and a device that is always full."""
    search = [sys.executable, "-m", "jv3search", "search", "--index", str(shared_index)]
    done = subprocess.run([*search, b"bad \xff\xfe bytes"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "is not valid Unicode" in done.stderr
    assert "Traceback" not in done.stderr
    with open("/dev/full", "w") as full:
        status = [sys.executable, "-m", "jv3search", "status", "--index", str(shared_index)]
        done = subprocess.run(status, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def embeddings(outcome):
    assert outcome.status == 0, outcome.err
    return np.array([json.loads(line)["embedding"] for line in outcome.out.splitlines()])


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("Berlin ist die Hauptstadt.\n東京は日本の首都です。\nМосква — столица.\n", encoding="utf-8")
    return path


def test_embed(jv3, mini, lines):
    texts = lines.read_text(encoding="utf-8").splitlines()
    got = embeddings(jv3("embed", lines, "--task", "retrieval.query", "--model", "jv3-mini"))
    np.testing.assert_allclose(got, mini.encode(texts, "retrieval.query"), atol=1e-6)
    got = embeddings(jv3("embed", lines, "--dim", 64, "--model", "jv3-mini"))
    np.testing.assert_allclose(got, mini.encode(texts, None, dimension=64), atol=1e-6)


def test_embed_late_pools_each_line_in_the_context_of_all(jv3, mini, lines):
    texts = lines.read_text(encoding="utf-8").splitlines()
    got = embeddings(jv3("embed", lines, "--task", "retrieval.passage", "--late", "--model", "jv3-mini"))
    joined, spans, start = " ".join(texts), [], 0
    for text in texts:
        spans.append(Span(start, start + len(text)))
        start += len(text) + 1
    np.testing.assert_allclose(got, mini.encode_document(joined, spans), atol=1e-6)
    assert not np.allclose(got, mini.encode(texts, "retrieval.passage"), atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "retrieval"], "there is no task 'retrieval'; choose one of retrieval.query"),
        (["--task", "separation", "--late"], "together with --task retrieval.passage"),
        (["--dim", "0"], "dimension 0 is not in 1..256"),
        (["--dim", "4096"], "dimension 4096 is not in 1..256"),
    ],
)
def test_what_cannot_be_embedded(jv3, lines, arguments, message):
    outcome = jv3("embed", lines, "--model", "jv3-mini", *arguments)
    assert outcome.status == 1
    assert message in outcome.err
    assert outcome.out == ""


def test_blank_lines_and_other_encodings_are_named(jv3, tmp_path):
    (tmp_path / "blank.txt").write_text("one\n \n")
    assert "line 2 of" in jv3("embed", tmp_path / "blank.txt", "--model", "jv3-mini").err
    (tmp_path / "none.txt").write_text("")
    assert "has no line of text" in jv3("embed", tmp_path / "none.txt", "--model", "jv3-mini").err
    (tmp_path / "latin.txt").write_bytes("größe\n".encode("latin-1"))
    assert "is not UTF-8" in jv3("embed", tmp_path / "latin.txt", "--model", "jv3-mini").err


def test_model_list(jv3, tmp_path, monkeypatch):
    monkeypatch.setenv("JV3SEARCH_MODELS", str(tmp_path))
    listed = {m["name"]: m for m in json.loads(jv3("model", "list", "--json").out)}
    assert (listed["jv3-mini"]["here"], listed["jina-embeddings-v3"]["here"]) == (True, False)
    assert listed["jina-embeddings-v3"]["licence"] == "CC BY-NC 4.0"
    assert "CC BY-NC 4.0" in jv3("model", "list").out
    assert listed["jina-embeddings-v3"]["engine"] is None
    monkeypatch.setenv("JV3SEARCH_ENGINE", "torch")
    assert "runs on torch in f32" in jv3("model", "list").out


def test_model_verify_reports_each_golden_value(jv3):
    outcome = jv3("model", "verify", "jv3-mini", "--json")
    checks = [json.loads(line) for line in outcome.out.splitlines()]
    assert outcome.status == 0
    assert len(checks) == 5
    assert all(check["passed"] for check in checks)


def test_model_verify_shows_how_near_another_precision_comes(jv3):
    outcome = jv3("model", "verify", "jv3-mini", "--precision", "int8", "--engine", "openvino", "--json")
    *golden, last = [json.loads(line) for line in outcome.out.splitlines()]
    assert outcome.status == 0
    assert len(golden) == 5
    assert last["check"] == "int8 against f32"
    assert 0.999 < float(last["detail"].split()[2]) < 0.99999


def test_model_verify_finds_a_wrong_number(jv3, tmp_path):
    import shutil

    from jv3search.encoders.models import MINI, locate

    folder = shutil.copytree(locate(MINI, Path("absent")), tmp_path / "copy")
    golden = json.loads((folder / "golden.json").read_text())
    golden["embeddings"]["expected"]["separation"][0][0] += 0.01
    (folder / "golden.json").write_text(json.dumps(golden))
    outcome = jv3("model", "verify", folder)
    assert outcome.status == 1
    assert "FAILED  embeddings, separation" in outcome.out
    (folder / "golden.json").unlink()
    assert "no golden values are known" in jv3("model", "verify", folder).err


def test_model_pull_without_a_network_says_how_to_do_without(tmp_path):
    """In a process of its own with every proxy pointing at a closed port, so that no hub can answer."""
    closed = {name: "http://127.0.0.1:9" for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")}
    environment = {"PATH": "/usr/bin:/bin", "JV3SEARCH_MODELS": str(tmp_path), "HOME": str(tmp_path), **closed}
    done = subprocess.run(
        [sys.executable, "-m", "jv3search", "model", "pull"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Licence: CC BY-NC 4.0" in done.stderr
    assert "the model hub cannot be reached" in done.stderr
    assert "d18862d9a48706220815554fac3ebb4dfa46fc28" in done.stderr
    assert "model.safetensors" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("jina*"))


def test_help_loads_no_heavy_library():
    heavy = (
        "torch",
        "transformers",
        "faiss",
        "streamlit",
        "sqlalchemy",
        "numpy",
        "tokenizers",
        "pypdfium2",
        "fastapi",
        "mcp",
    )
    code = f"""
import sys
from jv3search.cli.commands import cli
try: cli(["--help"])
except SystemExit: pass
print([name for name in {heavy} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Find the chunks that answer a question" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_command_says_what_it_does():
    assert list(COMMANDS) == list(_SUMMARIES)
    for name in COMMANDS:
        command = cli.get_command(None, name)
        assert command.help
        for parameter in command.params:
            assert parameter.param_type_name == "argument" or parameter.help, (name, parameter.name)


def test_the_readme_names_every_command():
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert all(f"jv3search {name}" in readme or name == "ingest" for name in COMMANDS)
    assert "ingest" in readme
