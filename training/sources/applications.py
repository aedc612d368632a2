"""The handbooks of GNOME, MATE and KDE applications (Mallard and DocBook): translations keep the structure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from training.sources import Blocks, Page, align, language, tidy

FOLDERS = re.compile(r"/usr/share/(?:help|doc/(?:kde/)?HTML)/([^/]+)/(.+\.(?:page|docbook))$")
ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)([\w.-]+);")
DEFINED = re.compile(r"<!ENTITY\s+([\w.-]+)\s+([\"'])(.*?)\2")
DECLARATION = re.compile(r"<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>", re.S)
TITLES, TEXTS = {"title"}, {"p", "para", "simpara"}
SECTIONS = {"section", "chapter", "sect1", "sect2", "sect3", "sect4", "sect5", "appendix"}
SKIPPED = {
    "comment",
    "screen",
    "programlisting",
    "screenshot",
    "credits",
    "authorgroup",
    "legalnotice",
    "copyright",
}


def parse(path: Path) -> etree._Element | None:
    """The root of a file, entities put in place as far as the file defines them; None if it cannot be read."""
    text = path.read_bytes().decode("utf-8", "replace")
    known = {match[1]: match[3] for match in DEFINED.finditer(text)}
    text = DECLARATION.sub("", text, count=1)
    for _ in range(3):  # one entity names another
        text = ENTITY.sub(lambda match: known.get(match[1], match[1].replace("-", " ")), text)
    try:
        return etree.fromstring(text.encode(), etree.XMLParser(recover=True, huge_tree=True))
    except etree.XMLSyntaxError:
        return None


def walk(node: etree._Element, depth: int) -> Iterator[tuple[int, str]]:
    """Headings and paragraphs in reading order."""
    for child in node.iterchildren(etree.Element):
        tag = etree.QName(child).localname
        if tag in TITLES | TEXTS:
            yield (depth if tag in TITLES else 0), tidy("".join(child.itertext()))
        elif tag not in SKIPPED and not (tag == "info" and depth > 1):
            yield from walk(child, depth + (tag in SECTIONS))


def blocks(path: Path) -> Blocks:
    """The blocks of one file; nothing when it cannot be read."""
    root = parse(path)
    return [] if root is None else list(walk(root, 1))


def pages(tree: Path) -> Iterator[Page]:
    """Every English page with all its translations."""
    found: dict[str, dict[str, Path]] = defaultdict(dict)
    for path in sorted((*tree.rglob("*.page"), *tree.rglob("*.docbook"))):
        if match := FOLDERS.search(path.as_posix()):
            found[match[2]].setdefault(language(match[1]), path)
    for key, paths in sorted(found.items()):
        if "en" in paths:
            texts = {lang: made for lang, path in paths.items() if (made := blocks(path))}
            if texts.get("en"):
                yield align("applications", key, texts)
