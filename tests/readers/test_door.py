"""The child process: slow, crashing and greedy documents cost themselves, and nothing survives the parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from jv3search.errors import EmptyDocument, ReadError
from jv3search.readers import Limits, SandboxedReader
from jv3search.readers.sandbox import wire
from jv3search.types import Document, Page, Section, Span

GOOD = (b"Ein Text.\n", "good.txt")


def child_of(reader: SandboxedReader) -> int:
    assert reader._child is not None
    return reader._child.pid


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until_gone(pid: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return gone(pid)


def test_child_is_warm_and_recycled() -> None:
    with SandboxedReader(Limits(files_per_child=3)) as reader:
        pids = []
        for _ in range(7):
            assert reader.read_bytes(*GOOD).text == "Ein Text."
            pids.append(child_of(reader) if reader._child else None)
        assert pids[0] == pids[1]
        assert pids[2] is None  # retired after the third
        assert pids[3] == pids[4] != pids[0]


def test_slow_document_is_killed_and_the_next_one_read() -> None:
    slow = b"a,b,c,d,e,f,g,h\n" * 1_000_000
    with SandboxedReader(Limits(seconds=0.5)) as reader:
        reader.read_bytes(*GOOD)
        pid, began = child_of(reader), time.monotonic()
        with pytest.raises(ReadError, match=r"^slow.csv: reading took longer than 0.5 seconds, the limit$"):
            reader.read_bytes(slow, "slow.csv")
        assert time.monotonic() - began < 10
        assert gone(pid)
        assert reader.read_bytes(*GOOD).text == "Ein Text."


def test_crash_is_one_documents_fate() -> None:
    with SandboxedReader() as reader:
        reader.read_bytes(*GOOD)
        pid = child_of(reader)
        killer = threading.Timer(0.3, os.kill, (pid, signal.SIGSEGV))
        killer.start()
        with pytest.raises(ReadError, match=r"^slow.csv: the parser crashed \(signal 11, SIGSEGV\)$"):
            reader.read_bytes(b"a,b,c,d,e,f,g,h\n" * 1_000_000, "slow.csv")
        killer.join()
        assert reader.read_bytes(*GOOD).text == "Ein Text."
        assert child_of(reader) != pid


def test_child_that_died_between_two_documents_is_replaced() -> None:
    with SandboxedReader() as reader:
        reader.read_bytes(*GOOD)
        os.kill(child_of(reader), signal.SIGKILL)
        reader._child._process.wait()
        assert reader.read_bytes(*GOOD).text == "Ein Text."


def test_memory_is_limited() -> None:
    greedy = b"[" + b"[]," * 8_000_000 + b"[]]"
    with SandboxedReader(Limits(memory=400 << 20)) as reader:
        with pytest.raises(
            ReadError, match=r"^greedy.json: parsing it needs more than 400 MiB of memory, the limit$"
        ):
            reader.read_bytes(greedy, "greedy.json")
        assert reader.read_bytes(*GOOD).text == "Ein Text."


def test_limits_inside_the_child() -> None:
    with SandboxedReader() as reader:
        reader.read_bytes(*GOOD)
        limits = Path(f"/proc/{child_of(reader)}/limits").read_text()
        found = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()}
    assert found["Max address space"] == [str(1 << 30)] * 2
    assert found["Max open files"] == ["64"] * 2
    assert found["Max file size"] == ["0"] * 2
    assert found["Max core file size"] == ["0"] * 2


def test_close_ends_the_child_and_reading_starts_another() -> None:
    reader = SandboxedReader()
    reader.read_bytes(*GOOD)
    pid = child_of(reader)
    reader.close()
    assert gone(pid)
    assert reader.read_bytes(*GOOD).text == "Ein Text."
    reader.close()
    reader.close()


@pytest.mark.parametrize("end", ["SIGKILL", "SIGTERM"])
def test_child_does_not_outlive_its_parent(end: str) -> None:
    script = (
        "import sys, time; from jv3search.readers import SandboxedReader; r = SandboxedReader(); "
        "r.read_bytes(b'x', 'a.txt'); print(r._child.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        child = int(parent.stdout.readline())
        assert not gone(child)
        parent.send_signal(getattr(signal, end))
        parent.wait()
        assert wait_until_gone(child)


def test_busy_orphan_ends_itself() -> None:
    """Its parent dead, a child that is stuck in a parser is ended by its own alarm."""
    script = (
        "import os, sys, threading; from jv3search.readers import Limits, SandboxedReader; r = SandboxedReader(Limits(seconds=0.9)); "
        "r.read_bytes(b'x', 'a.txt'); print(r._child.pid, flush=True); "
        "threading.Timer(0.2, os._exit, (0,)).start(); r.read_bytes(b'a,b,c,d,e,f,g,h\\n' * 2_500_000, 'a.csv')"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        child = int(parent.stdout.readline())
        parent.wait()
        assert wait_until_gone(child, seconds=15)


def test_control_c_prints_nothing_of_the_child() -> None:
    script = (
        "import time; from jv3search.readers import SandboxedReader\n"
        "with SandboxedReader() as r:\n    r.read_bytes(b'x', 'a.txt'); print(r._child.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as parent:
        child = int(parent.stdout.readline())
        os.killpg(parent.pid, signal.SIGINT)  # as the terminal does
        _, errors = parent.communicate()
        assert errors.count(b"Traceback") == 1  # the script's own
        assert wait_until_gone(child)


def test_nothing_heavy_is_imported() -> None:
    light = "import sys, jv3search.readers, jv3search.readers.sandbox.child; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", light], capture_output=True, check=True, text=True
    ).stdout.split()
    heavy = "torch transformers faiss sqlalchemy pypdf pypdfium2 docx pptx lxml selectolax docutils markdown_it python_calamine"
    assert not set(heavy.split()) & set(loaded)


def test_reader_works_from_threads() -> None:
    with SandboxedReader() as reader:
        results: list[str] = []
        threads = [
            threading.Thread(
                target=lambda n=n: results.append(reader.read_bytes(f"text {n}".encode(), "a.txt").text)
            )
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(results) == [f"text {n}" for n in range(8)]


def test_document_crosses_the_wire_unchanged() -> None:
    document = Document("текст 漢字 \U0001f600\n\nx", "عنوان", "pdf", (Page(1, Span(0, 5), "iv"),),
                        (Section("漢", 2, Span(6, 8)),), ("note",))  # fmt: skip
    assert wire.answer(json.dumps(wire.document_note(document)).encode()) == document


def test_error_crosses_the_wire_with_its_kind() -> None:
    with pytest.raises(EmptyDocument, match=r"^a.pdf is blank$"):
        wire.answer(json.dumps(wire.error_note(EmptyDocument("a.pdf is blank"))).encode())


NOTE = {"text": "abc", "title": "t", "format": "txt", "pages": [], "sections": [], "notices": []}


@pytest.mark.parametrize(
    "changes",
    [
        {"text": 5},
        {"text": "\ud800"},
        {"text": None},
        {"pages": [[1, 0, 4, ""]]},
        {"pages": [[1, 2, 1, ""]]},
        {"pages": [[1, 0]]},
        {"sections": [["t", 1, -1, 2]]},
        {"sections": [["t", True, 0, 2]]},
        {"sections": 7},
        {"notices": [{}]},
        {"error": "KeyboardInterrupt", "message": ""},
    ],
)
def test_answers_of_a_child_gone_wrong_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ReadError, match=r"the parser's answer is invalid"):
        wire.answer(json.dumps(NOTE | changes).encode())


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"null", b"[" * 100_000])
def test_answers_that_are_no_answer(body: bytes) -> None:
    with pytest.raises(ReadError, match=r"is invalid"):
        wire.answer(body)
