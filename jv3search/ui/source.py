"""The source of a hit: its page as it looks, or its text, with the passage marked."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import streamlit as st
from markupsafe import Markup

from jv3search.errors import JV3SearchError
from jv3search.types import Document, Hit, Span
from jv3search.ui import original, safe, state
from jv3search.ui import request as urls
from jv3search.ui.i18n import gettext as _
from jv3search.ui.i18n import language_name
from jv3search.ui.parts import Part, part_of, parts
from jv3search.ui.request import Opened, Request

if TYPE_CHECKING:
    from jv3search.indexes.rows import DocumentRow
    from jv3search.readers import PageImage
    from jv3search.ui.state import OpenIndex

_SCROLL = Path(__file__).parent / "scroll.html"


@dataclass(frozen=True, slots=True)
class _Source:
    """What is opened: the document, its parts, the one turned to (from 1), and what to mark."""

    row: DocumentRow
    document: Document
    parts: list[Part]
    number: int
    passage: Span | None
    sentence: Span | None

    @property
    def part(self) -> Part:
        return self.parts[self.number - 1]

    def marks(self) -> list[tuple[Span, str]]:
        """The passage and the sentence in it, as far as they are on this part."""
        every = ((self.passage, "jv3-found"), (self.sentence, "jv3-sentence"))
        here = self.part.span
        return [
            (Span(max(span.start, here.start), min(span.end, here.end)), kind)
            for span, kind in every
            if span is not None and span.start < here.end and here.start < span.end
        ]


def show(index: OpenIndex, request: Request, hits: Sequence[Hit]) -> None:
    """Draw what the request has opened; `hits` are the passages to step through."""
    assert request.opened is not None
    row = state.document_row(index, request.opened.document)
    if row is None:
        safe.notice("warning", _("This document is not in the index any more."))
        st.button(_("Close"), key="close", icon=":material/close:", on_click=_close)
        return
    source = _source(index, row, request.opened, hits)
    _head(source)
    fault = original.fault(row)
    if fault:
        safe.notice("warning", fault)
    _steps(source, request, hits, with_file=not fault)
    if row.format == "pdf" and not fault and _page(source):
        with st.expander(_("Text of this page")):  # for screen readers, and to copy from
            safe.show(text_html(source))
    else:
        safe.show(text_html(source))
    _turn(source, request)
    st.html(_SCROLL.read_text(encoding="utf-8"), unsafe_allow_javascript=True)  # ours alone: no document's word


def _source(index: OpenIndex, row: DocumentRow, opened: Opened, hits: Sequence[Hit]) -> _Source:
    document = state.document(index, row)
    every = parts(document)
    passage = opened.passage if opened.passage and opened.passage.end <= len(document.text) else None
    number = opened.part or part_of(every, passage.start if passage else 0)
    same = (hit for hit in hits if hit.uri == row.uri and hit.span == passage)
    sentence = next((hit.sentence for hit in same), None)
    return _Source(row, document, every, min(number, len(every)), passage, sentence)


def _head(source: _Source) -> None:
    row = source.row
    facts = [language_name(row.language), row.format.upper(), where(source), safe.text(source.part.label)]
    with st.container(horizontal=True, vertical_alignment="top", wrap=False, key="source-head"):
        safe.show(
            Markup(
                '<h2 class="jv3-source-title" dir="auto">{}</h2><p class="jv3-facts">{}<br>'
                '<span class="jv3-file">{}</span></p>'
            ).format(
                safe.text(row.title or safe.file_name(row.uri)),
                " · ".join(filter(None, facts)),
                safe.name(safe.file_name(row.uri)),
            )
        )
        st.button(_("Close"), key="close", icon=":material/close:", on_click=_close, type="tertiary")


def where(source: _Source) -> str:
    """The part that is shown, in words: "page 3 of 12"."""
    part, count = source.part, len(source.parts)
    if count == 1 and part.page is None:
        return ""
    words = _("page {n} of {count}") if part.page is not None else _("part {n} of {count}")
    return words.replace("{n}", str(source.number)).replace("{count}", str(count))


def _steps(source: _Source, request: Request, hits: Sequence[Hit], *, with_file: bool) -> None:
    """To the hit before and after this one in the document, and the file itself if it is still there."""
    mine = sorted((hit for hit in hits if hit.uri == source.row.uri), key=lambda hit: hit.span.start)
    at = next((number for number, hit in enumerate(mine) if hit.span == source.passage), None)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="source-steps"):
        if at is not None and len(mine) > 1:
            _step(_("Previous passage"), "arrow_upward", request, mine[at - 1] if at else None)
            _step(_("Next passage"), "arrow_downward", request, mine[at + 1] if at + 1 < len(mine) else None)
            words = _("passage {n} of {count} found in it")
            st.caption(words.replace("{n}", str(at + 1)).replace("{count}", str(len(mine))))
        if with_file:
            _download(source.row)


def _step(name: str, icon: str, request: Request, hit: Hit | None) -> None:
    other = request if hit is None else replace(request, opened=urls.place_of(hit))
    st.button(
        name,
        key=icon,
        icon=f":material/{icon}:",
        on_click=urls.go,
        args=(other,),
        disabled=hit is None,
        type="tertiary",
    )


def _download(row: DocumentRow) -> None:
    st.download_button(
        _("Download the original"),
        data=lambda: original.original(row),
        file_name=PurePath(row.uri).name,
        mime="application/octet-stream",  # never something that a browser would run
        icon=":material/download:",
        type="tertiary",
        key="download",
        on_click="ignore",
    )


def _page(source: _Source) -> bool:
    """Draw the page as it looks; False, with the reason on the page, if that cannot be."""
    words = tuple(span.of(source.document.text) for span, _kind in source.marks())
    try:
        with st.spinner(_("Drawing the page …")):
            image = original.drawn(source.row, source.part.page or 1, words)
    except JV3SearchError as error:
        safe.notice("warning", str(error))
        return False
    safe.show(page_html(source, image))
    return True


def page_html(source: _Source, image: PageImage) -> Markup:
    """A page's image with a translucent box over each line of what was found."""
    kinds = [kind for _span, kind in source.marks()]
    boxes = Markup().join(
        Markup(
            '<span class="jv3-box {}" style="left:{:.3%};top:{:.3%};width:{:.3%};height:{:.3%}"></span>'
        ).format(kind, box.left, box.top, box.right - box.left, box.bottom - box.top)
        for kind, lines in zip(kinds, image.boxes, strict=True)
        for box in lines
    )
    return Markup(
        '<figure class="jv3-page"><img src="data:image/png;base64,{}" width="{}" height="{}" alt="{}">{}</figure>'
    ).format(
        base64.b64encode(image.png).decode("ascii"),
        image.width,
        image.height,
        f"{safe.text(source.row.title)}, {where(source)}",
        boxes,
    )


def text_html(source: _Source) -> Markup:
    """A part's text with the passage marked."""
    span = source.part.span
    return Markup('<div class="jv3-text" {} role="region" aria-label="{}">{}</div>').format(
        safe.attributes(source.row.language),
        _("Text of the document"),
        safe.marked(span.of(source.document.text), source.marks(), span.start),
    )


def _turn(source: _Source, request: Request) -> None:
    """To the page before and after."""
    if len(source.parts) == 1:
        return
    paged = source.part.page is not None
    names = (_("Previous page"), _("Next page")) if paged else (_("Previous part"), _("Next part"))
    with st.container(horizontal=True, horizontal_alignment="center", vertical_alignment="center", key="turn"):
        for name, icon, number in zip(
            names, ("chevron_left", "chevron_right"), (source.number - 1, source.number + 1), strict=True
        ):
            assert request.opened is not None
            st.button(
                name,
                key=icon,
                icon=f":material/{icon}:",
                disabled=not 1 <= number <= len(source.parts),
                on_click=urls.go,
                args=(replace(request, opened=replace(request.opened, part=number)),),
            )


def _close() -> None:
    urls.go(replace(urls.current(), opened=None))
