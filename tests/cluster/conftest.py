"""A Ray cluster of three machines on this one, on loopback; `make test-ray` installs Ray into an environment of its own."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import jv3search
from jv3search.ingest.pipeline import Progress
from jv3search.ingest.plan import Plan

os.environ |= {  # read when Ray is imported
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # all on 127.0.0.1
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",  # else it would write a token into the home folder
    "RAY_worker_niceness": "0",  # not 15: other tests may be running
}


ROOT = Path(__file__).parent.parent.parent


class Machines:
    """A head without work, and three nodes of one CPU; `address` is for --on auto, `client` for --on ray://."""

    def __init__(self, port: int) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 0,
                "include_log_monitor": False,
                "include_dashboard": False,
                "ray_client_server_port": port,
                "_system_config": {"health_check_period_ms": 500, "health_check_failure_threshold": 3},
            },
        )
        self.address, self.client = self._cluster.address, f"ray://127.0.0.1:{port}"
        self.nodes = [self.add(wait=False) for _ in range(3)]
        self._cluster.wait_for_nodes()

    def add(self, **options: Any) -> Any:
        return self._cluster.add_node(num_cpus=1, **options)

    def kill(self, node: Any) -> None:
        self._cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        self._cluster.shutdown()


@pytest.fixture(scope="session")
def machines() -> Iterator[Machines]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray's own imports
        pytest.importorskip("ray", reason="Ray is not installed: make test-ray")
        started = Machines(free_port())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", started.address)
        yield started
    started.close()


def free_port() -> int:
    import socket

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def listening(pid: int) -> set[str]:
    """The addresses at which a process and those it started listen to others."""
    import psutil

    found: set[str] = set()
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                sockets = process.net_connections("inet")
                found |= {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}
    return found


@dataclass
class Told:
    """What an ingest told of its progress."""

    plan: list[tuple[str, str]] = field(default_factory=list)
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    tokens: int = 0


def ingest(index: Path, documents: Path, *, on_row=lambda row: None, **options: Any) -> Told:
    """One ingest, and what it told: actions, outcomes, tokens."""
    told = Told()

    def on_plan(plan: Plan) -> None:
        told.plan = [(planned.source.uri, planned.action) for planned in plan.files]

    def of_row(row: Any) -> None:
        told.rows.append((row.uri, row.state, row.reason))
        on_row(row)

    def on_tokens(tokens: int) -> None:
        told.tokens += tokens

    progress = Progress(on_plan=on_plan, on_row=of_row, on_tokens=on_tokens)
    with jv3search.open(index, create=True, model="jv3-mini") as kb:
        kb.ingest(documents, progress=progress, **options)
    return told


_OF_THE_RUN = {"ingested_at", "checked_at", "seconds", "identity", "generation"}


def contents(index: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every table of a catalog, to the bit, without times and the index's own name."""
    with contextlib.closing(sqlite3.connect(index / "catalog.sqlite")) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {}
        for table in tables:
            columns = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
            kept = ", ".join(name for name in columns if name not in _OF_THE_RUN)
            found[table] = sorted(connection.execute(f"SELECT {kept} FROM {table}"), key=repr)
        return found
