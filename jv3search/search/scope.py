"""Where to look: the filters of a face and the operators in a query, which both must hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePath

from jv3search.errors import InputError
from jv3search.types import Filter


def both(given: Filter, typed: Filter) -> Filter:
    """The filter that admits what two filters admit; InputError where they leave nothing."""
    times = [moment for moment in (given.since, typed.since) if moment]
    ends = [moment for moment in (given.until, typed.until) if moment]
    return replace(
        given,
        languages=_common(given.languages, typed.languages, "language"),
        formats=_common(given.formats, typed.formats, "type"),
        under=_inner(given.under, typed.under),
        since=max(times, default=None),
        until=min(ends, default=None),
        phrases=(*given.phrases, *typed.phrases),
        without=(*given.without, *typed.without),
    )


def folders(uris: Iterable[str], named: Sequence[str]) -> frozenset[str]:
    """The absolute folders of documents that a person means by names such as reports or 2024/reports.

    InputError for a folder that holds no document.
    """
    held = {str(folder) for uri in uris for folder in PurePath(uri).parents}
    return frozenset(folder for name in named for folder in _meant(held, name))


def _meant(held: Iterable[str], name: str) -> list[str]:
    wanted = PurePath(name)
    if wanted.is_absolute():
        return [str(wanted)]
    parts = wanted.parts
    found = [folder for folder in held if parts and PurePath(folder).parts[-len(parts) :] == parts]
    if not found:
        raise InputError(
            f"no document of the index is in a folder {name!r}: 'jv3search list' shows where they are"
        )
    return found


def _common(given: frozenset[str], typed: frozenset[str], what: str) -> frozenset[str]:
    """Empty sets admit everything."""
    if not (given and typed):
        return given | typed
    if not given & typed:
        raise InputError(
            f"no {what} is left: the query asks for {', '.join(sorted(typed))}, the filter for "
            f"{', '.join(sorted(given))}; leave one of them out"
        )
    return given & typed


def _inner(given: frozenset[str], typed: frozenset[str]) -> frozenset[str]:
    """The inner one of every two folders of which one lies in the other."""
    if not (given and typed):
        return given | typed
    pairs = [(a, b) for a in given for b in typed]
    inner = [a if PurePath(a).is_relative_to(b) else b for a, b in pairs if _nested(a, b)]
    if not inner:
        raise InputError(
            f"no folder is left: the query asks for {', '.join(sorted(typed))}, the filter for "
            f"{', '.join(sorted(given))}; leave one of them out"
        )
    return frozenset(inner)


def _nested(a: str, b: str) -> bool:
    return PurePath(a).is_relative_to(b) or PurePath(b).is_relative_to(a)
