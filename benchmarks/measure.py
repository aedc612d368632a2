"""Run a function in a process of its own and say how long it took and how much memory it had at its peak.

Contenders are measured in turns (A, B, C, A, B, C, ...) on the same texts in one run, because the machines
are noisy: only the ratios are worth anything.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Measured:
    """One run: seconds of work (loading apart), peak memory of the whole process, and what it reports."""

    seconds: float
    megabytes: float
    report: dict[str, Any]


def in_own_process(module: str, *arguments: str) -> Measured:
    """Run `python -m module arguments`, which ends with `report_to_parent`."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    return Measured(answer["seconds"], answer["megabytes"], answer["report"])


def report_to_parent(work: Callable[[], dict[str, Any]]) -> None:
    """Time `work` and print the one line that `in_own_process` reads."""
    began = time.perf_counter()
    report = work()
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "megabytes": peak_megabytes(), "report": report}), flush=True)


def peak_megabytes() -> float:
    """The most memory that this process has had.

    Not `ru_maxrss` on Linux: there a process starts with the peak of the one that started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)  # bytes on macOS


def machine() -> str:
    """Cores and load, to judge a run by."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
