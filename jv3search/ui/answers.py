"""The answer to the question on the page; the last one is kept, for opening a source asks nothing new."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from jv3search.ui import filters
from jv3search.ui.i18n import interface_language
from jv3search.ui.request import Request

if TYPE_CHECKING:
    from pathlib import Path

    from jv3search.knowledge_base import KnowledgeBase
    from jv3search.search.retrieval import SearchResult
    from jv3search.ui.state import OpenIndex

_KEY = "answer"


def answer_to(index: OpenIndex, request: Request, root: Path) -> SearchResult:
    """The answer, with the best sentences if they were looked for before."""
    kept = _kept(index, request)
    return kept[0] if kept else _keep(index, request, search(index.kb, request, root), explained=False)


def explained(index: OpenIndex, request: Request, root: Path) -> SearchResult:
    """The same hits with the sentence in each that answers best, which takes the model a forward pass more."""
    kept = _kept(index, request)
    if kept and kept[1]:
        return kept[0]
    answer = answer_to(index, request, root)
    return _keep(index, request, index.kb.highlight(answer), explained=True)


def search(kb: KnowledgeBase, request: Request, root: Path, *, k: int | None = None) -> SearchResult:
    """Ask; nothing is kept."""
    return kb.search(
        request.query,
        where=filters.filter_of(request, root),
        k=k or request.shown,
        mode=request.mode,
        otherwise=(interface_language(),),
    )


def _kept(index: OpenIndex, request: Request) -> tuple[SearchResult, bool] | None:
    kept = st.session_state.get(_KEY)
    return kept[1:] if kept and kept[0] == _question(index, request) else None


def _keep(index: OpenIndex, request: Request, answer: SearchResult, *, explained: bool) -> SearchResult:
    st.session_state[_KEY] = (_question(index, request), answer, explained)
    return answer


def _question(index: OpenIndex, request: Request) -> tuple[object, ...]:
    return index.stamp, request.question(), interface_language()
