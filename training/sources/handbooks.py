"""Handbooks and reference manuals as web pages; a translation stands beside the original under the same name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from lxml import etree, html

from training.settings import HANDBOOKS, LANGUAGES
from training.sources import Blocks, Page, align, language, tidy

HEADING = re.compile(r"h[1-6]")
NUMBER = re.compile(r"^\W*(?:[^\W\d]*\s*)?(?:\d+|[A-Z])(?:\.\d+)*\.?\s+|\s*[¶#]$")
SKIPPED = {"pre", "script", "style", "nav", "header", "footer", "form", "table"}
AROUND = {
    "contents",
    "footer",
    "header",
    "index",
    "indexterm",
    "nav",
    "navfooter",
    "navheader",
    "related",
    "sphinxsidebar",
    "toc",
}
TEXTS = {"p", "li", "dd", "dt"}
MARK = re.compile(r"(?<=[./_-])([a-z]{2}(?:[_-][A-Za-z]{2,4})?)(?=[./]|$)")
NO_PAGES = re.compile(r"big-page|genindex|_source|api/|XREF|fdl|gpl|license|copyright|releases/", re.I)
FEWEST, MOST = 2, 4000  # headings and texts of a page; characters of a text


def name_of(path: str) -> tuple[str, str]:
    """(name that all translations of a page share, language): a code is a folder or stands before the ending."""
    for match in MARK.finditer(path):
        for code in (language(match[1]), match[1][:2]):  # pt-BR is one of ours, de-DE is German
            if code in LANGUAGES:
                return path[: match.start() - 1] + path[match.end() :], code
    return path, "en"


def walk(node: etree._Element) -> Iterator[tuple[int, str]]:
    """Headings and paragraphs in reading order; lists give their innermost texts."""
    for child in node.iterchildren(etree.Element):
        tag = str(child.tag)
        if HEADING.fullmatch(tag):
            yield int(tag[1]), NUMBER.sub("", tidy(child.text_content()))
        elif tag in SKIPPED or AROUND & {child.get("id"), *child.get("class", "").split()}:
            continue
        elif tag == "p" or (tag in TEXTS and child.find(".//p") is None and child.find(".//li") is None):
            yield 0, tidy(child.text_content())
        else:
            yield from walk(child)


def encoding_of(data: bytes) -> str | None:
    """UTF-8 where it is, said or not; None leaves it to what the page says."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return "utf-8"


def blocks(path: Path) -> Blocks:
    """Headings and what stands below each in one text, cut: translators join and part paragraphs."""
    data = path.read_bytes()
    try:
        root = html.fromstring(data, parser=html.HTMLParser(encoding=encoding_of(data)))
    except (etree.ParserError, ValueError):
        return []
    body = root if root.tag == "body" else root.find(".//body")
    found = [] if body is None else [block for block in walk(body) if block[1]]
    parts = groupby(found, key=lambda block: (block[0], block[0] and block[1]))
    return [(level, " ".join(text for _, text in same)[:MOST]) for (level, _), same in parts]


def pages(tree: Path) -> Iterator[Page]:
    """Every page of the handbooks, with its translations."""
    found: dict[str, dict[str, Path]] = defaultdict(dict)
    for package in HANDBOOKS:
        for path in sorted((tree / package).rglob("*.html")):
            if path.is_file() and not path.is_symlink() and not NO_PAGES.search(path.as_posix()):
                name, lang = name_of(path.relative_to(tree / package).as_posix())
                found[name].setdefault(lang, path)
    for key, paths in sorted(found.items()):
        texts = {lang: made for lang, path in paths.items() if len(made := blocks(path)) >= FEWEST}
        if texts:
            yield align("handbooks", key, texts)
