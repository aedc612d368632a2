"""LibreOffice's help: every heading and paragraph carries an id that is the same in all languages."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

from training.sources import Block, Page, language, tidy, without_copies

ELEMENT = re.compile(r'<(h[1-6]|p) id="([a-z]+_id[^"]*)"[^>]*>(.*?)</\1>', re.S)
TAG = re.compile(r"<[^>]*>")


def elements(path: Path) -> dict[str, tuple[int, str]]:
    """Id -> (heading level or 0, text), in the order of the page."""
    found = {}
    for tag, name, body in ELEMENT.findall(path.read_text("utf-8", "replace")):
        text = tidy(html.unescape(TAG.sub("", body)))
        if text:
            found[name] = (int(tag[1]) if tag[0] == "h" else 0, text)
    return found


def align(path: str, texts: dict[str, dict[str, tuple[int, str]]]) -> Page:
    """The page's English blocks with their translations."""
    page = Page("libreoffice-help", path, path.split("/")[0])
    for name, (level, english) in texts["en"].items():
        block = {lang: found[name][1] for lang, found in texts.items() if name in found}
        page.blocks.append(Block(level, without_copies({**block, "en": english})))
    return page


def pages(tree: Path) -> Iterator[Page]:
    """Every page of the English help, aligned with all languages that are here."""
    roots = {}
    for root in sorted(tree.glob("libreoffice-help-*/usr/share/libreoffice/help/*/text")):
        roots[language(root.parent.name)] = root
    for path in sorted(roots["en"].rglob("*.html")):
        name = path.relative_to(roots["en"]).as_posix()
        texts = {lang: elements(root / name) for lang, root in roots.items() if (root / name).exists()}
        if texts["en"]:
            yield align(name, texts)
