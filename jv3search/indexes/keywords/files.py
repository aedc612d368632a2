"""Segments on disk. A name carries a checksum, with all that the file is good for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import xxhash

from jv3search.indexes import checked_file
from jv3search.indexes.keywords.segment import Segment
from jv3search.indexes.keywords.terms import FINGERPRINT

_NAME = re.compile(
    r"keywords-(?P<identity>[0-9a-f]{8})-(?P<terms>[0-9a-f]{8})-(?P<first>\d+)-(?P<end>\d+)-(?P<generation>\d+)"
    r"-(?P<checksum>[0-9a-f]{16})\.segment"
)
_FORMAT = 1
TERMS = xxhash.xxh32_hexdigest(f"{_FORMAT}, {FINGERPRINT}".encode())
"""Of the format of a segment and the function that makes the terms."""


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """What a file holds: of one catalog (`identity`, 8 hex digits), all chunks from `first` up to below `end`.

    Without those that had left at `generation`; `terms` is that of the term function.
    """

    identity: str
    first: int
    end: int
    generation: int
    terms: str = TERMS
    checksum: str = ""

    @property
    def name(self) -> str:
        """The name it has on disk."""
        about = f"{self.identity}-{self.terms}-{self.first}-{self.end}-{self.generation}"
        return f"keywords-{about}-{self.checksum}.segment"


def saved(folder: Path) -> list[SegmentFile]:
    """All that are in the folder."""
    matches = (_NAME.fullmatch(path.name) for path in folder.glob("keywords-*.segment"))
    return [
        SegmentFile(
            found["identity"],
            int(found["first"]),
            int(found["end"]),
            int(found["generation"]),
            found["terms"],
            found["checksum"],
        )
        for found in matches
        if found
    ]


def save(folder: Path, segment: Segment, file: SegmentFile) -> SegmentFile:
    """Write it aside, then give it its name: it is there whole or not at all. May raise OSError."""
    digest = checked_file.save(folder, segment.save, lambda digest: replace(file, checksum=digest).name)
    return replace(file, checksum=digest)


def keep_only(folder: Path, files: Iterable[SegmentFile]) -> None:
    """Delete all others; a reader that has one open keeps it until it lets go, and Windows until it is closed."""
    kept = set(files)
    for file in saved(folder):
        if file not in kept:
            try:
                (folder / file.name).unlink(missing_ok=True)
            except PermissionError:  # the next writer deletes it
                continue
