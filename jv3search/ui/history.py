"""Questions asked before, in this session: they stay in the server's memory and go with the browser's tab."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from jv3search.ui import request as urls
from jv3search.ui.i18n import gettext as _
from jv3search.ui.request import Request
from jv3search.ui.safe import label

_KEY = "recent_queries"
_MOST = 8


def remember(query: str) -> None:
    """Put a question first."""
    if query:
        before = [other for other in st.session_state.get(_KEY, []) if other != query]
        st.session_state[_KEY] = [query, *before][:_MOST]


def panel(request: Request) -> None:
    """Questions to ask again."""
    recent: list[str] = st.session_state.get(_KEY, [])
    if not recent:
        return
    st.caption(_("Asked before"))
    with st.container(horizontal=True, gap="small"):
        for number, query in enumerate(recent):
            st.button(
                label(query),
                key=f"recent-{number}",
                icon=":material/history:",
                on_click=urls.go,
                args=(replace(request, query=query),),
            )
