"""The GNOME handbooks (Mallard XML): translations keep the structure, so blocks align by position."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

from training.sources import Block, Page, language, tidy, without_copies

SPACE = "{http://projectmallard.org/1.0/}"


def walk(node: ElementTree.Element, depth: int) -> Iterator[tuple[int, str]]:
    """(heading level or 0, text) in reading order."""
    for child in node:
        tag = str(child.tag).removeprefix(SPACE)
        if tag in ("info", "comment"):
            continue
        if tag in ("title", "p"):
            yield (depth if tag == "title" else 0), tidy("".join(child.itertext()))
        else:
            yield from walk(child, depth + (tag == "section"))


def blocks(path: Path) -> list[tuple[int, str]]:
    """The blocks of one file; nothing when it is not well-formed."""
    try:
        return list(walk(ElementTree.parse(path).getroot(), 1))
    except (ElementTree.ParseError, OSError):
        return []


def align(key: str, texts: dict[str, list[tuple[int, str]]]) -> Page:
    """Languages whose structure equals the English one, block by block."""
    english = texts["en"]
    same = {lang: found for lang, found in texts.items() if [b[0] for b in found] == [b[0] for b in english]}
    page = Page("gnome-help", key, key.split("/")[0])
    for number, (level, text) in enumerate(english):
        if text:
            page.blocks.append(
                Block(level, without_copies({lang: found[number][1] for lang, found in same.items()}))
            )
    return page


def pages(tree: Path) -> Iterator[Page]:
    """Every English page with all its translations."""
    for package in sorted(tree.glob("gnome-*")):
        root = package / "usr/share/help"
        languages = {language(folder.name): folder for folder in sorted(root.glob("*"))}
        for path in sorted((root / "C").rglob("*.page")):
            name = path.relative_to(root / "C")
            texts = {lang: blocks(folder / name) for lang, folder in languages.items()}
            if texts["en"]:
                yield align(name.as_posix(), texts)
