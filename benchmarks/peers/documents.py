"""The documents all products read: pages of two real books in eight languages, as plain text.

The Debian Reference and the Debian Administrator's Handbook, on neither of which jv3-mini was trained. Pages are
plain text because every product reads that alike: what is measured is not whose HTML reader is better. Which
sections a page has, and where, is known here and to no product.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from benchmarks.debian_reference import LANGUAGES as REFERENCE
from benchmarks.debian_reference import fetch as fetch_reference
from benchmarks.debian_reference import query_of
from benchmarks.packages import unpacked
from jv3search.readers import SandboxedReader
from jv3search.types import Document, Span

WORK = Path(__file__).parent.parent / "work" / "peers"
HANDBOOK = {
    "en-US": "en", "de-DE": "de", "es-ES": "es", "fr-FR": "fr", "it-IT": "it", "ja-JP": "ja", "pt-BR": "pt",
    "zh-CN": "zh",
}  # fmt: skip
LANGUAGES = tuple(sorted(HANDBOOK.values()))
_HEADING = re.compile(
    r'<h([1-6]) class="title"[^>]*><a(?: xmlns="")? id="([^"]+)"\s*/?>(?:</a>)?(.*?)</h\1>', re.S
)
_LISTS = ("index", "ix")  # how pages begin that only list others
_LEAST_BODY = 120  # characters below a heading; a shorter section is little more than the heading itself


@dataclass(frozen=True, slots=True)
class Target:
    """A section of one language: its anchor, the same in all languages, its heading, and where it is."""

    book: str
    language: str
    anchor: str
    title: str
    file: str
    span: Span


@dataclass(frozen=True, slots=True)
class Corpus:
    """`folder`/book/language/page.txt, and the sections that every language has, by (book, anchor, language)."""

    folder: Path
    targets: tuple[Target, ...]


def corpus(every: int) -> Corpus:
    """Every n-th page of both books; made first if it is not there (fetches nine Debian packages by name)."""
    work = WORK / f"every-{every}"
    facts = work / "targets.json"
    if not facts.exists():
        shutil.rmtree(work, ignore_errors=True)
        targets = [target for book in ("reference", "handbook") for target in _written(work, book, every)]
        rows = [[t.book, t.language, t.anchor, t.title, t.file, t.span.start, t.span.end] for t in targets]
        facts.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return Corpus(
        work / "documents", tuple(_target(*row) for row in json.loads(facts.read_text(encoding="utf-8")))
    )


def _target(book: str, language: str, anchor: str, title: str, file: str, start: int, end: int) -> Target:
    return Target(book, language, anchor, title, file, Span(start, end))


def sample(targets: Iterable[Target], count: int) -> list[Target]:
    """The sections under `count` anchors of each book, evenly spread."""
    targets = list(targets)
    chosen: set[tuple[str, str]] = set()
    for book in dict.fromkeys(target.book for target in targets):
        anchors = list(dict.fromkeys(target.anchor for target in targets if target.book == book))
        chosen |= {(book, anchors[i * len(anchors) // count]) for i in range(min(count, len(anchors)))}
    return [target for target in targets if (target.book, target.anchor) in chosen]


def _written(work: Path, book: str, every: int) -> list[Target]:
    """Write the pages of a book as text; its sections, without those a language lacks or left in English."""
    found: dict[str, dict[str, Target]] = {}
    bodies: dict[str, dict[str, str]] = {}
    with SandboxedReader() as reader:
        for language, pages in _pages(book, every).items():
            found[language], bodies[language] = {}, {}
            for name, page in pages.items():
                document = reader.read(page)
                file = Path(book) / language / f"{name}.txt"
                (work / "documents" / file).parent.mkdir(parents=True, exist_ok=True)
                (work / "documents" / file).write_text(document.text, encoding="utf-8", newline="")
                for anchor, title, span in _sections(page, document):
                    found[language][anchor] = Target(book, language, anchor, title, str(file), span)
                    bodies[language][anchor] = span.of(document.text)
    anchors = [anchor for anchor in found["en"] if _translated(anchor, bodies)]
    return [found[language][anchor] for anchor in anchors for language in LANGUAGES]


def _translated(anchor: str, bodies: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether every language has a section, in words of its own."""
    texts = [of.get(anchor, "") for of in bodies.values()]
    return all(texts) and len(set(texts)) == len(texts)


def _sections(page: Path, document: Document) -> list[tuple[str, str, Span]]:
    """(anchor, heading without its number, span in the text) of the sections with a text of their own."""
    headings = [(anchor, _plain(title)) for _, anchor, title in _HEADING.findall(page.read_text(encoding="utf-8"))]
    anchors = {title: anchor for anchor, title in reversed(headings)}
    return [
        (anchors[title], query_of(title), section.span)
        for section in document.sections
        for title in [" ".join(section.title.split())]
        if title in anchors and len(section.span) - len(section.title) >= _LEAST_BODY
    ]


def _plain(heading: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", heading)).split())


def _pages(book: str, every: int) -> dict[str, dict[str, Path]]:
    """Language -> name -> every n-th HTML page of a book, the same pages in every language."""
    if book == "reference":
        folder = fetch_reference()
        by_language = {lang: (folder / lang, "ch*.html") for lang in REFERENCE.values()}
    else:
        folder = unpacked(WORK, "debian-handbook") / "debian-handbook/usr/share/doc/debian-handbook/html"
        by_language = {lang: (folder / name, "*.html") for name, lang in HANDBOOK.items()}
    pages = {
        language: {page.name.partition(".html")[0].removesuffix(f".{language}"): page for page in of.glob(pattern)}
        for language, (of, pattern) in by_language.items()
    }
    if book == "reference":
        pages["zh"] = {name.removesuffix(".zh-cn"): page for name, page in pages["zh"].items()}
    names = sorted(set.intersection(*(set(of) for of in pages.values())))
    shared = [name for name in names if not name.startswith(_LISTS)][every // 2 :: every]
    return {language: {name: of[name] for name in shared} for language, of in pages.items()}
