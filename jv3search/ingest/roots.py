"""Roots: the only folders of which a page may read or write documents, whatever it is sent."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from jv3search.config import Settings
from jv3search.errors import InputError

_DEPTH = 4  # folders below a root that are offered


def roots_of(settings: Settings) -> tuple[Path, ...]:
    """The folders that are set, links resolved; the documents folder if none is."""
    named = [Path(part).expanduser() for part in settings.roots.split(os.pathsep) if part]
    return tuple(path.resolve() for path in named or [settings.documents])


def within(path: Path, roots: Sequence[Path]) -> Path:
    """`path` without links and `..`; InputError if it lies, in truth, outside of all `roots`."""
    try:
        resolved = path.expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, no such user, a NUL
        raise InputError(f"{str(path)!r} is not a usable path: {error}") from error
    if not any(resolved.is_relative_to(root) for root in roots):
        allowed = ", ".join(map(str, roots))
        raise InputError(f"{path} is outside {allowed}; name its folder with --root, or in the setting roots")
    return resolved


def folders_of(roots: Sequence[Path]) -> Iterator[Path]:
    """Each root and the folders up to four levels below it, without links and hidden ones."""
    for root in roots:
        for here, below, _ in os.walk(root):
            folder = Path(here)
            yield folder
            deep = len(folder.relative_to(root).parts) >= _DEPTH
            below[:] = [] if deep else sorted(name for name in below if not name.startswith("."))
