"""Files of the caches: written whole or not at all, and named by a checksum that tells the damaged ones."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import xxhash

Loaded = TypeVar("Loaded")

_UNFINISHED = ".unfinished"
_AT_ONCE = 4 << 20  # bytes read at a time for the checksum


def save(folder: Path, write: Callable[[Path], None], name: Callable[[str], str]) -> str:
    """Have a file written aside, then give it the name made of its checksum, which is returned; OSError if not."""
    unfinished = folder / f"{uuid.uuid4().hex}{_UNFINISHED}"
    try:
        write(unfinished)
        with unfinished.open("rb+") as stream:
            os.fsync(stream.fileno())
        digest = checksum(unfinished)
        unfinished.replace(folder / name(digest))
    finally:
        unfinished.unlink(missing_ok=True)
    _sync_folder(folder)
    return digest


def loaded(
    path: Path, digest: str, load: Callable[[Path], Loaded], notices: list[str], remedy: str
) -> Loaded | None:
    """What a file with this checksum holds. None if it is damaged, said in a notice, or was replaced meanwhile."""
    try:
        if checksum(path) == digest:
            return load(path)
    except FileNotFoundError:  # by a newer one, since the folder was listed
        return None
    except OSError as error:
        notices.append(f"{path} cannot be read; {remedy} ({error})")
        return None
    notices.append(f"{path} is damaged; {remedy}")
    return None


def discard_unfinished(folder: Path, age: float = 0.0) -> None:
    """Delete what killed processes left half written; where others write, only what is `age` seconds old."""
    for path in folder.glob(f"*{_UNFINISHED}"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime <= time.time() - age:
                path.unlink()


def checksum(path: Path) -> str:
    """XXH3 of a file's bytes: 16 hex digits. May raise OSError."""
    digest = xxhash.xxh3_64()
    with path.open("rb") as stream:
        while part := stream.read(_AT_ONCE):
            digest.update(part)
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
