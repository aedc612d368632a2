"""What `make` installs before there is anything to test: which Python, and which build of PyTorch from where."""

import http.server
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NOT_INSTALLED = """#!/bin/sh
# Python as it is, except that -m (pip) is only written down.
if [ "$1" = -c ]; then exec {python} "$@"; fi
echo "$@" >> {calls}
"""


def make(*arguments):
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=own, capture_output=True, text=True, check=False)


@pytest.fixture
def environment(tmp_path):
    """A folder for VENV whose pip only writes down what it is asked for, and that file."""
    python, calls = tmp_path / "bin" / "python", tmp_path / "calls"
    python.parent.mkdir()
    python.write_text(NOT_INSTALLED.format(python=sys.executable, calls=calls))
    python.chmod(0o755)
    return tmp_path, calls


@pytest.fixture
def reachable():
    """The address of an index of packages on this machine."""

    class Index(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/cpu/torch/" else 404)
            self.end_headers()

        def log_message(self, *words):
            """Nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/cpu"
        server.shutdown()


@pytest.fixture
def unreachable():
    """An address at which nobody listens."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{nobody.getsockname()[1]}/cpu"


def test_an_old_python_is_named_with_what_to_do(tmp_path):
    old = tmp_path / "python3.10"
    old.write_text('#!/bin/sh\nif [ "$1" = -V ]; then echo "Python 3.10.12"; else exit 1; fi\n')
    old.chmod(0o755)
    done = make("torch", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}")
    assert done.returncode == 2
    assert f"jv3search needs Python 3.11 or newer, and {old} is Python 3.10.12." in done.stderr
    assert "make torch PYTHON=python3.12" in done.stderr
    assert not (tmp_path / "venv").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere pip's own index has the build for the CPU")
def test_without_a_gpu_pytorch_is_the_build_for_the_cpu(environment, reachable):
    folder, calls = environment
    done = make("torch", "GPU=0", f"VENV={folder}", f"TORCH_INDEX={reachable}")
    assert (done.returncode, done.stderr) == (0, "")
    assert calls.read_text().split()[-4:] == ["--no-deps", "--index-url", reachable, "torch"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere pip's own index has the build for the CPU")
def test_where_that_index_cannot_be_reached_pips_own_is_taken_and_it_is_said(environment, unreachable):
    folder, calls = environment
    done = make("torch", "GPU=0", f"VENV={folder}", f"TORCH_INDEX={unreachable}")
    assert done.returncode == 0
    assert done.stderr.startswith(f"{unreachable} cannot be reached: PyTorch comes from pip's own index")
    assert calls.read_text().split()[-2:] == ["--no-deps", "torch"]


@pytest.mark.parametrize("how", ["GPU=1", "TORCH_INDEX="])
def test_for_a_gpu_or_by_wish_pips_own_index_is_taken_without_a_word(environment, how):
    folder, calls = environment
    done = make("torch", f"VENV={folder}", how)
    assert (done.returncode, done.stderr) == (0, "")
    assert calls.read_text().split()[-2:] == ["--no-deps", "torch"]


def test_pytorch_is_installed_for_tests_and_for_gpus_not_to_run_on_a_cpu(environment):
    folder, calls = environment
    for ready, expected in (
        ("cpu", ["-e ."]),
        ("cpu-dev", ["torch", "-e .[dev]"]),
        ("gpu", ["-y torch", "torch", "-e .[torch]"]),
    ):
        done = make(f"{folder}/installed-{ready}", f"GPU={int(ready == 'gpu')}", f"VENV={folder}", "TORCH_INDEX=")
        assert done.returncode == 0
        lines = calls.read_text().splitlines()
        calls.unlink()
        assert all(line.endswith(end) for line, end in zip(lines, expected, strict=True))
