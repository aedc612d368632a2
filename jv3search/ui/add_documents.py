"""Documents in: files dropped on the page, or a folder of this machine within the roots."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import streamlit as st
from markupsafe import Markup

from jv3search.config import load_settings
from jv3search.ingest.roots import folders_of, roots_of, within
from jv3search.ingest.uploads import receive
from jv3search.readers import READERS
from jv3search.ui import job_panel, safe, state
from jv3search.ui.i18n import gettext as _
from jv3search.ui.i18n import ngettext

_ROUND = "upload_round"  # counts up, so that the field is empty again after each upload
_REFUSED = "upload_refused"  # (name, reason) of the last upload
_MOST_FOLDERS = 500  # a page with more is slow, and nobody reads it


def show() -> None:
    """Draw both ways in."""
    settings = load_settings({})
    st.subheader(_("From this computer"))
    key = f"upload-{st.session_state.get(_ROUND, 0)}"
    st.file_uploader(
        _("Drop files here, or choose them"),
        accept_multiple_files=True,
        max_upload_size=settings.upload_limit_mb,
        key=key,
        on_change=_take,
        args=(key,),
    )
    st.caption(" · ".join(sorted(READERS)).upper())
    _show_refused()
    st.subheader(_("From a folder of the server"))
    _show_folders(roots_of(settings))


def _take(key: str) -> None:
    """Check and store what was dropped, and have it read."""
    sent = st.session_state.get(key) or []
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    with state.shown():
        stored, st.session_state[_REFUSED] = receive(
            load_settings({}), ((file.name, file.getvalue()) for file in sent)
        )
        if stored:
            job_panel.begin(stored)


def _show_refused() -> None:
    refused = st.session_state.get(_REFUSED) or []
    if not refused:
        return
    head = ngettext("{n} file was not taken:", "{n} files were not taken:", len(refused))
    items = Markup("").join(Markup("<li>{}</li>").format(safe.text(reason)) for _name, reason in refused)
    safe.notice("error", Markup("{}<ul>{}</ul>").format(head, items))


def _show_folders(roots: Sequence[Path]) -> None:
    folders = list(islice(folders_of([root for root in roots if root.is_dir()]), _MOST_FOLDERS + 1))
    if not folders:
        words = _(
            "There is no folder to read: {folders}. The documents folder is made when you drop a file above; "
            "to read another one, start jv3search ui --root FOLDER."
        )
        safe.notice("info", words.replace("{folders}", ", ".join(map(str, roots))))
        return
    with st.form("folder", border=False):
        offered = sorted(folders[:_MOST_FOLDERS])
        chosen = st.selectbox(_("Folder"), offered, format_func=lambda path: safe.text(str(path)))
        if len(folders) > len(offered):
            more = _("Only {n} folders are listed here; the command line can read any: jv3search ingest FOLDER")
            safe.notice("info", more.format(n=len(offered)))
        st.caption(_("New and changed files in it and below it are read; the files stay where they are."))
        if st.form_submit_button(_("Read this folder"), icon=":material/folder_open:") and chosen:
            with state.shown():
                job_panel.begin([within(chosen, roots)])
                st.rerun()
