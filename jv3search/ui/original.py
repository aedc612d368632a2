"""The files behind the documents: only those in the index are ever opened, and only as they were read in."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from jv3search.errors import InputError, ReadError
from jv3search.readers import Limits, PageImage, PageWanted, SandboxedReader, fetch
from jv3search.ui.i18n import gettext as _
from jv3search.ui.i18n import interface_language

if TYPE_CHECKING:
    from jv3search.indexes.rows import DocumentRow

_WIDTH = 1200  # pixels; sharp in a column of 600 on a fine screen
_SECONDS = 15.0  # a reader waits; an ingest may take longer


def original(row: DocumentRow) -> bytes:
    """A document's file; ReadError if it is gone, or is not what was read in any more."""
    path = Path(row.uri)
    try:
        data = fetch(path)
    except ReadError:
        raise ReadError(
            _("The file {name} was moved or deleted, or may not be read. The stored text is shown.").replace(
                "{name}", path.name
            )
        ) from None
    if hashlib.sha256(data).hexdigest() != row.digest:
        raise ReadError(
            _("The file {name} has changed since it was read. The stored text is shown.").replace(
                "{name}", path.name
            )
        )
    return data


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
    if row.format != "pdf":
        raise InputError(f"{row.uri} is not a PDF, so no pages can be drawn")
    return _drawn(row, state_of(row), page, passages)


@st.cache_resource(show_spinner=False, max_entries=64)
def _drawn(row: DocumentRow, file: tuple[int, int], page: int, passages: tuple[str, ...]) -> PageImage:
    return _child().draw(original(row), Path(row.uri).name, PageWanted(page, _WIDTH, passages))


@st.cache_resource(show_spinner=False)
def _child() -> SandboxedReader:
    """The process that draws: apart from us, with bounds of memory and time."""
    return SandboxedReader(Limits(seconds=_SECONDS))
