"""A connection to Ray: to a cluster that is there, or to one that is started on this machine for a single run."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

from platformdirs import user_cache_path

from jv3search.errors import ClusterError, ConfigError, InputError

LOCAL = "local-cluster"
AUTO = "auto"
_CLIENT = "ray://"
_SECONDS = 5.0  # for an address to answer at all; Ray itself would try for half a minute


@dataclass(frozen=True, slots=True)
class Node:
    """A machine that takes work: its id in Ray, and what it has."""

    id: str
    cpus: int
    gpus: int


def check_address(on: str) -> None:
    """InputError unless `on` is an address of the kinds there are, ConfigError if Ray is not installed."""
    if on not in (LOCAL, AUTO) and not (on.startswith(_CLIENT) and all(_host_and_port(on))):
        raise InputError(f"{on!r} names no cluster: use {LOCAL}, {AUTO} (one that runs here) or ray://HOST:10001")
    import_ray()


def shards_folder(on: str, shards: Path | None) -> Path:
    """Where embedded documents are kept; InputError if other machines must share a folder that nobody named."""
    if shards is not None:
        return shards.expanduser()
    if on == LOCAL:
        return user_cache_path("jv3search", appauthor=False) / "shards"
    raise InputError(f"--on {on} needs --shards FOLDER: a folder that all machines of the cluster share")


def import_ray() -> ModuleType:
    """Ray, without telemetry; ConfigError says how to install it."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read when Ray is imported
    try:
        import ray
    except ImportError:
        raise ConfigError("a cluster needs Ray: install it with pip install 'jv3search[ray]'") from None
    return ray  # type: ignore[no-any-return]


@contextmanager
def connected(on: str) -> Iterator[ModuleType]:
    """Ray, connected until the end; a connection that the caller's program has already is used and left."""
    if on == LOCAL:
        # With this variable Ray takes 127.0.0.1 for the machine's address, as on macOS and Windows, so that none
        # of its processes listens to other machines. It is read when Ray is imported.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    ray = import_ray()
    if ray.is_initialized():
        yield ray
        return
    try:
        _connect(ray, on)
        yield ray
    finally:
        ray.shutdown()


def nodes(ray: ModuleType) -> list[Node]:
    """The machines that are alive and take work."""
    alive = [node for node in ray.nodes() if node["Alive"]]
    found = [
        Node(node["NodeID"], int(node["Resources"].get("CPU", 0)), int(node["Resources"].get("GPU", 0)))
        for node in alive
    ]
    return [node for node in found if node.cpus]


def _connect(ray: ModuleType, on: str) -> None:
    if on.startswith(_CLIENT):
        _check_that_it_answers(on)
    options = {"num_cpus": os.cpu_count(), "include_dashboard": False} if on == LOCAL else {}
    address = "local" if on == LOCAL else on
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except Exception as error:  # ConnectionError, RuntimeError, ValueError, and more of its own
        raise ClusterError(f"there is no Ray cluster to be had at {on}: {_first_line(error)}") from error


def _check_that_it_answers(address: str) -> None:
    try:
        socket.create_connection(_host_and_port(address), _SECONDS).close()
    except OSError as error:
        raise ClusterError(
            f"no Ray cluster answers at {address} ({error.strerror or error}): is it running, with "
            "`ray start --head --ray-client-server-port=10001`?"
        ) from None


def _host_and_port(address: str) -> tuple[str, int]:
    """Of ray://HOST:PORT; "" and 0 for what is missing or no number."""
    parts = urlsplit(address)
    with suppress(ValueError):
        return parts.hostname or "", parts.port or 0
    return parts.hostname or "", 0


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:300] or type(error).__name__
