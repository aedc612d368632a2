"""The page "Answer": one question, the sentences that answer it, and the source of one of them beside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st
from markupsafe import Markup

from jv3search.answers.answer import AnswerSentence
from jv3search.answers.answering import answer_sentences
from jv3search.answers.language_model import language_model
from jv3search.types import Hit, Span
from jv3search.ui import filters, safe, search_page, source
from jv3search.ui import request as urls
from jv3search.ui.i18n import gettext as _
from jv3search.ui.i18n import interface_language
from jv3search.ui.request import Request

if TYPE_CHECKING:
    from pathlib import Path

    from jv3search.indexes.rows import DocumentRow
    from jv3search.knowledge_base import KnowledgeBase
    from jv3search.ui.state import OpenIndex

_KEY = "written_answer"


def show() -> None:
    """Draw the page."""
    search_page.frame(_page)


def _page(index: OpenIndex, documents: Sequence[DocumentRow]) -> None:
    request, found = urls.current(), search_page.facets(index.stamp, documents)
    filters.panel(request, found)
    with st.container(key="field" if request.query else "start"):
        if not request.query:
            st.title(_("Ask your documents"))
        search_page.question(request)
        st.caption(_whereto(index.kb))
    if request.query:
        _answer(index, request, found.root)


def _whereto(kb: KnowledgeBase) -> str:
    """Who writes the answer, and where the text goes for it."""
    model = language_model(kb.settings)
    if model is None:
        return _("The answer is quoted from your documents. Nothing leaves this machine.")
    words = _("The answer is written by {model}: your question and the passages found for it go to {url}.")
    return words.replace("{model}", safe.label(model.name)).replace("{url}", safe.label(model.url))


def _answer(index: OpenIndex, request: Request, root: Path) -> None:
    """The sentences as they arrive; each of their sources opens beside them."""
    left, right = search_page.columns(request)
    sources: dict[tuple[str, Span], Hit] = {}
    with left, st.spinner(_("Looking for the answer …")):
        for number, sentence in enumerate(_sentences(index, request, root)):
            sources |= {(hit.uri, hit.span): hit for hit in _draw(number, sentence)}
        if not st.session_state[_KEY][1]:
            st.info(_("Nothing in your documents answers this."), icon=":material/search_off:")
    if right is not None:
        with right:
            source.show(index, request, list(sources.values()))


def _sentences(index: OpenIndex, request: Request, root: Path) -> Iterable[AnswerSentence]:
    """Those of the last answer, if the same is asked again: opening a source asks nothing new."""
    asked = index.stamp, request.question(), interface_language()
    kept = st.session_state.get(_KEY)
    if kept and kept[0] == asked:
        return list(kept[1])
    return _kept(asked, _asked(index.kb, request, root))


def _asked(kb: KnowledgeBase, request: Request, root: Path) -> Iterator[AnswerSentence]:
    return answer_sentences(
        kb,
        request.query,
        language_model(kb.settings),
        where=filters.filter_of(request, root),
        otherwise=(interface_language(),),
    )


def _kept(asked: object, sentences: Iterator[AnswerSentence]) -> Iterator[AnswerSentence]:
    """Sentences as they arrive; the whole answer is kept, an answer that breaks off is not."""
    st.session_state.pop(_KEY, None)
    every = []
    for sentence in sentences:
        every.append(sentence)
        yield sentence
    st.session_state[_KEY] = asked, every


def _draw(number: int, sentence: AnswerSentence) -> list[Hit]:
    """Draw a sentence, what is wrong with it, and a button for each source; the sources as they are opened."""
    sources = [replace(hit, span=hit.sentence or hit.span, sentence=None) for hit in sentence.sources]
    with st.container(key=f"said-{number}", gap="xsmall"):
        safe.show(sentence_html(sentence))
        with st.container(horizontal=True, gap="small"):
            for hit in sources:
                st.button(
                    safe.label(f"[{hit.rank}] {safe.file_name(hit.uri)}"),
                    key=f"cited-{number}-{hit.rank}",
                    type="tertiary",
                    on_click=_open,
                    args=(hit,),
                )
    return sources


def sentence_html(sentence: AnswerSentence) -> Markup:
    """A sentence's words, which are never a link, and what is wrong with its sources."""
    doubts = []
    if sentence.unknown:
        numbers = ", ".join(map(str, sentence.unknown))
        doubts.append(_("Removed, because no passage has this number: {numbers}").replace("{numbers}", numbers))
    if not sentence.sources:
        doubts.append(_("This sentence names no passage."))
    elif not sentence.supported:
        doubts.append(_("The passage does not seem to say this."))
    words = Markup('<p class="jv3-said" {}>{}</p>').format(
        safe.attributes(sentence.language), safe.text(sentence.text)
    )
    return words + Markup().join(Markup('<p class="jv3-doubt">{}</p>').format(doubt) for doubt in doubts)


def _open(hit: Hit) -> None:
    urls.go(replace(urls.current(), opened=urls.place_of(hit)))
