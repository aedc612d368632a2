"""How much a document may cost: every figure a reader or its child process is held to."""

from __future__ import annotations

from dataclasses import dataclass

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one document; sizes are bytes unless the name says otherwise.

    A 2.4 kB PDF can make a good library use 2 GB, a 1.7 MB docx 35 seconds: hence memory and time.
    """

    file: int = 200 * MB
    text: int = 20 * MB  # of UTF-8
    members: int = 10_000  # of a zip archive
    unpacked: int = 300 * MB  # all members of an archive together
    ratio: int = 200  # unpacked / packed; honest XML stays under 60
    open_tags: int = 2_000  # nested HTML elements; lexbor needs 27 s for 100,000
    nested_messages: int = 3  # an attachment of an attachment of an attachment
    memory: int = 1 << 30  # address space of the child process
    seconds: float = 30.0  # wall clock
    files_per_child: int = 50  # then the child is replaced, so that leaks stay small


@dataclass(frozen=True, slots=True)
class Raw:
    """One file as a reader gets it: its bytes, its name (a label, never opened) and the limits."""

    data: bytes
    name: str
    limits: Limits = Limits()
    depth: int = 0  # how many messages it was attached inside


def megabytes(count: int) -> str:
    """A size for people: 20000000 -> "20 MB"."""
    return f"{count / MB:,.0f} MB" if count >= MB else f"{count:,} bytes"


def mebibytes(count: int) -> str:
    """A size of memory for people: 1 << 30 -> "1,024 MiB"."""
    return f"{count / (1 << 20):,.0f} MiB"
