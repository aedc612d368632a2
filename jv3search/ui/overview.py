"""The page "Overview": what the corpus is made of, a map of it, and what searching it costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from jv3search.errors import IndexNotFound
from jv3search.indexes import DocumentRow, Status
from jv3search.ui import charts, corpus_map, dial, library_table, safe, state
from jv3search.ui.corpus_map import CorpusMap
from jv3search.ui.i18n import gettext as _
from jv3search.ui.i18n import language_name, number
from jv3search.ui.knowledge_bases import choose_knowledge_base
from jv3search.ui.library import open_document

if TYPE_CHECKING:
    import pandas as pd


_POINTS = 5_000  # that a browser moves without effort
_GROUPS = 8  # languages with a colour of their own
_SIZES = (
    (1, "1"),
    (5, "2–5"),
    (20, "6–20"),
    (100, "21–100"),
)  # passages of a document, at most, and the bar's name
_BEYOND = "> 100"


def show() -> None:
    """Draw the page."""
    st.title(_("Overview"))
    with state.shown():
        choose_knowledge_base()
        try:
            kb = state.opened()
            _show_all(state.current(kb), kb.status())
        except IndexNotFound:
            state.absent(_nothing())


def _nothing() -> str:
    return _("There is nothing to show yet. Add documents in the library first.")


def _show_all(index: state.OpenIndex, status: Status) -> None:
    if not status.documents:
        safe.notice("info", _nothing())
        return
    _show_numbers(status)
    st.subheader(_("What is in it"))
    _show_counts(status, state.documents(index))
    st.subheader(_("Map of the documents"))
    _show_map(index)
    st.subheader(_("What a search looks through"))
    with state.shown():
        dial.show(status)


def _show_numbers(status: Status) -> None:
    with st.container(horizontal=True):
        st.metric(_("Documents"), number(status.documents), border=True)
        st.metric(_("Passages"), number(status.chunks), border=True)
        st.metric(_("Languages"), number(len(status.languages)), border=True)
        st.metric(_("Size on disk"), library_table.size(status.size), border=True)


def _show_counts(status: Status, rows: Sequence[DocumentRow]) -> None:
    languages = {language_name(code): count for code, count in status.languages.items()}
    sizes = Counter(_size_of(row.chunks) for row in rows)
    names = [name for _most, name in _SIZES] + [_BEYOND]
    tables = [
        (_("Passages by language"), languages, "languages"),
        (_("Documents by type"), status.formats, "formats"),
        (_("Documents by number of passages"), {name: sizes[name] for name in names if sizes[name]}, "sizes"),
    ]
    for column, (name, counts, key) in zip(st.columns(3, gap="large"), tables, strict=True):
        with column:
            st.markdown(f"###### {name}")
            charts.bars(counts, name=name, others=_("others"), key=key)
    with st.expander(_("The same as tables")):
        for column, (name, counts, _key) in zip(st.columns(3), tables, strict=True):
            column.table({name: list(counts), "#": [number(count) for count in counts.values()]})


def _size_of(chunks: int) -> str:
    return next((name for most, name in _SIZES if chunks <= most), _BEYOND)


def _show_map(index: state.OpenIndex) -> None:
    with st.spinner(_("Drawing the map …")):
        documents, drawn = _map(index.stamp, index)
    if not documents:
        safe.notice("info", _("The map is drawn when the documents are read the next time."))
        return
    st.caption(
        _("Documents about similar things lie close together, whatever their language. Click one to open it.")
    )
    ways = {"language": _("Language"), "topic": _("Topic")}
    way = st.segmented_control(_("Coloured by"), list(ways), format_func=ways.__getitem__, default="language")
    frame = map_frame(documents, drawn, by_topic=way == "topic")
    if len(frame) > _POINTS:
        st.caption(
            _("{shown} of {all} documents are drawn, chosen evenly.").format(
                shown=number(_POINTS), all=number(len(frame))
            )
        )
        frame = frame.iloc[np.linspace(0, len(frame) - 1, _POINTS).astype(int)]
    chosen = charts.points(
        frame,
        legend=ways[way or "language"],
        other=_("others"),
        titles=[_("Title"), _("Language"), _("Topic")],
        alt=_("Map of {n} documents; the table below lists them by topic").format(n=number(len(frame))),
        key="map",
    )
    if chosen:
        open_document(documents[chosen[0]].uri)
    with st.expander(_("The same as a table")):
        _show_topics(frame, documents)


def _show_topics(frame: pd.DataFrame, documents: Sequence[DocumentRow]) -> None:
    """The way to a document for those who do not use the map."""
    table = frame[["topic", "title", "language", "row"]].sort_values(["topic", "title"], kind="stable")
    config = st.column_config
    event = st.dataframe(
        table,
        hide_index=True,
        column_order=["topic", "title", "language"],
        column_config={
            "topic": config.TextColumn(_("Topic")),
            "title": config.TextColumn(_("Title"), width="large"),
            "language": config.TextColumn(_("Language")),
        },
        on_select="rerun",
        selection_mode="single-row",
        alt=_("Documents by topic"),
        key="map-table",
    )
    if event.selection.rows:
        open_document(documents[int(table.iloc[event.selection.rows[0]]["row"])].uri)


def map_frame(documents: Sequence[DocumentRow], drawn: CorpusMap, *, by_topic: bool) -> pd.DataFrame:
    """One row a document: where it is drawn, what its tooltip says, and the group that colours it."""
    import pandas as pd

    names = corpus_map.topic_names([row.title for row in documents], drawn)
    frame = pd.DataFrame(
        {
            "row": range(len(documents)),
            "x": drawn.points[:, 0],
            "y": drawn.points[:, 1],
            "title": [safe.text(row.title) for row in documents],
            "language": [language_name(row.language) for row in documents],
            "topic": [safe.text(names[topic]) for topic in drawn.topics],
        }
    )
    frame["words"] = frame["title"] + " · " + frame["language"] + " · " + frame["topic"]
    groups = frame["topic" if by_topic else "language"]
    largest = list(groups.value_counts().index[:_GROUPS])
    frame["group"] = [group if group in largest else _("others") for group in groups]
    order = {group: rank for rank, group in enumerate(largest)}
    return frame.sort_values("group", key=lambda column: column.map(lambda group: order.get(group, len(order))))


@st.cache_data(show_spinner=False, max_entries=4)
def _map(stamp: state.Stamp, _index: state.OpenIndex) -> tuple[list[DocumentRow], CorpusMap]:
    """The documents that have a vector and their map, made once until the index changes."""
    rows = {row.uri: row for row in state.documents(_index)}
    uris, vectors = _index.kb.reader.document_vectors("separation")
    kept = [number for number, uri in enumerate(uris) if uri in rows]
    return [rows[uris[number]] for number in kept], corpus_map.make_map(vectors[kept])
