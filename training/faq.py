"""The Debian FAQ in eight languages, which nobody trains on: sections by the chapter they stand in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from training.reference import book
from training.settings import FAQ_PACKAGES, TREE

LEAST = 30  # characters of a section


@dataclass(frozen=True)
class Section:
    """A section in all its languages: the chapter it stands in, titles (most are questions) and texts."""

    chapter: str
    titles: dict[str, str]
    texts: dict[str, str]


def pages(lang: str, tree: Path = TREE) -> list[Path]:
    """The book's pages in a language, a chapter each; the pages about the book itself are left out."""
    folder = tree / FAQ_PACKAGES[lang]
    found = sorted(folder.rglob(f"*.{lang}.html"))
    return [page for page in found if not page.name.startswith(("index", "faqinfo"))]


def sections(tree: Path = TREE) -> list[Section]:
    """Sections that have some text in every language."""
    books = {lang: {page.name.split(".")[0]: book([page]) for page in pages(lang, tree)} for lang in FAQ_PACKAGES}
    found = []
    for chapter, anchors in books["en"].items():
        for anchor in anchors:
            each = {lang: of[chapter][anchor] for lang, of in books.items() if anchor in of.get(chapter, {})}
            if len(each) == len(books) and min(len(section.text) for section in each.values()) >= LEAST:
                titles, texts = (
                    {lang: getattr(s, part) for lang, s in each.items()} for part in ("title", "text")
                )
                found.append(Section(chapter, titles, texts))
    return found
