"""The page "Search": one field, the results, and the source of one of them beside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import streamlit as st
from markupsafe import Markup

from jv3search.errors import IndexNotFound
from jv3search.types import Hit, Mode
from jv3search.ui import answers, filters, history, safe, source, state
from jv3search.ui import request as urls
from jv3search.ui.cards import card
from jv3search.ui.i18n import gettext as _
from jv3search.ui.i18n import ngettext
from jv3search.ui.knowledge_bases import choose_knowledge_base
from jv3search.ui.request import Request

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from jv3search.indexes.rows import DocumentRow
    from jv3search.knowledge_base import KnowledgeBase
    from jv3search.search.retrieval import SearchResult
    from jv3search.ui.state import OpenIndex, Stamp


def show() -> None:
    """Draw the page."""
    frame(_page)


def frame(draw: Callable[[OpenIndex, Sequence[DocumentRow]], None]) -> None:
    """A page that asks questions: `draw` gets the index and its documents, once there are any."""
    with state.shown():
        with st.sidebar:
            choose_knowledge_base()
        try:
            with st.spinner(_("Opening the index and its model …")):
                kb = state.opened()
                kb.load_beside()
        except IndexNotFound:
            _first_run(state.absent)
            return
        index = state.current(kb)
        documents = state.documents(index)
        if documents:
            draw(index, documents)
        else:
            _first_run(st.write)


def _page(index: OpenIndex, documents: Sequence[DocumentRow]) -> None:
    request, found = urls.current(), facets(index.stamp, documents)
    filters.panel(request, found)
    if request.query:
        with st.container(key="field"):
            _field(request)
        _results(index, request, found)
    elif request.opened:
        with st.container(key="source"):
            source.show(index, request, ())
    else:
        _start(request, len(documents), len(found.languages))


@st.cache_resource(show_spinner=False, max_entries=4)
def facets(stamp: Stamp, _documents: Sequence[DocumentRow]) -> filters.Facets:
    """What an index can be narrowed to, counted once for each state of it."""
    return filters.facets(_documents)


def _first_run(say: Callable[[str], None]) -> None:
    with st.container(key="start"):
        st.title(_("Search your documents in any language"))
        say(
            _(
                "Nothing has been read in yet. Add a folder or some files in the library; after that you can ask "
                "for anything in them, in your own words and in your own language."
            )
        )
        st.page_link(state.page("library"), label=_("Go to the library"), icon=":material/folder_open:")


def _start(request: Request, documents: int, languages: int) -> None:
    with st.container(key="start"):
        st.title(_("Search your documents in any language"))
        _field(request)
        counts = (
            ngettext("{n} document", "{n} documents", documents),
            ngettext("{n} language", "{n} languages", languages),
        )
        st.caption(" · ".join(counts))
        history.panel(request)


def _field(request: Request) -> None:
    """The question, and quietly below it how to ask more exactly."""
    question(request)
    with st.container(horizontal=True, horizontal_alignment="left", gap="small", key="below-field"):
        with st.popover(_("Ask more exactly"), icon=":material/help:", type="tertiary"):
            _operators()
        with st.popover(_("Way of searching"), icon=":material/tune:", type="tertiary"):
            _modes(request)


def question(request: Request) -> None:
    """The field in which a question is typed."""
    st.session_state["q"] = request.query
    st.text_input(
        _("What are you looking for?"),
        key="q",
        type="search",
        icon=":material/search:",
        placeholder=_("Ask in your own words, in any language"),
        label_visibility="collapsed",
        on_change=_ask,
    )


def _ask() -> None:
    query = " ".join(st.session_state["q"].split())
    urls.go(replace(urls.current(), query=query, opened=None, shown=urls.PAGE_OF_HITS))
    history.remember(query)


def _operators() -> None:
    rows = (
        ('"exact phrase"', _("the passage must contain exactly these words")),
        ("-word", _("the passage must not contain this word")),
        ("word*", _("every word that begins with these letters")),
        ("lang:ja", _("only passages in this language")),
        ("type:pdf", _("only documents of this type")),
        ("under:reports", _("only documents in this folder")),
        ("since:2025-01-01", _("only documents changed on that day or later")),
        ("until:2025-12-31", _("only documents changed on that day or earlier")),
    )
    row = Markup('<dt><code dir="ltr">{}</code></dt><dd>{}</dd>')
    safe.show(
        Markup('<dl class="jv3-operators">{}</dl>').format(Markup().join(row.format(*pair) for pair in rows))
    )


def _modes(request: Request) -> None:
    names = {
        "hybrid": _("by meaning and by words"),
        "dense": _("by meaning alone"),
        "keyword": _("by words alone"),
    }
    st.session_state["mode"] = request.mode
    st.radio(
        _("Way of searching"),
        get_args(Mode),
        key="mode",
        format_func=names.__getitem__,
        on_change=lambda: urls.go(replace(urls.current(), mode=st.session_state["mode"])),
    )


def _results(index: OpenIndex, request: Request, found: filters.Facets) -> None:
    """The hits at once, the best sentences in them a moment later, and the source that is opened."""
    with st.spinner(_("Searching …")):
        answer = answers.answer_to(index, request, found.root)
    if not answer.hits:
        _nothing(index.kb, request, found)
        return
    left, right = columns(request)
    with left:
        drawn = _list(answer, request)
    hits = answers.explained(index, request, found.root).hits
    for again, hit in zip(drawn, hits, strict=True):
        again(hit)
    if right is not None:
        with right:
            source.show(index, request, hits)


def columns(request: Request) -> tuple[DeltaGenerator, DeltaGenerator | None]:
    """The place for what was found, and that for the source that is opened beside it."""
    if request.opened is None:
        return st.container(key="results"), None
    left, right = st.columns([5, 6], gap="medium")
    return left.container(key="results-beside"), right.container(key="source")


def _list(answer: SearchResult, request: Request) -> list[Callable[[Hit], None]]:
    """Draw the cards; what comes back draws the words of each again.

    Where nothing is relevant that is said, and the nearest passages are a click away.
    """
    if not answer.nothing_relevant:
        st.caption(ngettext("The best {n} passage", "The best {n} passages", len(answer.hits)))
        return _cards(answer, request)
    st.info(_("Nothing in your documents seems to answer this."), icon=":material/search_off:")
    with st.expander(_("Show the nearest passages"), expanded=request.opened is not None):
        return _cards(answer, request)


def _cards(answer: SearchResult, request: Request) -> list[Callable[[Hit], None]]:
    drawn = [card(hit, opened=_is_opened(hit, request), on_open=_open) for hit in answer.hits]
    if len(answer.hits) >= request.shown and request.shown < urls.MOST_HITS:
        more = replace(request, shown=min(request.shown + urls.PAGE_OF_HITS, urls.MOST_HITS))
        st.button(_("Show more"), icon=":material/expand_more:", on_click=urls.go, args=(more,), width="stretch")
    return drawn


def _is_opened(hit: Hit, request: Request) -> bool:
    return request.opened is not None and urls.place_of(hit).passage_is(request.opened)


def _open(hit: Hit) -> None:
    urls.go(replace(urls.current(), opened=urls.place_of(hit)))


def _nothing(kb: KnowledgeBase, request: Request, found: filters.Facets) -> None:
    with st.container(key="nothing"):
        st.subheader(_("Nothing found"))
        st.write(_("Try other or fewer words, or remove a quoted phrase or an excluded word."))
        for name, other in filters.without_each(request):
            if answers.search(kb, other, found.root, k=1).hits:
                st.button(
                    _("Search without the filter by {filter}").replace("{filter}", name),
                    key=f"without-{name}",
                    on_click=urls.go,
                    args=(other,),
                    icon=":material/filter_alt_off:",
                )
