"""Which weights a checkpoint holds: a SHA-256, computed once for files that stay as they are."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

_SETTLED = 2.0  # seconds; a file that was written later may change again without another time
_MOST = 32  # checkpoints remembered


def weights_digest(folder: Path) -> str:
    """SHA-256 over everything that decides a vector: the weights, the tokenizer and config.json.

    It is remembered in the user's cache folder by each file's size, time and inode: 1.2 GB take seconds to hash.
    """
    files = sorted([*folder.rglob("*.safetensors"), folder / "tokenizer.json", folder / "config.json"])
    return _once(files, lambda: _total(folder, files))


def file_digest(path: Path) -> str:
    """SHA-256 of one file, remembered likewise; OSError if it cannot be read."""
    return _once([path], lambda: _sha256(path))


def remember_digest(path: Path, digest: str) -> None:
    """Note the SHA-256 of a file just written that nobody else writes to."""
    _remember(_remembered() | {_state([path]): digest})


def _once(files: Sequence[Path], compute: Callable[[], str]) -> str:
    """What `compute` says of some files, unless it is known of their present state."""
    state = _state(files)
    known = _remembered()
    if state in known:
        return known[state]
    digest = compute()
    if state == _state(files) and max(path.stat().st_mtime for path in files) < time.time() - _SETTLED:
        _remember(known | {state: digest})
    return digest


def _total(folder: Path, files: Sequence[Path]) -> str:
    total = hashlib.sha256()
    for path in files:
        total.update(f"{path.relative_to(folder).as_posix()} {_sha256(path)}\n".encode())
    return total.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _state(files: Sequence[Path]) -> str:
    stats = [(path, path.stat()) for path in files]
    return "\n".join(
        f"{path} {of.st_dev} {of.st_ino} {of.st_size} {of.st_mtime_ns} {of.st_ctime_ns}" for path, of in stats
    )


def _cache() -> Path:
    return user_cache_path("jv3search", appauthor=False) / "weights.json"


def _remembered() -> dict[str, str]:
    """Digest by the state of the files; nothing if there is no cache, or a damaged one."""
    try:
        known = json.loads(_cache().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(state): str(digest) for state, digest in known.items()} if isinstance(known, dict) else {}


def _remember(known: dict[str, str]) -> None:
    """Best effort: without a place to write, the next process hashes again."""
    kept = dict(list(known.items())[-_MOST:])
    path = _cache()
    new = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(json.dumps(kept), encoding="utf-8")
        new.replace(path)
