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

if TYPE_CHECKING:
    from jv3search.encoders.port import Encoder
    from jv3search.indexes import Reader

INDEX = "index_folder"
"""Key in the session's state of the index a person chose; absent or empty: that of the settings."""


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
