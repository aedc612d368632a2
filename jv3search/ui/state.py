"""What every page needs: the settings, and the index with its model, opened once for all sessions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from jv3search import wiring
from jv3search.config import Settings, load_settings
from jv3search.errors import JV3SearchError
from jv3search.ui import safe
from jv3search.ui.request import key_of

if TYPE_CHECKING:
    from jv3search.encoders.port import Encoder
    from jv3search.indexes import Reader
    from jv3search.indexes.rows import DocumentRow
    from jv3search.types import Document

INDEX = "index_folder"
"""Key in the session's state of the index a person chose; absent or empty: that of the settings."""


Stamp = tuple[str, tuple[int, int] | None, int]


def settings() -> Settings:
    """The settings of the index this session looks at."""
    return wiring.settings_for({"index": st.session_state.get(INDEX) or None})


def index_folder() -> Path:
    """The folder of the index this session looks at, which need not exist."""
    return load_settings({"index": st.session_state.get(INDEX) or None}).index


def opened() -> tuple[Reader, Encoder]:
    """The index and its model; IndexNotFound before the first ingest."""
    folder = index_folder()
    return _opened(str(folder), _identity(folder))


@contextmanager
def shown() -> Iterator[None]:
    """What goes wrong in here and is the user's to mend is said on the page, and the page goes on."""
    try:
        yield
    except JV3SearchError as error:
        safe.notice("error", str(error))


def page(name: str) -> st.Page:
    """A page of the application by its name in the URL."""
    found: st.Page = st.session_state["pages"][name]
    return found


def stamp(reader: Reader) -> Stamp:
    """Which state of which index this is: what was found out about another one does not hold."""
    folder = index_folder()
    return str(folder), _identity(folder), reader.status().generation


def documents(reader: Reader) -> list[DocumentRow]:
    """Every document of an index, as of its last change."""
    return list(_documents(reader, stamp(reader)))


def document_row(reader: Reader, key: str) -> DocumentRow | None:
    """The document that a URL names, if the index has it."""
    return next((row for row in documents(reader) if key_of(row.uri) == key), None)


def document(reader: Reader, row: DocumentRow) -> Document:
    """A document as it was read."""
    return _document(reader, stamp(reader), row)


@st.cache_resource(show_spinner=False, max_entries=4)
def _documents(_reader: Reader, state: Stamp) -> list[DocumentRow]:
    return _reader.documents()


@st.cache_resource(show_spinner=False, max_entries=16)
def _document(_reader: Reader, state: Stamp, row: DocumentRow) -> Document:
    return _reader.document(row.uri)


@st.cache_resource(show_spinner=False, max_entries=4, on_release=lambda parts: parts[0].close())
def _opened(folder: str, identity: tuple[int, int] | None) -> tuple[Reader, Encoder]:
    return wiring.open_for_search(wiring.settings_for({"index": folder}))


def _identity(folder: Path) -> tuple[int, int] | None:
    """Which catalog file it is: another one in the same place is another index."""
    try:
        found = (folder / "catalog.sqlite").stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
