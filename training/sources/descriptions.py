"""The archive's package descriptions: the short line is a query, the long text its passage, aligned by md5."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from training.settings import is_reserved
from training.sources import Block, Page, language, tidy, without_copies

FIELD = re.compile(r"^([A-Za-z0-9-]+(?:_[A-Z]+)?): (.*)$")


def stanzas(path: Path) -> Iterator[dict[str, str]]:
    """The stanzas of one index file; continuation lines keep their line breaks."""
    stanza: dict[str, str] = {}
    name = ""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line == "\n":
                yield stanza
                stanza = {}
            elif line[0] == " ":
                stanza[name] = stanza.get(name, "") + line
            elif match := FIELD.match(line.rstrip("\n")):
                name = match[1]
                stanza[name] = match[2] + "\n"
    if stanza:
        yield stanza


def paragraphs(description: str) -> tuple[str, str]:
    """(short line, long text) of a description field."""
    short, _, rest = description.partition("\n")
    return tidy(short), tidy(re.sub(r"^ \.$", " ", rest, flags=re.M))


def sections(lists: Path) -> dict[str, str]:
    """Package name -> archive section."""
    found = {}
    for path in sorted(lists.glob("*_Packages")):
        for stanza in stanzas(path):
            found[stanza["Package"].strip()] = stanza.get("Section", "").strip().rsplit("/", 1)[-1]
    return found


def pages(lists: Path) -> Iterator[Page]:
    """One page of two blocks for every description that has at least an English text."""
    section = sections(lists)
    found: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {}
    for path in sorted(lists.glob("*_main_i18n_Translation-*")):
        lang = language(unquote(path.name.split("Translation-")[1]))
        for stanza in stanzas(path):
            name, md5 = stanza["Package"].strip(), stanza["Description-md5"].strip()
            if not is_reserved(name):
                text = next(
                    v for k, v in stanza.items() if k.startswith("Description-") and k != "Description-md5"
                )
                found.setdefault(md5, (name, {}))[1].setdefault(lang, paragraphs(text))
    for md5, (name, texts) in found.items():
        if "en" in texts:
            page = Page("descriptions", md5, section.get(name, ""))
            for level in (1, 0):
                block = {lang: pair[1 - level] for lang, pair in texts.items()}
                page.blocks.append(Block(level, without_copies(block)))
            yield page
