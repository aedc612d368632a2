"""The interface's own words in the reader's language: gettext catalogs in locale/, dates and names by Babel.

`_("Search")` is looked up at run time, in the language of whoever's page is being drawn.
"""

from __future__ import annotations

import gettext as catalogs
from datetime import datetime
from functools import cache
from pathlib import Path

import streamlit as st
from babel import Locale, UnknownLocaleError, dates, numbers

from jv3search.types import UNKNOWN_LANGUAGE

INTERFACE = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "zh": "中文",
    "ja": "日本語",
}
"""The languages of the interface, each by its own name."""

CHOSEN = "interface_language"
"""Key in the session's state of the language a person chose; absent or empty: the browser's."""

_LOCALE = Path(__file__).parent / "locale"


def interface_language() -> str:
    """The code of the language to draw in: the one chosen, else the browser's, else English."""
    wanted = str(st.session_state.get(CHOSEN) or st.context.locale or "en")
    code = wanted.replace("_", "-").split("-")[0].lower()
    return code if code in INTERFACE else "en"


def gettext(message: str) -> str:
    """A message in the interface's language."""
    return _catalog(interface_language()).gettext(message)


def ngettext(one: str, many: str, count: int) -> str:
    """A message that depends on a number, in the interface's language; "{n}" in it becomes the number."""
    return _catalog(interface_language()).ngettext(one, many, count).replace("{n}", number(count))


def number(value: int) -> str:
    """A whole number as the reader writes it: 12,345 or 12.345."""
    return numbers.format_decimal(value, locale=interface_language())


def date(value: datetime) -> str:
    """A day as the reader writes it."""
    return dates.format_date(value, "medium", locale=interface_language())


def language_name(code: str) -> str:
    """What the reader calls a language; its code if nobody has a name for it."""
    if code == UNKNOWN_LANGUAGE:
        return gettext("unknown language")
    name = Locale(interface_language()).languages.get(code.replace("-", "_")) or _own_name(code)
    return name[:1].upper() + name[1:]


def _own_name(code: str) -> str:
    try:
        return Locale.parse(code, sep="-").get_display_name() or code
    except (ValueError, UnknownLocaleError):
        return code


@cache
def _catalog(language: str) -> catalogs.NullTranslations:
    if language == "en":
        return catalogs.NullTranslations()
    return catalogs.translation("jv3search", _LOCALE, [language])
