"""The library's tables: one row a document, one row a file that could not be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import streamlit as st

from jv3search.indexes import FAILURES, DocumentRow, LedgerRow
from jv3search.ui import safe
from jv3search.ui.i18n import gettext as _
from jv3search.ui.i18n import language_name, number

if TYPE_CHECKING:
    import pandas as pd

_DAY = "YYYY-MM-DD"
_HEIGHTS = (3, 12)  # rows that are shown at least and at most; the rest is a scroll away
_ROW = 35  # pixels, Streamlit's own
_FRAME = 38  # pixels of the header and the border


def documents_table(rows: Sequence[DocumentRow], ledger: Mapping[str, LedgerRow], zone: tzinfo) -> pd.DataFrame:
    """What the table of documents shows, in the order of `rows`; its index is their addresses."""
    import pandas as pd

    names = {code: language_name(code) for code in {row.language for row in rows}}
    states = {uri: _state(row) for uri, row in ledger.items()}
    frame = pd.DataFrame(
        {
            "title": [safe.text(row.title) for row in rows],
            "file": [safe.text(PurePath(row.uri).name) for row in rows],
            "state": [states.get(row.uri, _("Ready")) for row in rows],
            "language": [names[row.language] for row in rows],
            "format": [row.format for row in rows],
            "pages": [row.pages or None for row in rows],
            "chunks": [row.chunks for row in rows],
            "modified": pd.to_datetime([row.modified for row in rows], utc=True).tz_convert(zone),
            "ingested": pd.to_datetime([row.ingested_at for row in rows], utc=True).tz_convert(zone),
            "remark": [safe.text(ledger[row.uri].reason) if row.uri in ledger else "" for row in rows],
            "folder": [safe.text(str(PurePath(row.uri).parent)) for row in rows],
        },
        index=[row.uri for row in rows],
    )
    return frame.astype({"pages": "Int64"})


def failures_table(rows: Sequence[LedgerRow], zone: tzinfo) -> pd.DataFrame:
    """What the table of unread files shows, in the order of `rows`."""
    import pandas as pd

    return pd.DataFrame(
        {
            "file": [safe.text(PurePath(row.uri).name) for row in rows],
            "state": [_failure(row.state) for row in rows],
            "reason": [safe.text(row.reason) for row in rows],
            "checked": pd.to_datetime([row.checked_at for row in rows], utc=True).tz_convert(zone),
            "folder": [safe.text(str(PurePath(row.uri).parent)) for row in rows],
        },
        index=[row.uri for row in rows],
    )


def matching(rows: Sequence[DocumentRow], words: str) -> list[DocumentRow]:
    """The documents with all these words in their title or address, in any case."""
    wanted = words.casefold().split()
    if not wanted:
        return list(rows)
    texts = (f"{row.title} {row.uri}".casefold() for row in rows)
    return [row for row, text in zip(rows, texts, strict=True) if all(word in text for word in wanted)]


def choose_rows(frame: pd.DataFrame, columns: Mapping[str, Any], *, alt: str, key: str) -> list[str]:
    """Draw a table and return the addresses of the rows a person has chosen in it."""
    least, most = _HEIGHTS
    event = st.dataframe(
        frame,
        hide_index=True,
        column_config=dict(columns),
        column_order=list(columns),
        height=_FRAME + _ROW * min(max(len(frame), least), most),
        on_select="rerun",
        selection_mode="multi-row",
        placeholder="",
        alt=alt,
        key=key,
    )
    return [str(frame.index[row]) for row in event.selection.rows if row < len(frame)]


def document_columns() -> dict[str, Any]:
    """The columns of the documents' table, the most telling first."""
    config = st.column_config
    return {
        "title": config.TextColumn(_("Title"), width=320),
        "state": config.TextColumn(_("State"), width=95),
        "language": config.TextColumn(_("Language"), width=110),
        "format": config.TextColumn(_("Type"), width=65),
        "pages": config.NumberColumn(_("Pages"), width=75),
        "chunks": config.NumberColumn(_("Passages"), width=95),
        "ingested": config.DatetimeColumn(_("Added"), width=105, format=_DAY),
        "modified": config.DatetimeColumn(_("Changed"), width=105, format=_DAY),
        "file": config.TextColumn(_("File"), width="medium"),
        "remark": config.TextColumn(_("Remark"), width="medium"),
        "folder": config.TextColumn(_("Folder"), width="medium"),
    }


def failure_columns() -> dict[str, Any]:
    """The columns of the unread files' table."""
    config = st.column_config
    return {
        "file": config.TextColumn(_("File"), width="medium"),
        "state": config.TextColumn(_("State"), width=110),
        "reason": config.TextColumn(_("Reason"), width="large"),
        "checked": config.DatetimeColumn(_("Tried"), width=105, format=_DAY),
        "folder": config.TextColumn(_("Folder"), width="medium"),
    }


def size(count: int) -> str:
    """Bytes for people: 1.2 MB."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}" if count < 10 * unit else f"{number(round(count / unit))} {name}"
    return f"{number(count)} B"


def _state(row: LedgerRow) -> str:
    """A document that is in the index although its file could not be read the last time is of an older version."""
    return _("Older version") if row.state in FAILURES else _("Ready")


def _failure(state: str) -> str:
    return {"failed": _("Not readable"), "unsupported": _("Unknown type"), "empty": _("No text")}.get(state, state)
