"""Requests made from the OpenAPI document by schemathesis: no answer may be a 5xx, or one that is not described.

    python -m benchmarks.fuzz_api [--cases 2000]

Serves a copy of some samples with `--write`, so that uploads are read and documents deleted, and sends so many
random requests to each operation, beside those of all bounds of each field; prints schemathesis' report and the
server's memory.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

SAMPLES = Path(__file__).parents[1] / "ingest" / "samples"
NAMES = ("backup-ja.txt", "drucker-de.md", "fahrrad-de.pdf")
DEPENDS_ON_THE_INDEX = "positive_data_acceptance"  # names of models and folders look right and are not there


@dataclass(frozen=True)
class Running:
    """A server of its own process."""

    url: str
    process: subprocess.Popen[str]
    folder: Path

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rsplit(":", 1)[1])

    @property
    def memory(self) -> int:
        """Its memory in MB."""
        words = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()
        return int(words[1]) * os.sysconf("SC_PAGE_SIZE") // 1_000_000


def schemathesis(url: str, cases: int, *options: str) -> list[str]:
    """The command that sends so many random requests to each operation of a server."""
    script = Path(sys.executable).parent / "schemathesis"
    return [
        *(str(script), "run", f"{url}/openapi.json", "--no-color", "--seed", "1"),
        *("--checks", "all", "--exclude-checks", DEPENDS_ON_THE_INDEX, "--continue-on-failure"),
        *(
            "--max-examples",
            str(cases),
            "--suppress-health-check",
            "all",
            "--request-timeout",
            "300",
            "--max-response-time",
            "300",
            *options,
        ),
    ]


@contextmanager
def serving(*names: str, model: str = "jv3-mini") -> Iterator[Running]:
    """`jv3search serve --write` over a fresh index of some samples, ready to answer."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "documents").mkdir()
        for name in names:
            shutil.copy(SAMPLES / name, folder / "documents")
        environment = os.environ | {"JV3SEARCH_DOCUMENTS": str(folder / "documents")}
        command = [sys.executable, "-m", "jv3search"]
        index = ["--index", str(folder / "kb"), "--model", model]
        subprocess.run([*command, "ingest", *index], check=True, env=environment, capture_output=True)
        with subprocess.Popen(
            [*command, "serve", "--write", *index], stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            while httpx.get(f"{url}/readyz").status_code != httpx.codes.OK:
                time.sleep(0.1)
            yield Running(url, process, folder)
            process.terminate()


def main() -> int:
    """Run schemathesis; its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000)
    cases = parser.parse_args().cases
    with serving(*NAMES) as server:
        before = server.memory
        status = subprocess.run(
            schemathesis(server.url, cases, "--phases", "examples,coverage,fuzzing")
        ).returncode
        print(f"the server's memory: {before} MB before, {server.memory} MB after")
    return status


if __name__ == "__main__":
    sys.exit(main())
