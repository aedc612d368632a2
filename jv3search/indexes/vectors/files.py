"""Vector indexes on disk. FAISS files have no checksum, so the name carries one, with all the file is good for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from jv3search.indexes import checked_file

_NAME = re.compile(
    r"vectors-(?P<identity>[0-9a-f]{8})-(?P<generation>\d+)-(?P<kind>[a-z]+)-(?P<dimension>\d+)"
    r"-(?P<top>\d+)-(?P<checksum>[0-9a-f]{16})\.faiss"
)


@dataclass(frozen=True, slots=True)
class VectorFile:
    """What a file holds: the vectors of one catalog (`identity`, 8 hex digits) at one generation."""

    identity: str
    generation: int
    kind: str
    dimension: int
    top: int
    checksum: str = ""

    @property
    def name(self) -> str:
        """The name it has on disk."""
        about = f"{self.identity}-{self.generation}-{self.kind}-{self.dimension}-{self.top}"
        return f"vectors-{about}-{self.checksum}.faiss"


def saved(folder: Path) -> list[VectorFile]:
    """All that are in the folder, newest first."""
    matches = (_NAME.fullmatch(path.name) for path in folder.glob("vectors-*.faiss"))
    files = [
        VectorFile(
            found["identity"],
            int(found["generation"]),
            found["kind"],
            int(found["dimension"]),
            int(found["top"]),
            found["checksum"],
        )
        for found in matches
        if found
    ]
    return sorted(files, key=lambda file: -file.generation)


def save(folder: Path, write: Callable[[Path], None], file: VectorFile) -> VectorFile:
    """Have it written aside, then give it its name: it is there whole or not at all. Older ones go; OSError."""
    digest = checked_file.save(folder, write, lambda digest: replace(file, checksum=digest).name)
    file = replace(file, checksum=digest)
    for other in saved(folder):
        newer = other.identity == file.identity and other.generation > file.generation
        if other != file and not newer:
            discard(folder, other)
    return file


def discard(folder: Path, file: VectorFile) -> None:
    """Delete one; a reader that has it open keeps it until it lets go."""
    (folder / file.name).unlink(missing_ok=True)
