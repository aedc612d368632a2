"""What an ingest will do with each file, by comparing the SHA-256 of its bytes with what the index holds.

A file that the index can hold nothing of is opened and not read: it is read, and hashed, when it is ingested.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from jv3search.ingest.walk import Found, below
from jv3search.readers import SUFFIXES
from jv3search.types import Source

Action = Literal["add", "replace", "move", "keep", "unsupported", "fail"]


@dataclass(frozen=True, slots=True)
class Planned:
    """One file and what to do with it; `moved_from` is the address under which the index knows it."""

    action: Action
    source: Source
    moved_from: str = ""
    reason: str = ""

    @property
    def path(self) -> Path:
        """Where the file is."""
        return Path(self.source.uri)


@dataclass(frozen=True, slots=True)
class Plan:
    """Every file found, and the documents of the index below the given paths whose files are gone."""

    files: tuple[Planned, ...]
    vanished: tuple[str, ...]

    def of(self, *actions: Action) -> list[Planned]:
        """The files with one of these actions, in order."""
        return [planned for planned in self.files if planned.action in actions]


def make_plan(
    found: Found, roots: Sequence[Path], documents: Mapping[str, str], on_file: Callable[[], None] = lambda: None
) -> Plan:
    """Compare the files found below `roots` with `documents`, the index's digest by address (uri)."""
    here = {str(path) for path in found.files}
    gone = {uri: digest for uri, digest in documents.items() if uri not in here and not Path(uri).exists()}
    seen = []
    for path in found:
        seen.append(_look(path, read=bool(gone) or str(path) in documents))
        on_file()
    homeless: dict[str, list[str]] = {}
    for uri, digest in sorted(gone.items(), reverse=True):
        homeless.setdefault(digest, []).append(uri)
    files = tuple(_decided(planned, documents, homeless) for planned in seen) + tuple(_refused(found.refused))
    moved = {planned.moved_from for planned in files}
    return Plan(files, tuple(sorted(uri for uri in gone if uri not in moved and below(uri, roots))))


def _look(path: Path, *, read: bool) -> Planned:
    """Size, time and, if it is to be read, the digest of a file; one that there is no reader for is never read."""
    try:
        stat = path.stat()
        modified = datetime.fromtimestamp(stat.st_mtime, UTC)
        known = path.suffix.lower() in SUFFIXES
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest() if known and read else ""
    except OSError as error:
        return _unreadable(path, f"it cannot be opened: {error.strerror}")
    source = Source(str(path), digest, stat.st_size, modified)
    if not known:
        return Planned("unsupported", source, reason=f"no reader for files named *{path.suffix or path.name}")
    return Planned("add", source)


def _decided(planned: Planned, documents: Mapping[str, str], homeless: dict[str, list[str]]) -> Planned:
    if planned.action != "add":
        return planned
    known = documents.get(planned.source.uri)
    if known == planned.source.digest:
        return Planned("keep", planned.source)
    if known is not None:
        return Planned("replace", planned.source)
    if homeless.get(planned.source.digest):
        return Planned("move", planned.source, moved_from=homeless[planned.source.digest].pop())
    return planned


def _refused(refused: Iterable[tuple[Path, str]]) -> Iterable[Planned]:
    return (_unreadable(path, reason) for path, reason in refused)


def _unreadable(path: Path, reason: str) -> Planned:
    uri = str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return Planned("fail", Source(uri, "", 0, datetime.fromtimestamp(0, UTC)), reason=reason)
