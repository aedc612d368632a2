"""What a cluster embeds is what one machine embeds, to the bit, whatever dies meanwhile."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

import jv3search
from jv3search.errors import ClusterError
from tests.cluster.conftest import ROOT, Told, contents, ingest, listening
from tests.conftest import TEXTS, write_corpus

OTHER = {"add", "fail", "unsupported"}


def write_documents(folder: Path) -> Path:
    """The texts in eight scripts, a copy, a book of several windows, and files of which nothing can be made."""
    write_corpus(folder)
    (folder / "a-copy.zh.txt").write_text(TEXTS["字体.zh.txt"], encoding="utf-8")
    (folder / "leer.txt").write_text(" \n", encoding="utf-8")
    (folder / "kaputt.pdf").write_bytes(b"\x89 no PDF" * 99)
    (folder / "photo.raw").write_bytes(b"...")
    (folder / "book.md").write_text("\n\n".join(f"# {i}\n\n{text}" for i in range(40) for text in TEXTS.values()))
    return folder


def write_many(folder: Path, count: int) -> Path:
    """So many documents of some 700 tokens, no two alike, in eight scripts."""
    folder.mkdir()
    texts = list(TEXTS.values())
    for number in range(count):
        text = "\n\n".join(f"{number} {i} {texts[(number + i) % len(texts)]}" for i in range(12))
        (folder / f"{number:04} {texts[number % len(texts)][:9].strip('# ')}.txt").write_text(
            text, encoding="utf-8"
        )
    return folder


@dataclass(frozen=True)
class Both:
    """The same documents ingested here and on the cluster."""

    documents: Path
    here: Path
    there: Path
    shards: Path
    told_here: Told
    told_there: Told


@pytest.fixture(scope="module")
def both(machines, tmp_path_factory) -> Both:
    root = tmp_path_factory.mktemp("both")
    documents, here, there, shards = (root / name for name in ("documents", "here", "there", "shards"))
    write_documents(documents)
    told_here = ingest(here, documents)
    return Both(documents, here, there, shards, told_here, ingest(there, documents, on="auto", shards=shards))


def test_the_index_and_the_progress_are_the_same_to_the_bit(both):
    assert both.told_there == both.told_here
    assert {state for _, state, _ in both.told_here.rows} == {"done", "failed", "empty", "unsupported"}
    assert contents(both.there) == contents(both.here)
    assert len(contents(both.there)["document"]) == len(TEXTS) + 2


def test_shards_that_are_there_are_used_and_damaged_ones_are_made_again(both, tmp_path):
    shards = Path(shutil.copytree(both.shards, tmp_path / "shards"))
    found = sorted(shards.rglob("*.parquet"))
    assert len(found) == len(TEXTS) + 2
    changed, torn = found[0], found[1]
    data = bytearray(changed.read_bytes())
    data[len(data) // 2] ^= 1
    changed.write_bytes(data)
    torn.write_bytes(torn.read_bytes()[:-9])
    (changed.parent / "0123.unfinished").write_bytes(b"PAR1")
    before = {path: path.stat().st_mtime_ns for path in found}
    told = ingest(tmp_path / "kb", both.documents, on="auto", shards=shards)
    assert 0 < told.tokens < both.told_here.tokens
    assert told.rows == both.told_here.rows
    new = {path for path in shards.rglob("*.parquet") if before.get(path) != path.stat().st_mtime_ns}
    assert {path.name.rpartition("-")[0] for path in new} == {
        path.name.rpartition("-")[0] for path in (changed, torn)
    }
    assert len(list(shards.rglob("*.parquet"))) == len(found)
    rows, expected = contents(tmp_path / "kb"), contents(both.here)
    assert rows["chunk"] == expected["chunk"]
    assert rows["body"] == expected["body"]


def test_changes_are_the_same_through_a_rays_client(both, machines):
    """Moved, changed, changed outside the text, copied from the index, gone, not to be read."""
    folder = both.documents
    (folder / "сеть.ru.txt").rename(folder / "связь.ru.txt")
    (folder / "तारे.hi.txt").write_text(TEXTS["तारे.hi.txt"] * 2, encoding="utf-8")
    (folder / "drucker.de.txt").write_text(TEXTS["drucker.de.txt"] + "\n", encoding="utf-8")
    (folder / "another.th.txt").write_text(TEXTS["สภาพอากาศ.th.txt"], encoding="utf-8")
    (folder / "パスワード.ja.txt").unlink()
    os.mkfifo(folder / "труба.txt")  # no file that can be read
    expected = ingest(both.here, folder, prune=True)
    told = ingest(both.there, folder, prune=True, on=machines.client, shards=both.shards)
    assert told == expected
    assert {action for _, action in told.plan} == {"add", "replace", "move", "keep", "fail", "unsupported"}
    assert contents(both.there) == contents(both.here)


def test_a_machine_and_an_encoder_that_die_cost_nothing(machines, tmp_path):
    documents = write_many(tmp_path / "documents", 60)
    expected = ingest(tmp_path / "here", documents)
    dead = []

    def strike(row):
        if not dead:
            machines.kill(machines.nodes.pop())
            (encoder, *_) = encoders()
            encoder.kill()
            dead.append(encoder.pid)

    told = ingest(tmp_path / "there", documents, on="auto", shards=tmp_path / "shards", on_row=strike)
    machines.nodes.append(machines.add())
    assert dead
    assert told.rows == expected.rows
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def encoders() -> list[psutil.Process]:
    """The processes of this cluster that hold the model."""
    return [
        process
        for process in psutil.process_iter(["name", "cmdline", "ppid"])
        if "DocumentEncoder" in " ".join(process.info["cmdline"] or [])
        and os.getpid() in {parent.pid for parent in process.parents()}
    ]


def test_a_process_that_was_started_and_killed_leaves_whole_documents(machines, tmp_path):
    documents, index, shards = write_many(tmp_path / "documents", 60), tmp_path / "kb", tmp_path / "shards"
    command = [sys.executable, "-m", "jv3search", "ingest", documents, "--index", index, "--model", "jv3-mini"]
    expected = ingest(tmp_path / "here", documents)
    with subprocess.Popen(
        [*command, "--on", "auto", "--shards", shards], cwd=ROOT, stderr=subprocess.DEVNULL
    ) as run:
        while run.poll() is None and len(list(shards.rglob("*.parquet"))) < 12:
            time.sleep(0.05)
        run.kill()
    assert run.returncode == -9
    there = {path: path.stat().st_mtime_ns for path in shards.rglob("*.parquet")}
    with jv3search.open(index, create=True, model="jv3-mini") as kb:
        try:
            stored = {row.uri: row.chunks for row in kb.documents()}
        except jv3search.errors.IndexNotFound:
            stored = {}
    told = ingest(index, documents, on="auto", shards=shards)
    assert [state for _, state, _ in told.rows].count("done") == 60 - len(stored)
    assert 0 < told.tokens < expected.tokens
    assert there.items() <= {path: path.stat().st_mtime_ns for path in shards.rglob("*.parquet")}.items()
    assert len(list(shards.rglob("*.parquet"))) == 60
    rows, local = contents(index), contents(tmp_path / "here")
    assert [row[1:] for row in rows["body"]] == [row[1:] for row in local["body"]]
    assert len(rows["chunk"]) == len(local["chunk"])
    with jv3search.open(index) as kb:
        assert len({row.uri for row in kb.documents()}) == len(kb.documents()) == 60


def test_a_machine_with_another_version_or_model_is_named(machines, both, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # Ray's workers look for modules in this process' folder first
    other = tmp_path / "other"
    shutil.copytree(ROOT / "jv3search", other / "jv3search", ignore=shutil.ignore_patterns("__pycache__"))
    module = other / "jv3search" / "__init__.py"
    source = module.read_text(encoding="utf-8")
    module.write_text(source.replace(f'__version__ = "{jv3search.__version__}"', '__version__ = "0.0.9"'))
    node = machines.add(env_vars={"PYTHONPATH": str(other)})
    more = write_many(tmp_path / "documents", 1)
    try:
        with pytest.raises(ClusterError, match=r"has jv3search 0\.0\.9, this is .*: install the same version"):
            ingest(tmp_path / "kb", more, on="auto", shards=tmp_path / "shards")
        module.write_text(source)
        weights = other / "jv3search" / "assets" / "jv3-mini" / "model.safetensors"
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
        with pytest.raises(ClusterError, match=r"has jv3-mini with other weights \(\w{12}\).*copy the same model"):
            ingest(tmp_path / "kb", more, on="auto", shards=tmp_path / "shards")
    finally:
        machines.kill(node)
    with jv3search.open(tmp_path / "kb", create=True, model="jv3-mini") as kb:
        assert kb.documents() == []


def test_a_cluster_of_this_machine_alone_listens_to_no_other(machines, both, tmp_path):
    """The machine's own cluster, started by the command and ended with it."""
    documents = write_documents(tmp_path / "documents")
    command = [sys.executable, "-m", "jv3search", "ingest", documents, "--index", tmp_path / "kb", "--json"]
    own = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    own["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    addresses: set[str] = set()
    with subprocess.Popen(
        [*command, "--model", "jv3-mini", "--on", "local-cluster"], cwd=ROOT, env=own, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    ) as run:  # fmt: skip
        while not any(tmp_path.glob("cache/jv3search/shards/*/*/*.parquet")) and run.poll() is None:
            addresses |= listening(run.pid)
            time.sleep(0.2)
        out, err = run.communicate()
    assert run.returncode == 1, err  # two files cannot be read
    assert '"done": 10' in out
    assert addresses and addresses <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
    assert "Traceback" not in err and "WARNING" not in err
    assert len(contents(tmp_path / "kb")["document"]) == len(TEXTS) + 2
    assert not listening(run.pid)
