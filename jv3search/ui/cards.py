"""One hit as a card: what it is, how near it is, and the words that answer."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

import streamlit as st
from markupsafe import Markup

from jv3search.types import Hit, Span
from jv3search.ui import safe
from jv3search.ui.closeness import closeness
from jv3search.ui.i18n import gettext as _
from jv3search.ui.i18n import language_name

_EXCERPT = 420  # characters; about five lines of a card
_BEFORE = 140  # of them in front of the sentence
_NEAR = 24  # characters within which a cut looks for a blank

_CARD = Markup(
    '<article class="jv3-card" aria-label="{number}">'
    '<h3 class="jv3-title" {title_attributes}>{title}</h3>'
    '<p class="jv3-facts">{facts}</p>'
    '<p class="jv3-passage" {attributes}>{passage}</p></article>'
)


def card(hit: Hit, *, opened: bool, on_open: Callable[[Hit], None]) -> Callable[[Hit], None]:
    """Draw a hit; `on_open` gets it, or the copy or translation of it, that is to be opened.

    What comes back draws the hit's words again, once its best sentence is known.
    """
    with st.container(border=True, key=f"{'opened' if opened else 'card'}-{hit.chunk_id}", gap="xsmall"):
        words = st.empty()
        safe.show(card_html(hit), words)
        if hit.translations or hit.copies:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                _others(_("Also in"), hit, hit.translations, on_open, lambda other: language_name(other.language))
                _others(
                    _("Same text"), hit, hit.copies, on_open, lambda other: safe.label(safe.file_name(other.uri))
                )
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            safe.show(Markup('<p class="jv3-file">{}</p>').format(safe.name(safe.file_name(hit.uri))))
            st.button(
                _("Opened") if opened else _("Open"),
                key=f"open-{hit.chunk_id}",
                type="tertiary",
                icon=":material/chevron_right:",
                icon_position="right",
                on_click=on_open,
                args=(hit,),
            )
    return lambda known: safe.show(card_html(known), words)


def card_html(hit: Hit) -> Markup:
    """A hit's words; everything a document said in it is escaped."""
    words, marks = excerpt(hit)
    return _CARD.format(
        number=_("Result {n}").replace("{n}", str(hit.rank)),
        title_attributes=Markup('dir="auto"'),
        title=safe.text(hit.title or safe.file_name(hit.uri)),
        facts=facts(hit),
        attributes=safe.attributes(hit.language),
        passage=safe.marked(words, marks),
    )


def facts(hit: Hit) -> Markup:
    """Closeness, language, type, page and section in one line."""
    parts = [
        Markup('<span class="jv3-close">{}</span> <span class="jv3-score">{}</span>').format(
            closeness(hit), f"{hit.score:.2f}"
        ),
        Markup('<span class="jv3-badge">{}</span>').format(language_name(hit.language)),
        Markup('<span class="jv3-badge">{}</span>').format(hit.format.upper()),
    ]
    if hit.page is not None:
        parts.append(Markup("<span>{}</span>").format(_("page {n}").replace("{n}", str(hit.page))))
    if hit.section and hit.section != hit.title:
        parts.append(Markup('<span class="jv3-section">{}</span>').format(safe.name(hit.section)))
    return Markup('<span class="jv3-dot" aria-hidden="true"> · </span>').join(parts)


def excerpt(hit: Hit) -> tuple[str, list[tuple[Span, str]]]:
    """The words of a passage around its best sentence, in one line, and the sentence's place in them."""
    start = 0
    if hit.sentence is not None:
        start = max(0, hit.sentence.start - hit.span.start - _BEFORE)
        if hit.sentence.end - hit.span.start <= _EXCERPT:
            start = 0
    first, last = _cut(hit.text, start), _cut(hit.text, start + _EXCERPT)
    before, after = "… " if first else "", " …" if last < len(hit.text) else ""
    words = before + hit.text[first:last].replace("\n", " ") + after
    if hit.sentence is None:
        return words, []
    shift = len(before) - first - hit.span.start
    inside = range(len(before), len(words) - len(after) + 1)
    ends = [min(max(at + shift, inside.start), inside.stop - 1) for at in (hit.sentence.start, hit.sentence.end)]
    return words, [(Span(*ends), "jv3-sentence")] if ends[0] < ends[1] else []


def _cut(text: str, at: int) -> int:
    """A place near `at` where a text may be cut: behind a blank, and never inside a letter with its marks."""
    if at <= 0 or at >= len(text):
        return max(0, min(at, len(text)))
    blank = max(text.rfind(" ", at - _NEAR, at), text.rfind("\n", at - _NEAR, at))
    if blank > 0:
        return blank + 1
    while at < len(text) and (unicodedata.category(text[at])[0] == "M" or text[at] == "\u200d"):
        at += 1
    return at


def _others(
    title: str, hit: Hit, others: Sequence[Hit], on_open: Callable[[Hit], None], name: Callable[[Hit], str]
) -> None:
    if not others:
        return
    safe.show(Markup('<span class="jv3-also">{}</span>').format(title))
    for other in others:
        st.button(
            name(other),
            key=f"also-{hit.chunk_id}-{other.chunk_id}",  # two passages may have one translation
            type="tertiary",
            on_click=on_open,
            args=(other,),
            width="content",
        )
