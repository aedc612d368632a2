"""One writer at a time, any number of readers, and no one has to start again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from jv3search.errors import IndexLocked, IndexMismatch, StorageError
from jv3search.indexes import open_reader, open_writer
from jv3search.types import Filter
from tests.legs import dense

from .conftest import Place
from .corpus import MANIFEST, Oracle, check_dense, document, done, rows

QUERIES = rows(6, seed=96)


def test_a_reader_sees_each_document_as_soon_as_it_is_stored(local: Place) -> None:
    oracle = Oracle()
    with local.writer() as writer, local.reader() as reader:
        for number in range(60):
            embedded = document(f"/{number}.txt", 20, seed=number)
            writer.replace(embedded, done(embedded))
            oracle.replace(embedded)
            check_dense(reader, oracle, QUERIES[number % 6], 5)
            where = Filter(under=frozenset({f"/{number}.txt"}))
            assert len(dense(reader, QUERIES[0], 100, where)) == 20


def test_a_reader_follows_an_index_that_is_made_anew(local: Place) -> None:
    """Its open connections would go on reading the deleted file."""
    first, second = document("/first", 3), document("/second", 3, seed=1)
    with local.writer() as writer:
        writer.replace(first, done(first))
    with local.reader() as reader:
        assert dense(reader, QUERIES[0], 1)[0].uri == "/first"
        shutil.rmtree(local.folder)
        with pytest.raises(StorageError, match="it is gone"):
            dense(reader, QUERIES[0], 1)
        with local.writer() as writer:
            writer.replace(second, done(second))
        assert {hit.uri for hit in dense(reader, QUERIES[0], 9)} == {"/second"}
        shutil.rmtree(local.folder)
        local.writer(replace(MANIFEST, weights="cd" * 32)).close()
        with pytest.raises(IndexMismatch, match="weights"):
            dense(reader, QUERIES[0], 1)


def test_threads_search_while_the_index_grows_and_is_rebuilt(local: Place) -> None:
    """Adding to a FAISS index while another thread searches it ends the process."""
    stop = threading.Event()
    with local.writer() as writer, local.reader() as reader:
        first = document("/0", 30)
        writer.replace(first, done(first))

        def keep_searching(number: int) -> int:
            searches = 0
            while not stop.is_set():
                hits = dense(
                    reader,
                    first.embeddings[number],
                    20,
                    Filter(under=frozenset({"/0"}) if number % 2 else frozenset()),
                )
                closest = max(hits, key=lambda hit: hit.score)
                assert (closest.uri, closest.span) == ("/0", first.chunks[number].span)
                assert len({hit.chunk_id for hit in hits}) == 20
                searches += 1
            return searches

        with ThreadPoolExecutor(6) as pool:
            running = [pool.submit(keep_searching, number) for number in range(6)]
            try:
                for number in range(1, 50):
                    embedded = document(f"/{number % 30 + 1}", 60, seed=number, version=number)
                    writer.replace(embedded, done(embedded))
                writer.reindex(dimension=16)
                writer.reindex(kind="ivf")
            finally:
                stop.set()
            assert all(task.result() > 0 for task in running)
        assert reader.notices == []


def test_a_second_writer_is_told_so(local: Place) -> None:
    with local.writer():
        with pytest.raises(IndexLocked, match="is being written to by another process: wait"):
            local.writer()
        with pytest.raises(IndexLocked):
            local.writer(timeout=0.1)
    with local.writer():
        pass


def test_a_second_process_is_told_so_and_a_dead_one_holds_no_lock(local: Place) -> None:
    with local.writer():
        pass
    program = (
        "import sys, pathlib\n"
        "from tests.indexes.corpus import MANIFEST\n"
        "from jv3search.indexes import open_writer\n"
        "writer = open_writer(pathlib.Path(sys.argv[1]), MANIFEST)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(local.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(IndexLocked):
            local.writer()
    finally:
        child.kill()
        child.communicate()
    with local.writer():
        pass


def test_a_writer_waits_for_another(local: Place) -> None:
    first = local.writer()
    timer = threading.Timer(0.3, first.close)
    timer.start()
    with local.writer(timeout=20):
        pass
    timer.join()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="jv3-"))
    folder.chmod(0o755)
    yield folder / "index"
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755)
    shutil.rmtree(folder)


READ = """
import json, os, pathlib, sys, tempfile
from jv3search.errors import StorageError
from jv3search.indexes import open_reader, open_writer
from tests.indexes.corpus import MANIFEST, done, document, rows
from tests.legs import dense, keyword

