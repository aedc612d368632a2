"""The page "Library": what is in the index, what could not be read, and documents in and out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st
from markupsafe import Markup

from jv3search.errors import IndexNotFound
from jv3search.indexes import DocumentRow, LedgerRow, Status
from jv3search.types import document_id
from jv3search.ui import add_documents, job_panel, library_table, safe, state
from jv3search.ui import request as urls
from jv3search.ui.i18n import gettext as _
from jv3search.ui.i18n import ngettext
from jv3search.ui.knowledge_bases import choose_knowledge_base
from jv3search.ui.request import Opened, Request

if TYPE_CHECKING:
    from jv3search.knowledge_base import KnowledgeBase

_ROUND = "library_round"  # counts up after a change, so that no row stays chosen
_NAMED = 8  # documents that are named before they are removed


def show() -> None:
    """Draw the page."""
    st.title(_("Library"))
    with state.shown():
        choose_knowledge_base()
        job_panel.show()
        try:
            kb = state.opened()
            status = kb.status()
        except IndexNotFound:
            state.absent(_("There is nothing here yet. Add documents, and they can be searched at once."))
            add_documents.show()
            return
        _show_tabs(
            status, state.documents(state.current(kb)), _ledger(str(state.index_location()), _stamp(status), kb)
        )


def _show_tabs(status: Status, rows: list[DocumentRow], ledger: dict[str, LedgerRow]) -> None:
    unread = status.failures
    names = [
        ngettext("{n} document", "{n} documents", len(rows)),
        ngettext("{n} not read", "{n} not read", len(unread)),
        _("Add documents"),
    ]
    documents, failures, add = st.tabs(names, default=names[0] if rows else names[2])
    with documents:
        _show_documents(rows, ledger, _choice(status))
    with failures:
        _show_failures(unread, _choice(status))
    with add:
        add_documents.show()


@st.cache_data(show_spinner=False, max_entries=4)
def _ledger(folder: str, stamp: tuple[object, ...], _kb: KnowledgeBase) -> dict[str, LedgerRow]:
    """What came of each file, read once for all sessions until something changes."""
    return {row.uri: row for row in _kb.reader.ledger()}


def _stamp(status: Status) -> tuple[object, ...]:
    return status.generation, status.last_ingest, status.documents, len(status.failures)


def _choice(status: Status) -> str:
    """What a choice of rows belongs to: rows that have moved since are not the ones that were chosen."""
    return f"{st.session_state.get(_ROUND, 0)}-{hash(_stamp(status))}"


def _show_documents(rows: list[DocumentRow], ledger: dict[str, LedgerRow], choice: str) -> None:
    label = _("Find by title, file or folder")
    words = st.text_input(
        label, placeholder=label, label_visibility="collapsed", icon=":material/search:", key="library-find"
    )
    found = library_table.matching(rows, words)
    if not found:
        safe.notice("info", _("No document has this name.") if rows else _("There is no document yet."))
        return
    frame = library_table.documents_table(found, ledger, _zone())
    chosen = library_table.choose_rows(
        frame,
        library_table.document_columns(),
        alt=_("Documents in the index"),
        key=f"documents-{choice}-{words}",
    )
    by_uri = {row.uri: row for row in found}
    _show_actions([by_uri[uri] for uri in chosen])


def _show_actions(chosen: Sequence[DocumentRow]) -> None:
    if not chosen:
        st.caption(_("Choose rows at their left edge to open or remove documents."))
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        safe.show(Markup("<p>{}</p>").format(ngettext("{n} document chosen", "{n} documents chosen", len(chosen))))
        if len(chosen) == 1 and st.button(_("Open"), icon=":material/article:"):
            open_document(chosen[0].uri)
        if st.button(_("Remove …"), icon=":material/delete:"):
            st.dialog(_("Remove from the index?"))(_confirm)(chosen)


def open_document(uri: str) -> None:
    """Go to the page that shows a document."""
    st.switch_page(
        state.page(""),
        query_params=urls.to_url(Request(opened=Opened(document_id(uri)), index=urls.current().index)),
    )


def _confirm(chosen: Sequence[DocumentRow]) -> None:
    """Ask before anything leaves the index."""
    items = Markup("").join(
        Markup("<li>{}</li>").format(safe.name(row.title or PurePath(row.uri).name)) for row in chosen[:_NAMED]
    )
    more = len(chosen) - _NAMED
    if more > 0:
        items += Markup("<li>{}</li>").format(ngettext("and {n} more", "and {n} more", more))
    safe.show(Markup("<ul>{}</ul>").format(items))
    st.write(_("They can no longer be found. The files themselves stay where they are."))
    st.caption(_("If their folder is read again, they come back."))
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(_("Keep")):
            st.rerun()
        if st.button(_("Remove"), type="primary", icon=":material/delete:"):
            with state.shown():
                _remove([row.uri for row in chosen])
                st.rerun()


def _remove(uris: Sequence[str]) -> None:
    state.opened().remove(*uris)
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1


def _show_failures(unread: Sequence[LedgerRow], choice: str) -> None:
    if not unread:
        safe.notice("info", _("Every file that was found could be read."))
        return
    frame = library_table.failures_table(unread, _zone())
    chosen = library_table.choose_rows(
        frame,
        library_table.failure_columns(),
        alt=_("Files that could not be read"),
        key=f"failures-{choice}",
    )
    st.caption(_("Repair a file and try again. If none is chosen, all are tried."))
    if st.button(_("Try again"), icon=":material/refresh:"):
        _try_again(chosen or [row.uri for row in unread])


def _try_again(uris: Sequence[str]) -> None:
    """Read the files that are still there; what is gone concerns nobody any more."""
    there = [Path(uri) for uri in uris if Path(uri).exists()]
    gone = [uri for uri in uris if not Path(uri).exists()]
    if gone:
        _remove(gone)
    if there:
        job_panel.begin(there)
    st.rerun()


def _zone() -> ZoneInfo:
    """The reader's own time."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
