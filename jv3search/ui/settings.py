"""The page "Settings"."""

from __future__ import annotations

import streamlit as st

from jv3search.ui.i18n import gettext as _


def show() -> None:
    """Draw the page."""
    st.title(_("Settings"))
