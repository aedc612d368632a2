"""What every page needs: the settings, and the index with its model, opened once for all sessions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from jv3search import knowledge_base
from jv3search.config import Settings, load_settings
from jv3search.errors import IndexNotFound, JV3SearchError
from jv3search.knowledge_base import KnowledgeBase, with_model
from jv3search.location import IndexLocation
from jv3search.types import document_id
from jv3search.ui import safe
from jv3search.ui.i18n import gettext as _

if TYPE_CHECKING:
    from jv3search.indexes.rows import DocumentRow
    from jv3search.types import Document

INDEX = "index"
"""Key in the session's state of the index a person chose; absent or empty: that of the settings."""

ONE_INDEX = "one_index"
"""Key in the session's state: whether no other index than that of the settings is on offer."""

Stamp = tuple[str, tuple[int, int] | None, tuple[str, int]]
"""Which state of which index: what was found out about another one does not hold."""


@dataclass(frozen=True, slots=True)
class OpenIndex:
    """What one run of a page shows: a knowledge base, and the state in which the run met it."""

    kb: KnowledgeBase
    stamp: Stamp


def index_location() -> IndexLocation:
    """Where the index is that this session looks at, which need not exist."""
    return load_settings({"index": st.session_state.get(INDEX) or None}).index


def opened() -> KnowledgeBase:
    """The knowledge base this session looks at, opened once for all; IndexNotFound before the first ingest."""
    index = index_location()
    kb = _opened(index.secret, _identity(index.folder))
    _seen().add(str(index.resolved()))
    return kb


def absent(words: str) -> None:
    """Say why there is no index: where there was one before that it is gone, else the words for a beginning."""
    index = str(index_location().resolved())
    if index not in _seen():
        safe.notice("info", words)
        return
    gone = _(
        "The knowledge base is gone: {folder} was deleted or moved. Put it back, or add the documents again in "
        "the library."
    )
    safe.notice("warning", gone.replace("{folder}", index))


def settings() -> Settings:
    """The settings of the knowledge base this session looks at, which need not exist."""
    try:
        return opened().settings
    except IndexNotFound:
        return with_model(load_settings({"index": index_location()}))


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


def current(kb: KnowledgeBase) -> OpenIndex:
    """A knowledge base in its present state, which the catalog is asked for once a run of a page."""
    index = index_location()
    return OpenIndex(kb, (str(index), _identity(index.folder), kb.reader.stamp()))


def documents(index: OpenIndex) -> list[DocumentRow]:
    """Every document of an index, as of its last change."""
    return list(_documents(index.kb, index.stamp))


def document_row(index: OpenIndex, key: str) -> DocumentRow | None:
    """The document that a URL names, if the index has it."""
    return _by_key(index.kb, index.stamp).get(key)


def document(index: OpenIndex, row: DocumentRow) -> Document:
    """A document as it was read."""
    return _document(index.kb, index.stamp, row)


@st.cache_resource(show_spinner=False, max_entries=4)
def _documents(_kb: KnowledgeBase, state: Stamp) -> list[DocumentRow]:
    return _kb.documents()


@st.cache_resource(show_spinner=False, max_entries=4)
def _by_key(_kb: KnowledgeBase, state: Stamp) -> dict[str, DocumentRow]:
    return {document_id(row.uri): row for row in _documents(_kb, state)}


@st.cache_resource(show_spinner=False, max_entries=16)
def _document(_kb: KnowledgeBase, state: Stamp, row: DocumentRow) -> Document:
    return _kb.document(row.uri)


@st.cache_resource(show_spinner=False, max_entries=4, on_release=KnowledgeBase.close)
def _opened(index: str, identity: tuple[int, int] | None) -> KnowledgeBase:
    return knowledge_base.open(index)


@st.cache_resource(show_spinner=False)
def _seen() -> set[str]:
    """Where there was an index since the server began."""
    return set()


def _identity(folder: Path) -> tuple[int, int] | None:
    """Which catalog file it is: another one in the same place is another index."""
    try:
        found = (folder / "catalog.sqlite").stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
