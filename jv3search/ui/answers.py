"""The answer to the question on the page; the last one is kept, for opening a source asks nothing new."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from jv3search import wiring
from jv3search.ui import filters, state
from jv3search.ui.i18n import interface_language
from jv3search.ui.request import Request

if TYPE_CHECKING:
    from pathlib import Path

    from jv3search.encoders.port import Encoder
    from jv3search.indexes import Reader
    from jv3search.search.answer import Answer

_KEY = "answer"


def answer_to(reader: Reader, encoder: Encoder, asked: Request, root: Path) -> Answer:
    """The answer, with the best sentences if they were looked for before."""
    kept = _kept(reader, asked)
    return kept[0] if kept else _keep(reader, asked, search(reader, encoder, asked, root), explained=False)


def explained(reader: Reader, encoder: Encoder, asked: Request, root: Path) -> Answer:
    """The same hits with the sentence in each that answers best, which takes the model a forward pass more."""
    kept = _kept(reader, asked)
    if kept and kept[1]:
        return kept[0]
    answer = answer_to(reader, encoder, asked, root)
    return _keep(reader, asked, wiring.explained(answer, encoder), explained=True)


def search(reader: Reader, encoder: Encoder, asked: Request, root: Path, *, k: int | None = None) -> Answer:
    """Ask; nothing is kept."""
    return wiring.search(
        reader,
        encoder,
        asked.query,
        where=filters.filter_of(asked, root),
        k=k or asked.shown,
        mode=asked.mode,
        languages=(interface_language(),),
    )


def _kept(reader: Reader, asked: Request) -> tuple[Answer, bool] | None:
    kept = st.session_state.get(_KEY)
    return kept[1:] if kept and kept[0] == _question(reader, asked) else None


def _keep(reader: Reader, asked: Request, answer: Answer, *, explained: bool) -> Answer:
    st.session_state[_KEY] = (_question(reader, asked), answer, explained)
    return answer


def _question(reader: Reader, asked: Request) -> tuple[object, ...]:
    return state.stamp(reader), asked.question(), interface_language()
