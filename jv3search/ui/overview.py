"""The page "Overview": what the corpus is made of, a map of it, and what searching it costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from jv3search.analysis.topics import Clusters, Topic, clusters, name_topics
from jv3search.errors import IndexNotFound
from jv3search.indexes import DocumentRow, Status
from jv3search.ui import charts, corpus_map, dial, library_table, safe, state
from jv3search.ui.i18n import gettext as _
from jv3search.ui.i18n import interface_language, language_name, number
from jv3search.ui.knowledge_bases import choose_knowledge_base
from jv3search.ui.library import open_document

if TYPE_CHECKING:
    import pandas as pd


_POINTS = 5_000  # that a browser moves without effort
_TOPIC_WIDTH = 400  # pixels: three words and a number
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
        drawn = _map(index.stamp, index)
    if not drawn.clusters.documents:
        safe.notice("info", _("The map is drawn when the documents are read the next time."))
        return
    st.caption(
        _("Documents about similar things lie close together, whatever their language. Click one to open it.")
    )
    ways = {"language": _("Language"), "topic": _("Topic")}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        way = st.segmented_control(_("Coloured by"), list(ways), format_func=ways.__getitem__, default="language")
        topic = _choose_topic(drawn)
    frame = map_frame(drawn, by_topic=way == "topic")
    if topic is not None:
        frame = frame[drawn.clusters.labels[frame["row"]] == topic]
    _draw(frame, drawn, ways[way or "language"])
    with st.expander(_("Topics and their words")):
        _show_topics(drawn)


def _choose_topic(drawn: DrawnMap) -> int | None:
    """The topic whose documents alone are to be drawn; None is all."""
    names = [safe.text(name) for name in drawn.names()]

    def told(topic: int) -> str:
        return _("all") if topic < 0 else f"{names[topic]} ({number(len(drawn.topics[topic].documents))})"

    # the key holds the number of topics: another index has others
    options, key = [-1, *range(len(names))], f"map-topic-{len(names)}"
    topic = st.selectbox(_("Topic"), options, format_func=told, key=key, width=_TOPIC_WIDTH)
    return topic if topic >= 0 else None


def _draw(frame: pd.DataFrame, drawn: DrawnMap, legend: str) -> None:
    """The chart, and the same as a table."""
    documents = drawn.clusters.documents
    if len(frame) > _POINTS:
        st.caption(
            _("{shown} of {all} documents are drawn, chosen evenly.").format(
                shown=number(_POINTS), all=number(len(frame))
            )
        )
        frame = frame.iloc[np.linspace(0, len(frame) - 1, _POINTS).astype(int)]
    chosen = charts.points(
        frame,
        legend=legend,
        other=_("others"),
        titles=[_("Title"), _("Language"), _("Topic")],
        alt=_("Map of {n} documents; the table below lists them by topic").format(n=number(len(frame))),
        key="map",
    )
    if chosen:
        open_document(documents[chosen[0]].uri)
    with st.expander(_("The same as a table")):
        _show_documents(frame, documents)


def _show_topics(drawn: DrawnMap) -> None:
    """Every topic with its words in all its languages."""
    import pandas as pd

    table = pd.DataFrame(
        {
            "topic": drawn.names(),
            "documents": [len(topic.documents) for topic in drawn.topics],
            "words": [_words(topic) for topic in drawn.topics],
        }
    )
    config = st.column_config
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "topic": config.TextColumn(_("Topic"), width="medium"),
            "documents": config.NumberColumn(_("Documents"), width="small"),
            "words": config.TextColumn(_("Words by language"), width="large"),
        },
        alt=_("Topics and their words"),
        key="map-topics",
    )


def _words(topic: Topic) -> str:
    """The words of a topic, language by language."""
    told = ((language_name(tag), ", ".join(terms)) for tag, terms in topic.terms.items() if terms)
    return "; ".join(f"{language}: {words}" for language, words in told)


def _show_documents(frame: pd.DataFrame, documents: Sequence[DocumentRow]) -> None:
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


@dataclass(frozen=True, slots=True)
class DrawnMap:
    """Documents by topic, the topics with their words, and where each document is drawn, (documents, 2)."""

    clusters: Clusters
    topics: tuple[Topic, ...]
    points: corpus_map.Matrix

    def names(self) -> list[str]:
        """What the topics are called for this reader."""
        return corpus_map.topic_names(self.topics, (interface_language(),))


def map_frame(drawn: DrawnMap, *, by_topic: bool) -> pd.DataFrame:
    """One row a document: where it is drawn, what its tooltip says, and the group that colours it."""
    import pandas as pd

    names, documents = drawn.names(), drawn.clusters.documents
    frame = pd.DataFrame(
        {
            "row": range(len(documents)),
            "x": drawn.points[:, 0],
            "y": drawn.points[:, 1],
            "title": [safe.text(row.title) for row in documents],
            "language": [language_name(row.language) for row in documents],
            "topic": [safe.text(names[topic]) for topic in drawn.clusters.labels],
        }
    )
    frame["words"] = frame["title"] + " · " + frame["language"] + " · " + frame["topic"]
    groups = frame["topic" if by_topic else "language"]
    largest = list(groups.value_counts().index[:_GROUPS])
    frame["group"] = [group if group in largest else _("others") for group in groups]
    order = {group: rank for rank, group in enumerate(largest)}
    return frame.sort_values("group", key=lambda column: column.map(lambda group: order.get(group, len(order))))


@st.cache_resource(show_spinner=False, max_entries=4)
def _map(stamp: state.Stamp, _index: state.OpenIndex) -> DrawnMap:
    """The map, made once until the index changes."""
    found = clusters(_index.kb)
    return DrawnMap(found, name_topics(_index.kb, found), corpus_map.points(found))
