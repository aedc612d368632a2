"""The server of the application: Streamlit in a process of its own, which ends with the one that began it."""

from __future__ import annotations

import errno
import http.client
import ipaddress
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from jv3search.config import Settings
from jv3search.errors import ConfigError, StorageError

PORT = 8501
ONE_INDEX = "--one-index"
"""What the application's script is told where its pages are to offer the index of the settings and no other."""

_LOOPBACK = "127.0.0.1"
_PORTS = range(PORT, PORT + 20)
_START_SECONDS = 120.0  # on a machine that is busy otherwise
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens: a host of this machine and a port."""

    host: str
    port: int

    @property
    def reach(self) -> str:
        """The host under which this machine reaches it."""
        return {"0.0.0.0": _LOOPBACK, "::": "::1"}.get(self.host, self.host)

    @property
    def url(self) -> str:
        """What to open in a browser on this machine."""
        host = "localhost" if self.reach == _LOOPBACK else f"[{self.reach}]" if ":" in self.reach else self.reach
        return f"http://{host}:{self.port}"

    @property
    def private(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def free_address(host: str, port: int | None) -> Address:
    """The address with the port that is asked for, else with the first free one; ConfigError if there is none."""
    for number in [port] if port else _PORTS:
        if _is_free(host, number):
            return Address(host, number)
    if port:
        raise ConfigError(f"port {port} is taken: end the program that has it, or name another with --port")
    raise ConfigError(f"the ports {_PORTS[0]} to {_PORTS[-1]} are all taken: name another with --port")


def serve(
    settings: Settings,
    address: Address,
    *,
    hosts: Sequence[str] = (),
    one_index: bool = False,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve the application until Ctrl-C, SIGTERM or SIGHUP ends it; `on_ready` is called when it answers.

    `hosts` are names that a proxy passes requests on with; with `one_index` the pages offer no other index than
    that of the settings. StorageError if the server does not start, or ends by itself.
    """
    command = _command(address, hosts, settings) + ([ONE_INDEX] if one_index else [])
    variables = {"JV3SEARCH_INDEX": str(settings.index), "JV3SEARCH_ROOTS": settings.roots}
    with _interrupts():
        # A session of its own: the terminal's Ctrl-C reaches us alone, and we end the server.
        server = subprocess.Popen(
            command, env=os.environ | variables, stdout=subprocess.DEVNULL, start_new_session=True
        )
        try:
            _await(server, address)
            on_ready()
            raise StorageError(f"the application's server ended (status {server.wait()}): start it again")
        except KeyboardInterrupt:
            return
        finally:
            server.kill()  # asked politely, it waits for every browser to leave; an index bears it at any moment
            server.wait()


@contextmanager
def _interrupts() -> Iterator[None]:
    """The signals that ask a process to end arrive as Ctrl-C does."""
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _is_free(host: str, port: int) -> bool:
    try:
        family, kind, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ConfigError(f"--address {host} is no address of this machine: {error.strerror}") from None
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections just closed do not count
        try:
            probe.bind(where)
        except PermissionError:
            raise ConfigError(f"port {port} is not for ordinary users: name one above 1023 with --port") from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise ConfigError(f"--address {host} is no address of this machine: {error.strerror}") from None
    return True


def _command(address: Address, hosts: Sequence[str], settings: Settings) -> list[str]:
    """Streamlit, with everything set here, whatever files of its own may say."""
    options: dict[str, object] = {
        "server.address": address.host,
        "server.port": address.port,
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "server.maxUploadSize": settings.upload_limit_mb,
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": "false",
        "logger.hideWelcomeMessage": "true",
        "logger.level": "warning",
        "theme.base": _HERE / "theme.toml",
    }
    given = [f"--{name}={value}" for name, value in options.items()]
    # No other web page may reach it under a name of its own (DNS rebinding).
    known = ["localhost", _LOOPBACK, "::1"] if address.private else []
    allowed = [f"--server.allowedHosts={name}" for name in [*known, *hosts]] if known or hosts else []
    allowed += [f"--server.corsAllowedOrigins=https://{name}" for name in hosts]  # where a proxy renames the host
    return [sys.executable, "-P", "-m", "streamlit", "run", str(_HERE / "__main__.py"), *given, *allowed, "--"]


def _await(server: subprocess.Popen[bytes], address: Address) -> None:
    """Until the server answers; StorageError if it ends or keeps silent."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise StorageError(f"the application's server ended at once (status {server.returncode}); see above")
        if _answers(address):
            return
        time.sleep(0.05)
    raise StorageError(f"the application's server did not answer within {_START_SECONDS:.0f} seconds")


def _answers(address: Address) -> bool:
    connection = http.client.HTTPConnection(address.reach, address.port, timeout=2)
    try:
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
