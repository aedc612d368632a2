"""Which files there are: regular files below the given paths, never through a link that leads elsewhere."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jv3search.errors import InputError


@dataclass(frozen=True, slots=True)
class Found:
    """The files below some paths, sorted, and what was left out of them on purpose."""

    files: tuple[Path, ...]
    links: int = 0
    hidden: int = 0
    refused: tuple[tuple[Path, str], ...] = ()

    def __iter__(self) -> Iterator[Path]:
        return iter(self.files)


@dataclass(slots=True)
class _Gathering:
    leave_out: Path
    files: set[Path] = field(default_factory=set)
    links: int = 0
    hidden: int = 0
    refused: list[tuple[Path, str]] = field(default_factory=list)


def find_files(paths: Sequence[Path], *, leave_out: Path, known: Collection[str] = ()) -> Found:
    """Files named by `paths` or below a folder of them, as absolute paths; the index's own folder is left out.

    A path that is given may be a link; a link that is met below a folder is not followed. Names that begin
    with a dot are left out. InputError for a path that does not exist, unless one of the `known` documents was
    below it.
    """
    gathering = _Gathering(leave_out.resolve())
    for path in paths:
        resolved = path.resolve()
        if resolved.is_dir():
            _gather(resolved, gathering)
        elif resolved.exists():
            _sort(resolved, resolved.stat().st_mode, gathering)
        elif not any(below(uri, [path]) for uri in known):
            raise InputError(f"there is no file or folder {path}")
    return Found(tuple(sorted(gathering.files)), gathering.links, gathering.hidden, tuple(gathering.refused))


def below(uri: str, roots: Sequence[Path]) -> bool:
    """Whether a document's address is one of `roots` or lies in a folder of them."""
    return any(Path(uri).is_relative_to(root.resolve()) for root in roots)


def _gather(folder: Path, gathering: _Gathering) -> None:
    pending = [folder]
    while pending:
        here = pending.pop()
        if here == gathering.leave_out:
            continue
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError as error:
            gathering.refused.append((here, f"the folder cannot be opened: {error.strerror}"))
            continue
        pending += [Path(entry.path) for entry in entries if _is_folder(entry, gathering)]


def _is_folder(entry: os.DirEntry[str], gathering: _Gathering) -> bool:
    """Sort one entry into the gathering; True if it is a folder to go into."""
    if entry.name.startswith("."):
        gathering.hidden += 1
    elif entry.is_symlink():
        gathering.links += 1
    elif entry.is_dir(follow_symlinks=False) and _is_unicode(entry.name):
        return True
    else:
        _sort(Path(entry.path), entry.stat(follow_symlinks=False).st_mode, gathering)
    return False


def _sort(path: Path, mode: int, gathering: _Gathering) -> None:
    """A file to read, or one to refuse with the reason."""
    if not _is_unicode(str(path)):
        gathering.refused.append((path, "its name is not valid UTF-8: rename it"))
    elif not stat.S_ISREG(mode):
        gathering.refused.append((path, "it is not a regular file but a pipe, socket or device"))
    else:
        gathering.files.add(path)


def _is_unicode(name: str) -> bool:
    """Names that are not valid UTF-8 reach Python with lone surrogates, which no database stores."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
