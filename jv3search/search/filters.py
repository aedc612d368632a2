"""Filters: made from what a person types, and combined with the operators in a query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path, PurePath

from jv3search.errors import InputError
from jv3search.types import Filter

# Country codes that people take for language codes.
_COUNTRIES = {"jp": "ja", "cn": "zh", "gr": "el", "cz": "cs", "dk": "da", "ua": "uk", "us": "en"}


def language_codes(values: Sequence[str]) -> tuple[str, ...]:
    """Languages as a person names them by code, in their order; InputError for a code there is not."""
    return tuple(_language(value.lower()) for value in values)


def _language(value: str) -> str:
    from jv3search.text.language import language_code

    code = language_code(value)
    if code is None:
        meant = _COUNTRIES.get(value) or language_code(value.partition("-")[0])
        hint = f"did you mean {meant}?" if meant else "use codes such as en, de, ja, zh"
        raise InputError(f"{value!r} is not a language code; {hint}")
    return code


def make_filter(
    *,
    languages: Sequence[str] = (),
    formats: Sequence[str] = (),
    under: Sequence[Path] = (),
    since: str = "",
    until: str = "",
) -> Filter:
    """A filter from what a person types; InputError for a language, format or date there is not.

    A day in `since` is meant from its beginning, one in `until` to its end (UTC).
    """
    return Filter(
        languages=frozenset(language_codes(languages)),
        formats=_formats(formats) if formats else frozenset(),
        under=frozenset(str(folder.expanduser().resolve()) for folder in under),
        since=_date(since) if since else None,
        until=_date(until) + (timedelta(days=1) if len(until) == len("2026-01-31") else timedelta())
        if until
        else None,
    )


def intersection(given: Filter, typed: Filter) -> Filter:
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


def relative_folders(named: Sequence[str]) -> list[str]:
    """Those of some folders that are not absolute, as they stand in a uri."""
    return [str(folder) for folder in map(PurePath, named) if not folder.is_absolute()]


def folders(uris: Iterable[str], named: Sequence[str]) -> frozenset[str]:
    """The absolute folders of documents that a person means by names such as reports or 2024/reports.

    InputError for a folder that holds no document.
    """
    parents = {uri.rpartition("/")[0] or "/" for uri in uris}  # far fewer than documents
    known = {str(folder) for parent in parents for folder in (PurePath(parent), *PurePath(parent).parents)}
    return frozenset(folder for name in named for folder in _meant(known, name))


def _meant(known: Iterable[str], name: str) -> list[str]:
    wanted = PurePath(name)
    if wanted.is_absolute():
        return [str(wanted)]
    parts = wanted.parts
    found = [folder for folder in known if parts and PurePath(folder).parts[-len(parts) :] == parts]
    if not found:
        raise InputError(
            f"no document in the index is in a folder {name!r}: 'jv3search list' shows where they are"
        )
    return found


def _common(given: frozenset[str], typed: frozenset[str], what: str) -> frozenset[str]:
    """Empty sets admit everything."""
    if not (given and typed):
        return given | typed
    if not given & typed:
        raise InputError(
            f"no {what} fits both: the query asks for {', '.join(sorted(typed))}, the filter for "
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
            f"no folder fits both: the query asks for {', '.join(sorted(typed))}, the filter for "
            f"{', '.join(sorted(given))}; leave one of them out"
        )
    return frozenset(inner)


def _nested(a: str, b: str) -> bool:
    return PurePath(a).is_relative_to(b) or PurePath(b).is_relative_to(a)


def _formats(values: Sequence[str]) -> frozenset[str]:
    from jv3search.readers import READERS

    choices = set(READERS)
    wanted = [value.lower() for value in values]
    for value in wanted:
        if value not in choices:
            near = get_close_matches(value, choices, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {' '.join(READERS)}"
            raise InputError(f"{value!r} is not a document type; {hint}")
    return frozenset(wanted)


def _date(value: str) -> datetime:
    try:
        date = datetime.fromisoformat(value)
    except ValueError:
        raise InputError(f"{value!r} is not a date; write it as 2026-01-31 or 2026-01-31T08:00") from None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
