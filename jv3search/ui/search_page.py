"""The page "Search": one field, the results, and the source of one of them beside."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import streamlit as st
from markupsafe import Markup

from jv3search import wiring
from jv3search.errors import IndexNotFound
from jv3search.types import Hit, Mode
from jv3search.ui import filters, history, safe, source, state
from jv3search.ui import request as urls
from jv3search.ui.cards import card
from jv3search.ui.i18n import gettext as _
from jv3search.ui.i18n import ngettext
from jv3search.ui.request import Request

if TYPE_CHECKING:
    from jv3search.encoders.port import Encoder
    from jv3search.indexes import Reader
    from jv3search.search.answer import Answer


def show() -> None:
    """Draw the page."""
    asked = urls.current()
    try:
        with st.spinner(_("Opening the index and its model …")):
            reader, encoder = state.opened()
    except IndexNotFound:
        _first_run()
        return
    with state.shown():
        documents = state.documents(reader)
        if not documents:
            _first_run()
            return
        found = filters.facets(documents)
        filters.panel(asked, found)
        if not asked.query and asked.opened:
            with st.container(key="source"):
                source.show(reader, asked, ())
            return
        if not asked.query:
            _start(asked, len(documents), len(found.languages))
            return
        _field(asked)
        _results(reader, encoder, asked, found)


def _first_run() -> None:
    with st.container(key="start"):
        st.title(_("Search your documents in any language"))
        st.write(
            _(
                "Nothing has been read in yet. Add a folder or some files in the library; after that you can ask "
                "for anything in them, in your own words and in your own language."
            )
        )
        st.page_link(state.page("library"), label=_("Go to the library"), icon=":material/folder_open:")


def _start(asked: Request, documents: int, languages: int) -> None:
    with st.container(key="start"):
        st.title(_("Search your documents in any language"))
        _field(asked)
        counts = (
            ngettext("{n} document", "{n} documents", documents),
            ngettext("{n} language", "{n} languages", languages),
        )
        st.caption(" · ".join(counts))
        history.panel(asked)


def _field(asked: Request) -> None:
    """The question, and quietly below it how to ask more exactly."""
    st.session_state["q"] = asked.query
    st.text_input(
        _("What are you looking for?"),
        key="q",
        type="search",
        icon=":material/search:",
        placeholder=_("Ask in your own words, in any language"),
        label_visibility="collapsed",
        on_change=_ask,
    )
    with st.container(horizontal=True, horizontal_alignment="left", gap="small", key="below-field"):
        with st.popover(_("Ask more exactly"), icon=":material/help:", type="tertiary"):
            _operators()
        with st.popover(_("Way of searching"), icon=":material/tune:", type="tertiary"):
            _modes(asked)


def _ask() -> None:
    query = " ".join(st.session_state["q"].split())
    urls.go(replace(urls.current(), query=query, opened=None, shown=urls.PAGE_OF_HITS))
    history.remember(query)


def _operators() -> None:
    rows = (
        ('"exact phrase"', _("the passage must hold these very words")),
        ("-word", _("the passage must not hold this word")),
        ("lang:ja", _("only passages in this language")),
        ("type:pdf", _("only documents of this type")),
        ("under:reports", _("only documents in this folder")),
        ("since:2025-01-01", _("only documents changed since that day")),
    )
    row = Markup('<dt><code dir="ltr">{}</code></dt><dd>{}</dd>')
    safe.show(
        Markup('<dl class="jv3-operators">{}</dl>').format(Markup().join(row.format(*pair) for pair in rows))
    )


def _modes(asked: Request) -> None:
    names = {
        "hybrid": _("by meaning and by words"),
        "dense": _("by meaning alone"),
        "keyword": _("by words alone"),
    }
    st.session_state["mode"] = asked.mode
    st.radio(
        _("Way of searching"),
        get_args(Mode),
        key="mode",
        format_func=names.__getitem__,
        on_change=lambda: urls.go(replace(urls.current(), mode=st.session_state["mode"])),
    )


def _results(reader: Reader, encoder: Encoder, asked: Request, found: filters.Facets) -> None:
    with st.spinner(_("Searching …")):
        answer = answer_to(reader, encoder, asked.question(), found)
    if not answer.hits:
        _nothing(reader, encoder, asked, found)
        return
    if asked.opened is None:
        with st.container(key="results"):
            _list(answer, asked)
        return
    left, right = st.columns([5, 6], gap="medium")
    with left, st.container(key="results-beside"):
        _list(answer, asked)
    with right, st.container(key="source"):
        source.show(reader, asked, answer.hits)


def answer_to(reader: Reader, encoder: Encoder, asked: Request, found: filters.Facets) -> Answer:
    """The answer to a question; the last one is kept, for opening a source asks again for nothing new."""
    key = (state.index_folder(), reader.status().generation, asked)
    kept: tuple[Any, Answer] | None = st.session_state.get("answer")
    if kept is not None and kept[0] == key:
        return kept[1]
    answer = _search(reader, encoder, asked, found, asked.shown)
    st.session_state["answer"] = (key, answer)
    return answer


def _search(reader: Reader, encoder: Any, asked: Request, found: filters.Facets, k: int) -> Answer:
    return wiring.search(reader, encoder, asked.query, k=k, where=filters.filter_of(asked, found.root))


def _list(answer: Answer, asked: Request) -> None:
    st.caption(ngettext("The best {n} passage", "The best {n} passages", len(answer.hits)))
    for hit in answer.hits:
        card(hit, opened=asked.opened is not None and urls.place_of(hit).passage_is(asked.opened), on_open=_open)
    if len(answer.hits) >= asked.shown and asked.shown < urls.MOST_HITS:
        more = replace(asked, shown=min(asked.shown + urls.PAGE_OF_HITS, urls.MOST_HITS))
        st.button(_("Show more"), icon=":material/expand_more:", on_click=urls.go, args=(more,), width="stretch")


def _open(hit: Hit) -> None:
    urls.go(replace(urls.current(), opened=urls.place_of(hit)))


def _nothing(reader: Reader, encoder: Encoder, asked: Request, found: filters.Facets) -> None:
    with st.container(key="nothing"):
        st.subheader(_("Nothing found"))
        st.write(_("Try other words, fewer of them, or take back a quoted phrase or an excluded word."))
        for name, other in filters.without_each(asked):
            if _search(reader, encoder, other, found, 1).hits:
                st.button(
                    _("Search without the filter by {filter}").replace("{filter}", name),
                    key=f"without-{name}",
                    on_click=urls.go,
                    args=(other,),
                    icon=":material/filter_alt_off:",
                )
