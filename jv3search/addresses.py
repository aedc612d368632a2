"""Where a server listens: an address of this machine, and a port that is free."""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass

from jv3search.errors import ConfigError

LOOPBACK = "127.0.0.1"
_PORTS = 20  # tried from a server's usual port upwards


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens: a host of this machine and a port."""

    host: str
    port: int

    @property
    def reach(self) -> str:
        """The host under which this machine reaches it."""
        return {"0.0.0.0": LOOPBACK, "::": "::1"}.get(self.host, self.host)

    @property
    def url(self) -> str:
        """What to open in a browser on this machine."""
        host = "localhost" if self.reach == LOOPBACK else f"[{self.reach}]" if ":" in self.reach else self.reach
        return f"http://{host}:{self.port}"

    @property
    def private(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def free_address(host: str, port: int | None, usual: int) -> Address:
    """The address with the port that is asked for, else with the first free one from the usual one upwards.

    ConfigError if there is none, or if this machine has no such address.
    """
    ports = range(usual, usual + _PORTS)
    for number in [port] if port else ports:
        if _is_free(host, number):
            return Address(host, number)
    if port:
        raise ConfigError(f"port {port} is taken: stop the program that uses it, or choose another with --port")
    raise ConfigError(f"the ports {ports[0]} to {ports[-1]} are all taken: choose another with --port")


def _is_free(host: str, port: int) -> bool:
    try:
        family, kind, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ConfigError(f"--address {host} is not an address of this machine: {error.strerror}") from None
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections just closed do not count
        try:
            probe.bind(where)
        except PermissionError:
            raise ConfigError(f"port {port} needs administrator rights: choose one above 1023") from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise ConfigError(f"--address {host} is not an address of this machine: {error.strerror}") from None
    return True
