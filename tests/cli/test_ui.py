"""`jv3search ui`: a real server, where it listens, how it ends, and what it says to wrong requests."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from jv3search import addresses
from jv3search.addresses import Address
from jv3search.ui.server import free_address


@pytest.fixture
def taken():
    """A port somebody else listens at."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def begin(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "jv3search", "ui", "--no-browser", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
        process_group=0,  # what a terminal's Ctrl-C reaches
    )


def child_of(process):
    """The process id of the server that a `jv3search ui` has begun."""
    found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True)
    return int(found.stdout)


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_it_serves_this_machine_until_ctrl_c(tmp_path, shared_index):
    port = free_address("127.0.0.1", None).port
    process = begin("--index", shared_index, "--root", tmp_path, "--port", port)
    try:
        assert process.stdout.readline().strip() == f"jv3search is at http://localhost:{port}"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            assert answer.status == 200
            assert b"<title>" in answer.read()
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out) == (0, "")
    assert err.split("\n") == ["Press Ctrl-C to stop.", "", "Stopped.", ""]
    assert free_address("127.0.0.1", port).port == port


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_the_systems_signals_end_it_with_its_server(name, shared_index):
    process = begin("--index", shared_index, "--browser", DISPLAY="", WAYLAND_DISPLAY="")
    try:
        url = process.stdout.readline().split()[-1]
        server = child_of(process)
        process.send_signal(getattr(signal, name))
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out) == (0, "")
    assert is_gone(server)
    assert err.endswith(
        f"Press Ctrl-C to stop.\nNo browser can be opened from here: open {url} in a browser on this machine.\n\nStopped.\n"
    )


def test_a_server_that_ends_by_itself_is_no_success(shared_index):
    process = begin("--index", shared_index)
    try:
        process.stdout.readline()
        os.kill(child_of(process), signal.SIGKILL)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out) == (1, "")
    assert err.endswith("Error: the application's server ended (status -9): start it again\n")


def test_a_port_that_is_taken_is_named(jv3, taken):
    outcome = jv3("ui", "--no-browser", "--port", taken)
    assert (outcome.status, outcome.out) == (1, "")
    assert f"port {taken} is taken: stop the program that uses it, or choose another with --port" in outcome.err


def test_without_a_port_the_next_free_one_is_taken():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        assert addresses.free_address("127.0.0.1", None, taken).port > taken


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--root", "/no/such/folder"], "--root /no/such/folder is not a folder"),
        (["--address", "203.0.113.7"], "--address 203.0.113.7 is not an address of this machine"),
        (["--address", "no such name"], "--address no such name is not an address of this machine"),
    ],
)
def test_what_cannot_be_served_is_said(jv3, arguments, words):
    outcome = jv3("ui", "--no-browser", *arguments)
    assert (outcome.status, outcome.out) == (1, "")
    assert words in outcome.err


@pytest.mark.parametrize(
    ("address", "url", "private"),
    [
        ("127.0.0.1", "http://localhost:8501", True),
        ("localhost", "http://localhost:8501", True),
        ("127.0.0.5", "http://127.0.0.5:8501", True),
        ("::1", "http://[::1]:8501", True),
        ("0.0.0.0", "http://localhost:8501", False),
        ("::", "http://[::1]:8501", False),
        ("192.168.1.4", "http://192.168.1.4:8501", False),
    ],
)
def test_where_it_is_and_who_can_reach_it(address, url, private):
    where = Address(address, 8501)
    assert (where.url, where.private) == (url, private)
