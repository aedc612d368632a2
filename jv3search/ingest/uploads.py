"""Files that a stranger's browser sends: a name to clean, contents to look at, then a place of its own."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import regex

from jv3search.config import Settings
from jv3search.errors import EmptyDocument, JV3SearchError, ReadError, StorageError
from jv3search.ingest.roots import within
from jv3search.readers import Limits
from jv3search.readers.archive import Archive
from jv3search.readers.formats import EDGE, format_by_content
from jv3search.readers.sandbox.limits import MB, Raw, megabytes

_FOLDER = "uploads"  # in the documents folder
_BYTES = 180  # of a name in UTF-8; file systems take 255, and a number may be added
_LONGEST_SUFFIX = 16
# Controls, lone surrogates, and what is invisible or turns the direction of writing; ZWNJ and ZWJ spell words.
_UNSEEN = regex.compile(r"(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]")
_RESERVED = regex.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)")  # Windows opens devices by these names
_NOT_IN_NAMES = regex.compile(r'[<>:"|?*]')
_ZIP = b"PK\x03\x04"


def clean_name(name: str) -> str:
    """A name that any file system takes and that shows what it is: no folders, no tricks, 180 bytes at most."""
    last = regex.split(r"[/\\]", name)[-1]
    seen = _UNSEEN.sub("", unicodedata.normalize("NFC", last))
    plain = regex.sub(r"\s+", " ", _NOT_IN_NAMES.sub("_", seen)).strip(" .")
    safe = f"_{plain}" if _RESERVED.match(plain) else plain
    return _shortened(safe) or "document"


def receive(settings: Settings, sent: Iterable[tuple[str, bytes]]) -> tuple[list[Path], list[tuple[str, str]]]:
    """Names and contents -> where those that were taken are now; name and reason of each that was not."""
    folder = within(settings.documents / _FOLDER, [settings.documents.resolve()])
    stored: list[Path] = []
    refused: list[tuple[str, str]] = []
    for given, data in sent:
        name = clean_name(given)
        try:
            check(name, data, settings.upload_limit_mb * MB)
            stored.append(store(folder, name, data))
        except JV3SearchError as error:
            refused.append((name, str(error)))
            if not isinstance(error, ReadError):  # the disk, not the file: the next would fare no better
                break
    return stored, refused


def check(name: str, data: bytes, limit: int) -> str:
    """The format that the content has; ReadError, UnsupportedFormat or EmptyDocument say why it is not taken."""
    limit = min(limit, Limits().file)
    if not data:
        raise EmptyDocument(f"{name} is empty (0 bytes)")
    if len(data) > limit:
        raise ReadError(f"{name} is {megabytes(len(data))}; the limit for one file is {megabytes(limit)}")
    found = format_by_content(name, data[:EDGE], data[-EDGE:])
    if data.startswith(_ZIP):
        Archive(Raw(data, name))  # looks at what it promises to unpack to
    return found


def store(folder: Path, name: str, data: bytes) -> Path:
    """Put a file into `folder` under a clean name; where other contents have that name, the new one gets a number.

    Returns where it is: the same contents under the same name are not stored twice.
    """
    clean = clean_name(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            path = folder / _numbered(clean, number)
            if _put(path, data):
                return path
            number += 1
    except OSError as error:
        raise StorageError(f"{clean} cannot be stored in {folder}: {error.strerror}") from error


def _put(path: Path, data: bytes) -> bool:
    """Write a new file, or find the very same there; False if the name is taken."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        same_size = path.is_file() and not path.is_symlink() and path.stat().st_size == len(data)
        return same_size and path.read_bytes() == data
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return True


def _numbered(name: str, number: int) -> str:
    path = Path(name)
    return name if number == 1 else f"{path.stem} ({number}){path.suffix}"


def _shortened(name: str) -> str:
    """Whole characters as people see them, as many as there is room for; the suffix stays."""
    suffix = Path(name).suffix
    suffix = suffix if len(suffix.encode()) <= _LONGEST_SUFFIX else ""
    room = _BYTES - len(suffix.encode())
    kept = ""
    for character in regex.findall(r"\X", name.removesuffix(suffix)):
        if len((kept + character).encode()) > room:
            break
        kept += character
    return kept.rstrip(" .") + suffix if kept else ""
