"""Which index: the one of the settings, or another one that lies beside it unless one was named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from jv3search.config import load_settings
from jv3search.ui import safe, state
from jv3search.ui.i18n import gettext as _

_CATALOG = "catalog.sqlite"
_PARAMETER = "index"
_WIDTH = 360  # pixels


def beside(folder: Path) -> list[Path]:
    """The index folders with the same parent, and the folder itself, sorted by name."""
    parent = folder.resolve().parent
    try:
        found = {path for path in parent.iterdir() if not path.is_symlink() and (path / _CATALOG).is_file()}
    except OSError:
        found = set()
    return sorted(found | {folder.resolve()})


def choose_knowledge_base() -> None:
    """Draw the choice, if there is one; it is kept in the session and in the URL, and the URL of a link counts."""
    settings = load_settings({})
    if settings.index.url:  # beside an index on a server lies no other
        return
    own = settings.index.folder
    looked_at = state.index_location().folder.resolve()  # it may have been deleted
    offered = [looked_at, *([own.resolve()] if st.session_state[state.ONE_INDEX] else beside(own))]
    folders = {path.name: path for path in sorted(offered)}
    _follow_url(folders)
    if len(folders) == 1:
        return
    present = state.index_location().folder.resolve().name
    names = list(folders)
    name = st.selectbox(
        _("Knowledge base"),
        names,
        index=names.index(present),
        format_func=safe.text,
        width=_WIDTH,
    )
    if name != present:
        st.session_state[state.INDEX] = str(folders[name])
        st.query_params[_PARAMETER] = name
        st.rerun()


def _follow_url(folders: Mapping[str, Path]) -> None:
    wanted = st.query_params.get(_PARAMETER, "")
    if wanted in folders:
        st.session_state[state.INDEX] = str(folders[wanted])
    elif wanted:
        safe.notice("warning", _("There is no knowledge base {name} here.").format(name=wanted))
    elif st.session_state.get(state.INDEX):
        st.query_params[_PARAMETER] = state.index_location().folder.resolve().name
