"""What a person asks of the search page, as the page's URL says it.

    /?q=backup&lang=de&lang=ja&type=pdf&doc=3fd0c1a2b3c4d5e6&at=120-480

The URL is the state: widgets are set from it before they are drawn, and whatever changes the request writes a new
URL, so that links, reload and the back button all work. Values that make no sense are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import cast, get_args

import streamlit as st

from jv3search.types import Hit, Mode, Span, document_id

PAGE_OF_HITS = 10
MOST_HITS = 100

_FIRST_MODE: Mode = "hybrid"


@dataclass(frozen=True, slots=True)
class Opened:
    """A source beside the results: the document's key, the passage in it, the part that is turned to."""

    document: str
    passage: Span | None = None
    part: int | None = None

    def passage_is(self, other: Opened) -> bool:
        """Whether both are of the same passage, whatever part is turned to."""
        return (self.document, self.passage) == (other.document, other.passage)


@dataclass(frozen=True, slots=True)
class Request:
    """A question with its filters, how many hits to show, what is opened beside them, and in which index.

    `turn` is how many questions of a conversation were asked before it.
    """

    query: str = ""
    languages: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    since: date | None = None
    mode: Mode = _FIRST_MODE
    shown: int = PAGE_OF_HITS
    opened: Opened | None = None
    index: str = ""
    turn: int = 0

    @property
    def filtered(self) -> bool:
        """Whether any filter is set."""
        return bool(self.languages or self.formats or self.folders or self.since)

    def question(self) -> Request:
        """The same without what is opened: what the answer depends on."""
        return replace(self, opened=None)


def place_of(hit: Hit) -> Opened:
    """Where a hit stands."""
    return Opened(document_id(hit.uri), hit.span)


def current() -> Request:
    """What the URL of this run asks for."""
    names = list(st.query_params)
    return from_url({name: st.query_params.get_all(name) for name in names})


def go(request: Request) -> None:
    """Make a request the page's URL; the one before stays behind the back button."""
    st.query_params.from_dict(to_url(request))


def from_url(values: Mapping[str, Sequence[str]]) -> Request:
    """The request in a URL's parameters."""
    mode = _one(values, "mode")
    return Request(
        query=_one(values, "q").strip(),
        languages=tuple(values.get("lang", ())),
        formats=tuple(values.get("type", ())),
        folders=tuple(values.get("in", ())),
        since=_date(_one(values, "since")),
        mode=cast(Mode, mode) if mode in get_args(Mode) else _FIRST_MODE,
        shown=min(max(_number(_one(values, "n")) or PAGE_OF_HITS, 1), MOST_HITS),
        opened=_opened(values),
        index=_one(values, "index"),
        turn=_number(_one(values, "turn")),
    )


def to_url(request: Request) -> dict[str, str | list[str]]:
    """A request as a URL's parameters; what is as usual is left out."""
    opened = request.opened
    every: dict[str, str | list[str]] = {
        "q": request.query,
        "lang": list(request.languages),
        "type": list(request.formats),
        "in": list(request.folders),
        "since": request.since.isoformat() if request.since else "",
        "mode": "" if request.mode == _FIRST_MODE else request.mode,
        "n": "" if request.shown == PAGE_OF_HITS else str(request.shown),
        "doc": opened.document if opened else "",
        "at": f"{opened.passage.start}-{opened.passage.end}" if opened and opened.passage else "",
        "part": str(opened.part) if opened and opened.part else "",
        "index": request.index,
        "turn": str(request.turn) if request.turn else "",
    }
    return {name: value for name, value in every.items() if value}


def _one(values: Mapping[str, Sequence[str]], name: str) -> str:
    found = values.get(name, ())
    return found[-1] if found else ""


def _number(value: str) -> int:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0


def _date(value: str) -> date | None:
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _opened(values: Mapping[str, Sequence[str]]) -> Opened | None:
    document = _one(values, "doc")
    if not document:
        return None
    start, _, end = (_one(values, "at")).partition("-")
    passage = Span(_number(start), _number(end)) if _number(start) < _number(end) else None
    return Opened(document, passage, _number(_one(values, "part")) or None)
