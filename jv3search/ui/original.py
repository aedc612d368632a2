"""The files behind the documents: only those in the index are ever opened, and only as they were read in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from jv3search.errors import FileChanged, ReadError
from jv3search.ingest import originals
from jv3search.readers import Limits, PageImage, SandboxedReader
from jv3search.ui.i18n import gettext as _
from jv3search.ui.i18n import interface_language

if TYPE_CHECKING:
    from jv3search.indexes.rows import DocumentRow


def original(row: DocumentRow) -> bytes:
    """A document's file; ReadError if it is gone, or is not what was read in any more."""
    try:
        return originals.original(row)
    except FileChanged:
        words = _("The file {name} has changed since it was read. The stored text is shown.")
    except ReadError:
        words = _("The file {name} was moved or deleted, or may not be read. The stored text is shown.")
    raise ReadError(words.replace("{name}", Path(row.uri).name))


def fault(row: DocumentRow) -> str:
    """Why a document's file is not to be had as it was read in, in the reader's language; empty if it is."""
    return _fault(row, state_of(row), interface_language())


@st.cache_data(show_spinner=False, max_entries=256)
def _fault(row: DocumentRow, file: tuple[int, int], language: str) -> str:
    try:
        original(row)
    except ReadError as error:
        return str(error)
    return ""


def state_of(row: DocumentRow) -> tuple[int, int]:
    """Size and time of change of the file as it is now: another pair means to look at it again."""
    try:
        found = Path(row.uri).lstat()
    except (OSError, ValueError):
        return (0, 0)
    return found.st_size, found.st_mtime_ns


def drawn(row: DocumentRow, page: int, passages: tuple[str, ...]) -> PageImage:
    """A page of a PDF with the places of some passages; ReadError says why not."""
    return _drawn(row, state_of(row), page, passages)


@st.cache_resource(show_spinner=False, max_entries=64)
def _drawn(row: DocumentRow, file: tuple[int, int], page: int, passages: tuple[str, ...]) -> PageImage:
    return originals.draw(_child(), row, original(row), page, passages)


@st.cache_resource(show_spinner=False)
def _child() -> SandboxedReader:
    """The process that draws: apart from us, with bounds of memory and time."""
    return SandboxedReader(Limits(seconds=originals.SECONDS))
