"""`jv3search ui`: the application, served to a browser."""

from __future__ import annotations

import http.client
import ipaddress
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

import click

from jv3search.cli.options import PathType, index_option, notice
from jv3search.config import Settings, load_settings
from jv3search.errors import ConfigError, StorageError

_HERE = "127.0.0.1"
_PORT = 8501
_PORTS = range(_PORT, _PORT + 20)
_START_SECONDS = 120.0  # on a machine that is busy otherwise
_STOP_SECONDS = 10.0


@click.command()
@index_option
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="Port [8501, or the next that is free].")
@click.option("--address", default=_HERE, metavar="A", help="Address to listen at [127.0.0.1: this machine only].")
@click.option("--host", "hosts", multiple=True, metavar="NAME", help="A name a proxy passes requests on with.")
@click.option(
    "--root",
    "roots",
    multiple=True,
    type=PathType(),
    metavar="DIR",
    help="A folder the page may read documents of; may be given again [the documents folder].",
)
@click.option("--browser/--no-browser", default=None, help="Open a browser [if this is a terminal].")
def ui(
    index: Path | None,
    port: int | None,
    address: str,
    hosts: tuple[str, ...],
    roots: tuple[Path, ...],
    browser: bool | None,
) -> int:
    """Serve the application: search, read, add and look over documents in a browser. Ctrl-C ends it.

    Nobody has to sign in: at any other address than 127.0.0.1 everybody who reaches it can read all documents.
    """
    for root in roots:
        if not root.is_dir():
            raise ConfigError(f"--root {root} is no folder")
    own = {"index": index, "roots": os.pathsep.join(str(root.resolve()) for root in roots) or None}
    settings = load_settings(own)
    where = _Where(address, _free_port(address, port))
    variables = {f"JV3SEARCH_{name.upper()}": str(value) for name, value in own.items() if value is not None}
    with _served(_command(where, hosts, settings), variables) as server:
        _await(server, where)
        _announce(where, port, hosts)
        if sys.stdout.isatty() if browser is None else browser:
            click.launch(where.url)
        server.wait()
    _remind(settings)
    return 0


class _Where:
    """An address and a port."""

    def __init__(self, address: str, port: int) -> None:
        self.address = address
        self.port = port

    @property
    def reach(self) -> str:
        """The address under which this machine reaches it."""
        return {"0.0.0.0": _HERE, "::": "::1"}.get(self.address, self.address)

    @property
    def url(self) -> str:
        """What to open in a browser on this machine."""
        host = "localhost" if self.reach == _HERE else f"[{self.reach}]" if ":" in self.reach else self.reach
        return f"http://{host}:{self.port}"

    @property
    def private(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.address).is_loopback
        except ValueError:
            return self.address == "localhost"


def _free_port(address: str, wanted: int | None) -> int:
    """The port that is asked for, or the first free one."""
    for port in [wanted] if wanted else _PORTS:
        if _is_free(address, port):
            return port
    if wanted:
        raise ConfigError(f"port {wanted} is taken: end the program that has it, or name another with --port")
    raise ConfigError(f"the ports {_PORTS[0]} to {_PORTS[-1]} are all taken: name another with --port")


def _is_free(address: str, port: int) -> bool:
    try:
        family, kind, _, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ConfigError(f"--address {address} is no address of this machine: {error.strerror}") from None
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections just closed do not count
        try:
            probe.bind(where)
        except PermissionError:
            raise ConfigError(f"port {port} is not for ordinary users: name one above 1023 with --port") from None
        except OSError as error:
            if error.errno in (98, 48):  # in use, on Linux and macOS
                return False
            raise ConfigError(f"--address {address} is no address of this machine: {error.strerror}") from None
    return True


def _command(where: _Where, hosts: Sequence[str], settings: Settings) -> list[str]:
    """Streamlit, with everything set here, whatever files of its own may say."""
    folder = _ui_folder()
    options: dict[str, object] = {
        "server.address": where.address,
        "server.port": where.port,
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "server.maxUploadSize": settings.upload_limit_mb,
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": "false",
        "logger.hideWelcomeMessage": "true",
        "logger.level": "warning",
        "theme.base": folder / "theme.toml",
    }
    given = [f"--{name}={value}" for name, value in options.items()]
    # No other web page may reach it under a name of its own (DNS rebinding).
    known = ["localhost", _HERE, "::1"] if where.private else []
    allowed = [f"--server.allowedHosts={name}" for name in [*known, *hosts]] if known or hosts else []
    allowed += [f"--server.corsAllowedOrigins=https://{name}" for name in hosts]  # where a proxy renames the host
    return [sys.executable, "-P", "-m", "streamlit", "run", str(folder / "__main__.py"), *given, *allowed]


def _ui_folder() -> Path:
    """Found, not imported: Streamlit is for the other process."""
    spec = find_spec("jv3search.ui")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@contextmanager
def _served(command: list[str], variables: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The server's process, which ends when this is left: by Ctrl-C, which reaches both, or by SIGTERM."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    server = subprocess.Popen(command, env=os.environ | variables, stdout=subprocess.DEVNULL)
    try:
        yield server
    except KeyboardInterrupt:
        notice("\nStopped.")
    finally:
        signal.signal(signal.SIGTERM, before)
        _end(server)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _await(server: subprocess.Popen[bytes], where: _Where) -> None:
    """Until the server answers; StorageError if it ends or keeps silent."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise StorageError(f"the application's server ended at once (status {server.returncode}); see above")
        if _answers(where):
            return
        time.sleep(0.05)
    raise StorageError(f"the application's server did not answer within {_START_SECONDS:.0f} seconds")


def _answers(where: _Where) -> bool:
    connection = http.client.HTTPConnection(where.reach, where.port, timeout=2)
    try:
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _announce(where: _Where, wanted: int | None, hosts: Sequence[str]) -> None:
    click.echo(f"jv3search is at {where.url}")
    if wanted is None and where.port != _PORT:
        notice(f"Port {_PORT} is taken; this is the next free one.")
    if not where.private:
        notice(
            f"It listens at {where.address}: everybody on the network who reaches port {where.port} can read,\n"
            "add and remove documents, without a password and unencrypted. For other people, leave it at\n"
            "127.0.0.1 and put a proxy with sign-in and TLS before it: docs/guide/application.md shows one."
        )
    if hosts:
        notice(f"It also answers to {', '.join(hosts)}.")
    notice("Ctrl-C ends it.")


def _remind(settings: Settings) -> None:
    """A job goes on without us; its owner should know."""
    from jv3search import jobs

    job = jobs.current(settings.index)
    if job and job.running:
        notice(
            f"Documents are still being read into {settings.index} (process {job.pid}); this goes on by itself. "
            f"To stop it: kill -INT {job.pid}"
        )
