"""The interface's catalogs: `python -m tests.ui.catalogs` brings them up to date with the messages in the code.

Then fill in what is empty in jv3search/ui/locale/*/LC_MESSAGES/jv3search.po and run it again: it writes the .mo files,
which are committed, so that a wheel and a checkout need no build step.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

from jv3search.ui.i18n import INTERFACE

_FIXED = datetime(2026, 1, 1, tzinfo=UTC)

UI = Path(__file__).parents[2] / "jv3search" / "ui"


def template() -> Catalog:
    """Every message that the code asks for."""
    found = Catalog(project="jv3search")
    for name, _, message, comments, _ in extract_from_dir(str(UI), comment_tags=("Translators:",)):
        found.add(message, None, [(name, 0)], auto_comments=comments)
    return found


def po_file(language: str) -> Path:
    """Where a language's translations are written by people."""
    return UI / "locale" / language / "LC_MESSAGES" / "jv3search.po"


def translations(language: str) -> Catalog:
    """A language's catalog; empty if there is none yet."""
    path = po_file(language)
    if not path.exists():
        return Catalog(
            locale=language, project="jv3search", fuzzy=False, header_comment="# jv3search's interface."
        )
    with path.open("rb") as file:
        return read_po(file, locale=language)


def compiled(catalog: Catalog) -> bytes:
    """The .mo file of a catalog."""
    made = io.BytesIO()
    write_mo(made, catalog)
    return made.getvalue()


def messages(mo_file: bytes) -> list[tuple[str | list[str], str | list[str]]]:
    """What a .mo file translates, without its header, which names the version of Babel that wrote it."""
    return [(message.id, message.string) for message in read_mo(io.BytesIO(mo_file)) if message.id]


def main() -> None:
    """Update every catalog and compile it."""
    wanted = template()
    for language in INTERFACE:
        if language == "en":
            continue
        catalog = translations(language)
        catalog.update(wanted, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        catalog.creation_date = catalog.revision_date = _FIXED  # so that only messages change the file
        path = po_file(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(file, catalog, sort_output=True, width=110, no_location=True)
        path.with_suffix(".mo").write_bytes(compiled(translations(language)))
        missing = sum(not all(_strings(message)) for message in catalog if message.id)
        print(f"{language}: {len(catalog)} messages, {missing} without a translation")


def _strings(message) -> tuple[str, ...]:
    return message.string if isinstance(message.string, tuple) else (message.string,)


if __name__ == "__main__":
    main()
