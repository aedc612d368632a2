"""The page "Answer": questions, the sentences that answer them, and the source of one of those beside."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import streamlit as st
from markupsafe import Markup

from jv3search.answers.answer import Answer, AnswerSentence
from jv3search.answers.answering import answer_sentences
from jv3search.answers.follow_up import self_contained
from jv3search.answers.language_model import language_model
from jv3search.types import Hit
from jv3search.ui import filters, safe, search_page, source
from jv3search.ui import request as urls
from jv3search.ui.i18n import gettext as _
from jv3search.ui.i18n import interface_language
from jv3search.ui.request import Request

if TYPE_CHECKING:
    from pathlib import Path

    from jv3search.indexes.rows import DocumentRow
    from jv3search.knowledge_base import KnowledgeBase
    from jv3search.ui.state import OpenIndex, Stamp

_KEY = "conversation"


@dataclass(frozen=True, slots=True)
class _Turn:
    """A question of this session's conversation, in which state of which index it was asked, and its answer."""

    stamp: Stamp
    request: Request
    language: str
    answer: Answer


def show() -> None:
    """Draw the page."""
    search_page.frame(_page)


def _page(index: OpenIndex, documents: Sequence[DocumentRow]) -> None:
    request, found = urls.current(), search_page.facets(index.stamp, documents)
    filters.panel(request, found)
    if request.query:
        with st.container(key="field", horizontal=True, horizontal_alignment="distribute"):
            st.caption(_whereto(index.kb), width="content")
            st.button(_("Start anew"), key="anew", icon=":material/restart_alt:", type="tertiary", on_click=_anew)
        _conversation(index, request, found.root)
    else:
        with st.container(key="start"):
            st.title(_("Ask your documents"))
            search_page.question(request)
            st.caption(_whereto(index.kb))


def _whereto(kb: KnowledgeBase) -> str:
    """Who writes the answer, and where the text goes for it."""
    model = language_model(kb.settings)
    if model is None:
        return _("The answer is quoted from your documents. Nothing leaves this machine.")
    words = _("The answer is written by {model}: your question and the passages found for it go to {url}.")
    return words.replace("{model}", safe.label(model.name)).replace("{url}", safe.label(model.address))


def _conversation(index: OpenIndex, request: Request, root: Path) -> None:
    """The questions up to this with their answers; each source opens beside them."""
    before = _turns(index)[: request.turn]
    left, right = search_page.columns(request)
    with left:
        drawn = st.container()
        _follow_up(index.kb)
    with drawn:
        numbers = itertools.count()
        sources = [hit for turn in before for hit in _draw_turn(turn.answer, turn.answer.sentences, numbers)]
        with st.spinner(_("Looking for the answer …")):
            answer, sentences = _answer(index, request, root, before)
            sources += _draw_turn(answer, sentences, numbers)
    if right is not None:
        with right:
            source.show(index, request, list({(hit.uri, hit.span): hit for hit in sources}.values()))


def _turns(index: OpenIndex) -> list[_Turn]:
    """The conversation about this index, to its end."""
    kept: list[_Turn] = st.session_state.get(_KEY, [])
    return [turn for turn in kept if turn.stamp[0] == index.stamp[0]]


def _answer(
    index: OpenIndex, request: Request, root: Path, before: Sequence[_Turn]
) -> tuple[Answer, Iterable[AnswerSentence]]:
    """An answer, and its sentences as they arrive; the kept ones where nothing has changed since it was asked."""
    asked, language = request.question(), interface_language()
    kept = _turns(index)[request.turn : request.turn + 1]
    if kept and (kept[0].stamp, kept[0].request, kept[0].language) == (index.stamp, asked, language):
        return kept[0].answer, kept[0].answer.sentences
    model = language_model(index.kb.settings)
    conversation = [turn.answer for turn in before]
    searched = self_contained(request.query, conversation, model, index.kb.encoder)
    answer = Answer(request.query, (), model.name if model else "", searched)
    where = filters.filter_of(request, root)
    sentences = answer_sentences(index.kb, searched, model, where=where, otherwise=(language,))
    return answer, _kept(_Turn(index.stamp, asked, language, answer), before, sentences)


def _kept(turn: _Turn, before: Sequence[_Turn], sentences: Iterator[AnswerSentence]) -> Iterator[AnswerSentence]:
    """Sentences as they arrive; the whole answer is kept, an answer that breaks off is not."""
    st.session_state[_KEY] = list(before)
    every = []
    for sentence in sentences:
        every.append(sentence)
        yield sentence
    st.session_state[_KEY] = [*before, replace(turn, answer=replace(turn.answer, sentences=tuple(every)))]


def _follow_up(kb: KnowledgeBase) -> None:
    """The field for the next question, and what becomes of its words."""
    st.session_state["follow-up"] = ""
    st.text_input(
        _("Ask a follow-up question"),
        key="follow-up",
        type="search",
        icon=":material/subdirectory_arrow_right:",
        placeholder=_("Ask a follow-up question"),
        label_visibility="collapsed",
        on_change=_go_on,
    )
    if language_model(kb.settings):
        st.caption(_("For a follow-up question, what was asked and answered before goes there too."))
    else:
        st.caption(
            _("Without a language model a question is searched as it is typed: name in it what it is about.")
        )


def _go_on() -> None:
    """Ask the follow-up question; the filters stay."""
    query, request = " ".join(st.session_state["follow-up"].split()), urls.current()
    if query:
        urls.go(replace(request, query=query, opened=None, turn=request.turn + 1))


def _anew() -> None:
    urls.go(replace(urls.current(), query="", opened=None, turn=0))


def _draw_turn(answer: Answer, sentences: Iterable[AnswerSentence], numbers: Iterator[int]) -> list[Hit]:
    """Draw a question and the sentences that answer it; the sources as they are opened."""
    question = Markup('<h2 class="jv3-question" dir="auto">{}</h2>').format(safe.text(answer.question))
    safe.show(question)
    if answer.searched != answer.question:
        searched = Markup.escape(_("Searched for: {question}")).format(question=safe.name(answer.searched))
        safe.show(Markup('<p class="jv3-searched">{}</p>').format(searched))
    drawn = [_draw(next(numbers), sentence) for sentence in sentences]
    if not drawn:
        st.info(_("Nothing in your documents answers this."), icon=":material/search_off:")
    return [hit for hits in drawn for hit in hits]


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
