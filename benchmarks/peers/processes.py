"""A process from start to end: seconds until each line it prints, the most memory it and its children had."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

THREADS = 2
_EVERY = 0.1  # seconds between looks at the memory
_LIMITED = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "TOKIO_WORKER_THREADS",
    "LANCE_CPU_THREADS",
)  # fmt: skip
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "ANONYMIZED_TELEMETRY": "False"}


@dataclass(frozen=True, slots=True)
class Ran:
    """What a process printed, a value a line, and seconds from its start to each; megabytes are proportional ones.

    Proportional: memory that several processes share counts once. Files that are mapped count where they are read.
    """

    lines: tuple[dict[str, Any], ...]
    line_seconds: tuple[float, ...]
    seconds: float
    megabytes: float


def run(module: str, *arguments: str, limit: float | None = None) -> Ran:
    """Run `python -m module arguments` on `THREADS` threads, without a network.

    TimeoutError after `limit` seconds; RuntimeError with its last words if it fails.
    """
    environment = os.environ | _OFFLINE | dict.fromkeys(_LIMITED, str(THREADS))
    command = [sys.executable, "-m", module, *arguments]
    began = time.perf_counter()
    with (
        TemporaryFile("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment) as process,
    ):
        watch = _Watch(process, began + limit if limit else None)
        watch.start()
        assert process.stdout is not None
        lines = [(line, time.perf_counter() - began) for line in process.stdout]
        process.wait()
        seconds = time.perf_counter() - began
        watch.join()
        if watch.late:
            raise TimeoutError(f"{' '.join(command[2:])} took longer than {limit:.0f} s")
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(f"{' '.join(command[2:])} failed: {errors.read()[-2000:]}")
    printed = tuple(json.loads(line) for line, _ in lines)
    return Ran(printed, tuple(second for _, second in lines), seconds, watch.megabytes)


class _Watch(threading.Thread):
    """Looks at a process's memory until it ends, and ends it when it is late."""

    def __init__(self, process: subprocess.Popen[str], until: float | None) -> None:
        super().__init__(daemon=True)
        self._process, self._until = process, until
        self.megabytes = 0.0
        self.late = False

    def run(self) -> None:
        while self._process.poll() is None:
            self.megabytes = max(self.megabytes, sum(map(_megabytes, _tree(self._process.pid))))
            if self._until and time.perf_counter() > self._until:
                self.late = True
                self._process.kill()
            time.sleep(_EVERY)


def _tree(process: int) -> Iterator[int]:
    """A process and all below it."""
    yield process
    for thread in Path(f"/proc/{process}/task").glob("*/children"):
        for child in _read(thread).split():
            yield from _tree(int(child))


def _megabytes(process: int) -> float:
    """Proportional set size as Linux counts it; 0 for a process that has ended."""
    rows = dict(line.split(":", 1) for line in _read(Path(f"/proc/{process}/smaps_rollup")).splitlines()[1:])
    return int(rows["Pss"].split()[0]) / 1024 if "Pss" in rows else 0.0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended
        return ""


def machine() -> dict[str, Any]:
    """What the figures hold for: processor, cores, the matrix units it lists, memory, and how busy it was."""
    facts = Path("/proc/cpuinfo").read_text()
    rows = dict(line.split("\t: ", 1) for line in facts.replace("\t\t:", "\t:").splitlines() if "\t: " in line)
    units = [
        unit for unit in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if unit in rows.get("flags", "").split()
    ]
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 1024**2
    return {
        "processor": rows.get("model name", "?"),
        "cores": os.cpu_count(),
        "units": units,
        "memory_gb": memory,
        "load_at_start": round(os.getloadavg()[0], 1),
        "date": time.strftime("%Y-%m-%d"),
    }