if os.geteuid() == 0:  # root may write everywhere: load all there is to load, then be somebody else
    with tempfile.TemporaryDirectory() as other:
        with open_writer(pathlib.Path(other), MANIFEST) as writer:
            embedded = document("/", 1)
            writer.replace(embedded, done(embedded))
        with open_reader(pathlib.Path(other)) as reader:
            dense(reader, embedded.embeddings[0], 1)
            keyword(reader, "river", 1)
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
folder = pathlib.Path(sys.argv[1])
assert not os.access(folder, os.W_OK)
with open_reader(folder) as reader:
    for line in sys.stdin:
        query = rows(6, seed=96)[int(line)]
        found = [hit.uri for hit in dense(reader, query, 100)]
        assert {hit.uri for hit in keyword(reader, "0.1 0.2", 100)} == set(found)
        print(json.dumps(found), flush=True)
    assert reader.notices == []
try:
    open_writer(folder, MANIFEST)
except StorageError as error:
    assert "check its permissions" in str(error), error
else:
    raise AssertionError("wrote")
"""


@pytest.mark.parametrize("left", ["as the writer left it", "only the catalog", "no vectors", "no keywords"])
def test_a_folder_that_may_only_be_read(open_folder: Path, left: str) -> None:
    """SQLite cannot make its log's files there, and live changes of another user are seen all the same."""
    place = Place(open_folder)
    first, second = document("/eins", 4), document("/zwei", 4, seed=1)
    with place.writer() as writer:
        writer.replace(first, done(first))
    if left == "only the catalog":
        for path in open_folder.glob("catalog.sqlite-*"):
            path.unlink()
    for path in open_folder.glob({"no vectors": "*.faiss", "no keywords": "*.segment"}.get(left, "nothing")):
        path.unlink()
    files_before = sorted(path.name for path in open_folder.iterdir())
    for path in (*open_folder.iterdir(), open_folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    child = subprocess.Popen(
        [sys.executable, "-c", READ, str(open_folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    print(0, file=child.stdin, flush=True)
    assert json.loads(child.stdout.readline()) == ["/eins"] * 4
    if os.geteuid() == 0 and left != "only the catalog":  # root writes in spite of the permissions
        with open_writer(open_folder, MANIFEST) as writer:
            writer.replace(second, done(second))
            print(1, file=child.stdin, flush=True)
            assert sorted(set(json.loads(child.stdout.readline()))) == ["/eins", "/zwei"]
        files_before = None
    child.communicate(timeout=60)
    assert child.returncode == 0
    if files_before is not None:
        assert sorted(path.name for path in open_folder.iterdir()) == files_before


def test_a_reader_opens_what_a_killed_writer_left(local: Place) -> None:
    """Its documents are only in the write-ahead log yet."""
    program = (
        "import os, sys, pathlib\n"
        "from tests.indexes.corpus import MANIFEST, document, done\n"
        "from jv3search.indexes import open_writer\n"
        "writer = open_writer(pathlib.Path(sys.argv[1]), MANIFEST)\n"
        "embedded = document('/a', 8)\n"
        "writer.replace(embedded, done(embedded))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(local.folder)], check=False, timeout=60)
    assert (local.folder / "catalog.sqlite-wal").stat().st_size > 0
    with open_reader(local.folder) as reader:
        assert len(dense(reader, QUERIES[0], 50)) == 8
    with local.writer() as writer:
        assert set(writer.documents()) == {"/a"}
    assert (local.folder / "catalog.sqlite-wal").stat().st_size == 0


def test_the_log_does_not_grow_without_end(local: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jv3search.indexes.catalog.sqlite._LOG_LIMIT", 1 << 18)
    log = local.folder / "catalog.sqlite-wal"
    with local.writer() as writer:
        for number in range(60):
            embedded = document(f"/{number}", 150, seed=number)
            writer.replace(embedded, done(embedded))
            assert log.stat().st_size < 1 << 20
