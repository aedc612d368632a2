"""Words of documents on a page: never HTML, never Markdown.

Everything that is drawn as HTML is a `Markup`, whose `format` escapes what it is given. Streamlit reads every
label, caption, toast and tooltip as Markdown: `label` is for those, `notice` for messages that name a file.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

import streamlit as st
from markupsafe import Markup

from jv3search.text.graphemes import shortened
from jv3search.types import UNKNOWN_LANGUAGE, Span

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

RIGHT_TO_LEFT = frozenset(
    {"ar", "arc", "ckb", "dv", "fa", "he", "ks", "nqo", "pnb", "prs", "ps", "sd", "syr", "ug", "ur", "yi"}
)

_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029]")  # a browser would drop or misread them
_PUNCTUATION = re.compile(f"([{re.escape(string.punctuation)}])")
_LONGEST_NAME = 80  # characters of a file's name on a page
_JOINER = "\u2060"  # keeps :smile: and --> apart after Markdown has taken the backslashes away


def show(html: Markup, place: DeltaGenerator | None = None) -> None:
    """Draw HTML that was made by escaping, here or in a place that was kept for it."""
    if not isinstance(html, Markup):
        raise TypeError("only Markup is drawn, never a plain string")
    (place or st).html(html)


def text(words: str) -> str:
    """Words without characters that no page can show."""
    return _INVISIBLE.sub(" ", words)


def label(words: str) -> str:
    """Words for a place where Streamlit reads Markdown: they come out as they are."""
    flat = " ".join(text(words).split())
    return _PUNCTUATION.sub(rf"\\\1{_JOINER}", flat)


def attributes(language: str) -> Markup:
    """`lang` and `dir` of an element that holds words in a language."""
    if language in ("", UNKNOWN_LANGUAGE):
        return Markup('dir="auto"')
    direction = "rtl" if language.split("-")[0] in RIGHT_TO_LEFT else "ltr"
    return Markup('lang="{}" dir="{}"').format(language, direction)


def name(words: str) -> Markup:
    """A title or file name inside a line of ours, whatever direction it runs in."""
    return Markup("<bdi>{}</bdi>").format(text(words))


def file_name(uri: str) -> str:
    """The name of a document's file, long ones without their middle; for `name` or `label` to draw."""
    return shortened(PurePath(uri).name, _LONGEST_NAME)


def marked(words: str, spans: Sequence[tuple[Span, str]] = (), start: int = 0) -> Markup:
    """Words with some spans in `<mark>` of a class; `start` is where the words stand in their document.

    A span within a span is marked within it; one that crosses another's end is cut there.
    """
    parts, opened = Markup(), 0
    for at, kind in _edges(words, spans, start):
        parts += Markup("{}").format(text(words[opened:at]))
        parts += Markup('<mark class="{}">').format(kind) if kind else Markup("</mark>")
        opened = at
    return parts + Markup("{}").format(text(words[opened:]))


def notice(kind: Literal["error", "warning", "info"], words: str | Markup) -> None:
    """A calm message that may name files; screen readers say it."""
    role = "alert" if kind == "error" else "status"
    show(Markup('<div class="jv3-notice jv3-{}" role="{}" dir="auto">{}</div>').format(kind, role, words))


def _edges(words: str, spans: Sequence[tuple[Span, str]], start: int) -> Iterator[tuple[int, str]]:
    """Where marks open (with their class) and close (with none), in order and properly nested."""
    open_until: list[int] = []
    for span, kind in sorted(spans, key=lambda pair: (pair[0].start, -pair[0].end)):
        first, last = max(0, span.start - start), min(len(words), span.end - start)
        if first >= last:
            continue
        while open_until and open_until[-1] <= first:
            yield open_until.pop(), ""
        last = min([last, *open_until])
        yield first, kind
        open_until.append(last)
    while open_until:
        yield open_until.pop(), ""
