"""Message catalogues (gettext .mo): interface texts, names of countries and languages, the dialogues of a game."""

from __future__ import annotations

import gettext
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from training.sources import Block, Page, language, tidy, without_copies

# package pattern -> where its catalogues are
CATALOGUES = {
    "libreoffice-l10n": "libreoffice-l10n-*/usr/lib/libreoffice/program/resource/*/LC_MESSAGES/*.mo",
    "iso-codes": "iso-codes/usr/share/locale/*/LC_MESSAGES/*.mo",
    "wesnoth": "wesnoth-1.16-data/usr/share/games/wesnoth/1.16/translations/*/LC_MESSAGES/*.mo",
}
MARKUP = re.compile(r"<[^>]{1,60}>|~|\$\w+|%[a-zA-Z0-9]+|\\n")
LETTER = re.compile(r"[^\W\d_]{2}|[\u3040-\u9fff\uac00-\ud7af]")


def plain(text: str) -> str:
    """Without markup, variables and accelerator marks."""
    return tidy(MARKUP.sub(" ", text.split("^")[-1] if "^" in text[:40] else text))


def messages(path: Path) -> Iterator[tuple[str, str, str]]:
    """(context and source, English, translation) of a catalogue."""
    with path.open("rb") as file:
        catalogue = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    for key, value in catalogue.items():
        if isinstance(key, str) and key and isinstance(value, str):
            source = plain(key.split("\x04")[-1])
            if LETTER.search(source):
                yield key, source, plain(value)


def collect(source: str, catalogues: Iterable[Path]) -> Iterator[Page]:
    """The messages of one source, aligned by their key within a catalogue."""
    found: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for path in sorted(catalogues):
        for key, english, text in messages(path):
            texts = found[path.stem, key]
            texts["en"] = english
            texts[language(path.parts[-3])] = text
    for (stem, key), texts in found.items():
        yield Page(source, key, stem, [Block(0, without_copies(texts))])


def pages(tree: Path) -> Iterator[Page]:
    """All catalogues."""
    for source, pattern in CATALOGUES.items():
        yield from collect(source, tree.glob(pattern))


def household(tree: Path, packages: Iterable[str]) -> Iterator[Page]:
    """The catalogues of some applications of households."""
    pattern = "usr/share/locale/*/LC_MESSAGES/*.mo"
    yield from collect("household", (path for name in packages for path in (tree / name).glob(pattern)))
