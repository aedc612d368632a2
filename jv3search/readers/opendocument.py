"""OpenDocument text and presentations (odt, odp): the body of content.xml, notes and comments in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from defusedxml.ElementTree import fromstring

from jv3search.errors import ReadError
from jv3search.readers.archive import Archive
from jv3search.readers.delimited import CELL
from jv3search.readers.sandbox.limits import Raw
from jv3search.readers.text import TextBuilder, one_line
from jv3search.types import Document

_NS = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
_TEXT, _TABLE, _DRAW = _NS % "text", _NS % "table", _NS % "drawing"
_OFFICE, _STYLE, _SHOW = _NS % "office", _NS % "style", _NS % "presentation"
_MANIFEST = _NS % "manifest"

_SKIPPED = frozenset(
    {_TEXT + "tracked-changes", _TEXT + "sequence-decls", _OFFICE + "forms", _TEXT + "ruby-text"}
    | {_TEXT + "note-citation", _TEXT + "page-number", _SHOW + "settings"}
)
_CREATOR_TAGS = ("{http://purl.org/dc/elements/1.1/}creator", "{http://purl.org/dc/elements/1.1/}date")
_ASIDE = frozenset({_TEXT + "note", _OFFICE + "annotation", _DRAW + "frame", _DRAW + "custom-shape"})
_MOST_SPACES = 1000  # text:s may claim any number


def read(raw: Raw) -> Document:
    """An .odt or .odp file."""
    archive = Archive(raw)
    _refuse_encrypted(archive, raw)
    body = fromstring(archive.read("content.xml")).find(_OFFICE + "body")
    builder = TextBuilder(raw, "odp" if body.find(_OFFICE + "presentation") is not None else "odt")
    styles = fromstring(archive.read("styles.xml")) if "styles.xml" in archive else None
    _furniture(styles, "header", builder)
    _Walk(builder).over(body)
    builder.end_page()
    builder.end_section()
    _furniture(styles, "footer", builder)
    return builder.document(_title(archive))


class _Walk:
    def __init__(self, builder: TextBuilder) -> None:
        self._builder = builder

    def over(self, node: Any) -> None:
        for child in node:
            step = self._steps.get(child.tag)
            if step is not None:
                step(self, child)
            elif child.tag not in _SKIPPED and child.tag not in _CREATOR_TAGS:
                self.over(child)

    def _paragraph(self, node: Any) -> None:
        self._builder.add(_plain(node))
        self._asides(node)

    def _heading(self, node: Any) -> None:
        self._builder.heading(_plain(node), int(node.get(_TEXT + "outline-level", 1)))
        self._asides(node)

    def _list(self, node: Any) -> None:
        self._builder.add("\n".join(_items(node, "")))
        self._asides(node)

    def _table(self, node: Any) -> None:
        self._builder.add("\n".join(filter(None, map(_row, node.iter(_TABLE + "table-row")))))
        self._asides(node)

    def _slide(self, node: Any) -> None:
        self._builder.page()
        self._builder.end_section()
        self.over(node)

    def _frame(self, node: Any) -> None:
        if node.get(_SHOW + "class") == "title":
            self._builder.heading(" ".join(_plain(p) for p in node.iter(_TEXT + "p")), 1)
        elif node.get(_SHOW + "class") != "page-number":
            self.over(node)

    def _asides(self, node: Any) -> None:
        """Footnotes, comments and text boxes anchored in a block follow it."""
        for child in node:
            if child.tag in _ASIDE:
                self.over(child)
            else:
                self._asides(child)

    _steps: dict[str, Callable[[_Walk, Any], None]] = {
        _TEXT + "p": _paragraph,
        _TEXT + "h": _heading,
        _TEXT + "list": _list,
        _TABLE + "table": _table,
        _DRAW + "page": _slide,
        _DRAW + "frame": _frame,
    }


def _plain(node: Any) -> str:
    """The text of a paragraph without what is merely anchored in it."""
    return "".join(_pieces(node))


def _pieces(node: Any) -> Iterator[str]:
    yield " ".join((node.text or "").split("\n"))
    for child in node:
        if child.tag == _TEXT + "s":
            yield " " * min(int(child.get(_TEXT + "c", 1)), _MOST_SPACES)
        elif child.tag == _TEXT + "tab":
            yield "\t"
        elif child.tag == _TEXT + "line-break":
            yield "\n"
        elif child.tag not in _ASIDE and child.tag not in _SKIPPED:
            yield from _pieces(child)
        yield " ".join((child.tail or "").split("\n"))


def _items(node: Any, indent: str) -> Iterator[str]:
    for item in node.iterfind(f"./{_TEXT}list-item"):
        marker = "- "
        for child in item:
            if child.tag == _TEXT + "list":
                yield from _items(child, indent + "  ")
            elif child.tag in (_TEXT + "p", _TEXT + "h"):
                yield indent + marker + _plain(child)
                marker = "  "


def _row(row: Any) -> str:
    cells = (" ".join(_plain(p) for p in cell.iter(_TEXT + "p")) for cell in row.iterfind(f"./{_TABLE}table-cell"))
    return CELL.join(filter(None, map(one_line, cells)))


def _furniture(styles: Any, kind: str, builder: TextBuilder) -> None:
    """The distinct headers or footers of all page styles."""
    if styles is None:
        return
    roots = styles.iterfind(f".//{_STYLE}master-page/{_STYLE}{kind}")
    texts = (" ".join(_plain(p) for p in root.iter(_TEXT + "p")) for root in roots)
    for text in dict.fromkeys(texts):
        builder.add(text)


def _refuse_encrypted(archive: Archive, raw: Raw) -> None:
    name = "META-INF/manifest.xml"
    if name in archive and fromstring(archive.read(name)).find(f".//{_MANIFEST}encryption-data") is not None:
        raise ReadError(f"{raw.name} is encrypted: it needs a password")


def _title(archive: Archive) -> str:
    if "meta.xml" not in archive:
        return ""
    title = fromstring(archive.read("meta.xml")).find(".//{http://purl.org/dc/elements/1.1/}title")
    return "".join(title.itertext()) if title is not None else ""
