"""The server of the application: Streamlit in a process of its own, which ends with the one that began it."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from jv3search import addresses
from jv3search.addresses import LOOPBACK, Address
from jv3search.config import Settings
from jv3search.errors import StorageError

PORT = 8501
ONE_INDEX = "--one-index"
"""What the application's script is told where its pages are to offer the index of the settings and no other."""

_START_SECONDS = 120.0  # on a machine that is busy otherwise
_HERE = Path(__file__).parent


def free_address(host: str, port: int | None) -> Address:
    """The address with the port that is asked for, else with the first free one; ConfigError if there is none."""
    return addresses.free_address(host, port, PORT)


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
    variables = {"JV3SEARCH_INDEX": settings.index.secret, "JV3SEARCH_ROOTS": settings.roots}
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
    known = ["localhost", LOOPBACK, "::1"] if address.private else []
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
