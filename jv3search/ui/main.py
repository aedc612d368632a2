"""The frame around every page: title, navigation, language, looks. `app.py` and `jv3search ui` run this."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from jv3search.ui import answer_page, library, overview, search_page, settings, state
from jv3search.ui.i18n import gettext as _

_HERE = Path(__file__).parent


def pages() -> dict[str, st.Page]:
    """Every page by its name in the URL; "" is the first."""
    return {
        page.url_path: page
        for page in (
            st.Page(search_page.show, title=_("Search"), icon=":material/search:", default=True),
            st.Page(answer_page.show, title=_("Answer"), icon=":material/format_quote:", url_path="answer"),
            st.Page(library.show, title=_("Library"), icon=":material/folder_open:", url_path="library"),
            st.Page(overview.show, title=_("Overview"), icon=":material/insights:", url_path="overview"),
            st.Page(settings.show, title=_("Settings"), icon=":material/tune:", url_path="settings"),
        )
    }


def run(*, one_index: bool = False) -> None:
    """Draw the page that the URL names; with `one_index` no other index than that of the settings is on offer."""
    st.set_page_config(page_title="jv3search", page_icon=_HERE / "icon.svg", layout="wide")
    st.html(_HERE / "style.css")
    every = pages()
    st.session_state["pages"] = every
    st.session_state[state.ONE_INDEX] = one_index
    st.navigation(list(every.values()), position="top").run()
