"""The side panel: what the index holds by language, type, folder and date, with counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

from jv3search.types import Filter
from jv3search.ui import request as urls
from jv3search.ui import safe
from jv3search.ui.i18n import gettext as _
from jv3search.ui.i18n import language_name, number
from jv3search.ui.request import Request

if TYPE_CHECKING:
    from jv3search.indexes.rows import DocumentRow

_MOST_FOLDERS = 200


@dataclass(frozen=True, slots=True)
class Facets:
    """Documents a language and a type, most first, and a folder, relative to the one that holds all."""

    languages: Mapping[str, int]
    formats: Mapping[str, int]
    folders: Mapping[str, int]
    root: Path


def facets(documents: Sequence[DocumentRow]) -> Facets:
    """What an index can be narrowed to."""
    parents = [PurePath(row.uri).parent for row in documents]
    root = _common(parents)
    folders = Counter(
        str(folder.relative_to(root))
        for parent in parents
        for folder in (parent, *parent.parents)
        if folder != root and folder.is_relative_to(root)
    )
    return Facets(
        languages=_most_first(Counter(row.language for row in documents)),
        formats=_most_first(Counter(row.format for row in documents)),
        folders=_telling(folders),
        root=Path(root),
    )


def filter_of(request: Request, root: Path) -> Filter:
    """A request's filters as the search understands them."""
    return Filter(
        languages=frozenset(request.languages),
        formats=frozenset(request.formats),
        under=frozenset(str(root / folder) for folder in request.folders),
        since=datetime.combine(request.since, time(), UTC) if request.since else None,
    )


def without_each(request: Request) -> list[tuple[str, Request]]:
    """The request without each filter that is set, and what that filter is called."""
    every = [
        (_("language"), replace(request, languages=())),
        (_("type"), replace(request, formats=())),
        (_("folder"), replace(request, folders=())),
        (_("date"), replace(request, since=None)),
    ]
    return [(name, other) for name, other in every if other != request]


def panel(request: Request, found: Facets) -> None:
    """Draw the side panel; a change makes a new URL."""
    with st.sidebar:
        st.subheader(_("Narrow the search"))
        _choice("languages", _("Language"), found.languages, language_name, request)
        _choice("formats", _("Type"), found.formats, str.upper, request)
        if found.folders:
            _folders(request, found.folders)
        st.session_state["since"] = request.since
        st.date_input(
            _("Changed since"), value=None, key="since", format="YYYY-MM-DD", on_change=_since, max_value="today"
        )
        if request.filtered:
            st.button(_("Remove all filters"), on_click=_clear, icon=":material/filter_alt_off:", width="stretch")


def _choice(
    field: Literal["languages", "formats"],
    label: str,
    counts: Mapping[str, int],
    shown: Callable[[str], str],
    request: Request,
) -> None:
    chosen: tuple[str, ...] = getattr(request, field)
    options = [*counts, *(value for value in chosen if value not in counts)]
    st.session_state[field] = list(chosen)

    def change() -> None:
        values: Any = {field: tuple(sorted(st.session_state[field]))}
        urls.go(replace(urls.current(), opened=None, shown=urls.PAGE_OF_HITS, **values))

    st.pills(
        label,
        options,
        selection_mode="multi",
        key=field,
        format_func=lambda value: f"{safe.label(shown(value))}  {number(counts.get(value, 0))}",
        on_change=change,
    )


def _folders(request: Request, counts: Mapping[str, int]) -> None:
    largest = dict(Counter(counts).most_common(_MOST_FOLDERS))
    options = sorted({*largest, *request.folders})
    st.session_state["folders"] = list(request.folders)

    def change() -> None:
        urls.go(replace(urls.current(), folders=tuple(sorted(st.session_state["folders"])), opened=None))

    st.multiselect(
        _("Folder"),
        options,
        key="folders",
        format_func=lambda value: f"{value} ({number(counts.get(value, 0))})",
        on_change=change,
        placeholder=_("All folders"),
    )
    if len(largest) < len(counts):
        more = _("The {n} largest folders are listed; for others, type under:NAME in the question.")
        st.caption(more.format(n=len(largest)))


def _since() -> None:
    urls.go(replace(urls.current(), since=st.session_state["since"], opened=None))


def _clear() -> None:
    plain = replace(urls.current(), languages=(), formats=(), folders=(), since=None, opened=None)
    urls.go(plain)


def _telling(counts: Counter[str]) -> dict[str, int]:
    """Folders without those whose documents all lie in one folder of theirs, which says the same."""
    idle = {
        parent for folder, count in counts.items() if counts.get(parent := str(PurePath(folder).parent)) == count
    }
    return {folder: count for folder, count in counts.items() if folder not in idle}


def _most_first(counts: Counter[str]) -> dict[str, int]:
    return dict(counts.most_common())


def _common(folders: Sequence[PurePath]) -> PurePath:
    if not folders:
        return PurePath("/")
    first = folders[0]
    return next(root for root in (first, *first.parents) if all(folder.is_relative_to(root) for folder in folders))
