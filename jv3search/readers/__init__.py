"""Readers: one file format a module, behind one door that runs them in a killable child.

    with SandboxedReader() as reader:
        document = reader.read(Path("manual.pdf"))      # Document, or ReadError with the reason

Nothing here imports a parser library; those are loaded in the child, one format at a time.
"""

from __future__ import annotations

from pathlib import Path

from jv3search.readers.formats import EDGE, READERS, SUFFIXES, format_by_content
from jv3search.readers.opening import fetch, peek
from jv3search.readers.picture import PageImage, PageWanted
from jv3search.readers.sandbox.limits import Limits
from jv3search.readers.sandbox.parent import SandboxedReader

__all__ = ["READERS", "SUFFIXES", "Limits", "PageImage", "PageWanted", "SandboxedReader", "fetch", "format_of"]


def format_of(path: Path) -> str:
    """The short name of the format a file will be read as, or UnsupportedFormat with the reason."""
    head, tail = peek(path, edge=EDGE)
    return format_by_content(path.name, head, tail)
