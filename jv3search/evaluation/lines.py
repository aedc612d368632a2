"""Lines of text files that people write: numbered for messages, whatever ends them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import regex

from jv3search.errors import InputError

_LANGUAGE = regex.compile(r"[a-z]{2,3}")


def numbered_lines(path: Path, *, missing: str) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, counted from 1; a byte order mark and CRLF are no part of them.

    `missing` is what to do if there is no such file.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"there is no {path}; {missing}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.rstrip("\r")


def language_tag(value: object, where: str) -> str:
    """The primary tag of a language that a person named ("zh" of "zh-Hant"), "" for none."""
    tag = str(value or "").partition("-")[0].partition("_")[0].strip().lower()
    if tag and not _LANGUAGE.fullmatch(tag):
        raise InputError(f"{where}: {value!r} is no language code; use codes such as en, de, ja, zh")
    return tag
