"""Word: body, tables, text boxes, footnotes and comments where they are referred to, headers and footers.

python-docx opens the package; the text is taken from the XML itself, because its `paragraph.text`
leaves out content controls, tracked insertions and text boxes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import docx
from docx.oxml import parse_xml
from docx.oxml.ns import qn

from jv3search.readers.archive import Archive
from jv3search.readers.delimited import CELL
from jv3search.readers.sandbox.limits import Raw
from jv3search.readers.text import TextBuilder, one_line
from jv3search.types import Document

_P, _TABLE, _BOX = qn("w:p"), qn("w:tbl"), qn("w:txbxContent")
_ID, _VAL = qn("w:id"), qn("w:val")
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_SKIPPED = frozenset({_FALLBACK, _BOX, qn("w:pPr"), qn("w:rPr"), qn("w:del"), qn("w:moveFrom"), qn("w:sdtPr")})
_WRAPPERS = frozenset(qn(f"w:{name}") for name in ("sdt", "sdtContent", "customXml", "ins", "smartTag", "moveTo"))
_TEXTS = frozenset({qn("w:t"), qn("m:t")})  # of runs and of equations
_SIGNS = {
    qn("w:ptab"): "\t",
    qn("w:tab"): "\t",
    qn("w:br"): "\n",
    qn("w:cr"): "\n",
    qn("w:noBreakHyphen"): "\u2011",
    qn("w:softHyphen"): "\u00ad",
}
_REFERENCES = {
    qn("w:footnoteReference"): "footnotes",
    qn("w:endnoteReference"): "endnotes",
    qn("w:commentReference"): "comments",
}
_NUMBERED = f"{qn('w:pPr')}/{qn('w:numPr')}"
_BODY_LEVEL = 9  # outline levels count from 0; 9 is "body text"
_DEEPEST_STYLE = 20  # a style may be based on another, a hostile one on itself


def read(raw: Raw) -> Document:
    """A .docx file."""
    Archive(raw).verify()
    document = docx.Document(io.BytesIO(raw.data))
    builder = TextBuilder(raw, "docx")
    for line in _furniture(document.part, "header"):
        builder.add(line)
    _Body(document, builder).add(document.element.body)
    builder.end_section()
    for line in _furniture(document.part, "footer"):
        builder.add(line)
    return builder.document(document.core_properties.title or "")


@dataclass(frozen=True, slots=True)
class _Style:
    level: int = 0  # of a heading; 0 is body text
    listed: bool = False


class _Body:
    def __init__(self, document: Any, builder: TextBuilder) -> None:
        self._builder = builder
        self._styles = _styles(document.styles.element)
        self._notes = {kind: _notes(document.part, kind) for kind in _REFERENCES.values()}
        self._items: list[str] = []  # of the running list

    def add(self, body: Any) -> None:
        for block in _blocks(body):
            if block.tag == _TABLE:
                self._end_list()
                self._builder.add("\n".join(_rows(block)))
            else:
                self._paragraph(block)
            self._asides(block)
        self._end_list()

    def _paragraph(self, paragraph: Any) -> None:
        text, style = _text(paragraph), self._style(paragraph)
        if style.level:
            self._end_list()
            self._builder.heading(text, style.level)
        elif style.listed and text.strip():
            self._items.append("- " + text.strip())
        else:
            self._end_list()
            self._builder.add(text)

    def _style(self, paragraph: Any) -> _Style:
        """Of a paragraph: what it says itself, or else its style."""
        own = paragraph.find(f"{qn('w:pPr')}/{qn('w:outlineLvl')}")
        if own is not None:
            return _Style(level=_outline_level(own))
        named = paragraph.find(f"{qn('w:pPr')}/{qn('w:pStyle')}")
        style = self._styles.get(named.get(_VAL), _Style()) if named is not None else _Style()
        return replace(style, listed=style.listed or paragraph.find(_NUMBERED) is not None)

    def _asides(self, block: Any) -> None:
        """Text boxes, footnotes and comments anchored in a block follow it."""
        for node in block.iter(_BOX, *_REFERENCES):
            if node.tag == _BOX:
                aside = "" if _in_fallback(node) else "\n".join(_text(p) for p in node.iter(_P))
            else:
                aside = self._notes[_REFERENCES[node.tag]].get(node.get(_ID), "")
            if aside.strip():
                self._end_list()
                self._builder.add(aside)

    def _end_list(self) -> None:
        self._builder.add("\n".join(self._items))
        self._items = []


def _blocks(node: Any) -> Iterator[Any]:
    """Paragraphs and tables, also those inside content controls and tracked insertions."""
    for child in node:
        if child.tag in (_P, _TABLE):
            yield child
        elif child.tag in _WRAPPERS:
            yield from _blocks(child)


def _text(node: Any) -> str:
    return "".join(_pieces(node))


def _pieces(node: Any) -> Iterator[str]:
    for child in node:
        if child.tag in _TEXTS:
            yield child.text or ""
        elif child.tag in _SIGNS:
            yield _SIGNS[child.tag]
        elif child.tag not in _SKIPPED:
            yield from _pieces(child)


def _rows(table: Any) -> Iterator[str]:
    for row in table.iter(qn("w:tr")):
        cells = (" ".join(_text(p) for p in cell.iter(_P)) for cell in row.iterchildren(qn("w:tc"), qn("w:sdt")))
        yield CELL.join(one_line(cell) for cell in cells).strip(" |")


def _in_fallback(node: Any) -> bool:
    """Word writes every text box twice: for itself and, as a fallback, for older versions."""
    return next(node.iterancestors(_FALLBACK), None) is not None


def _styles(root: Any) -> dict[str, _Style]:
    """Style id -> what matters of it."""
    by_id = {style.get(qn("w:styleId")): style for style in root.iter(qn("w:style"))}
    return {style_id: _style(style, by_id) for style_id, style in by_id.items()}


def _style(style: Any, by_id: dict[str, Any]) -> _Style:
    """A style's own outline level and list membership, or those of the style it is based on."""
    listed = False
    for _ in range(_DEEPEST_STYLE):
        if style is None:
            break
        name = style.find(qn("w:name"))
        if name is not None and name.get(_VAL, "").lower() == "title":
            return _Style(level=1)
        outline = style.find(f"{qn('w:pPr')}/{qn('w:outlineLvl')}")
        if outline is not None:
            return _Style(level=_outline_level(outline))
        listed = listed or style.find(_NUMBERED) is not None
        base = style.find(qn("w:basedOn"))
        style = by_id.get(base.get(_VAL)) if base is not None else None
    return _Style(listed=listed)


def _outline_level(node: Any) -> int:
    level = int(node.get(_VAL, _BODY_LEVEL)) + 1
    return level if level <= _BODY_LEVEL else 0


def _parts(part: Any, kind: str) -> list[Any]:
    """The XML of every related part of a kind, each once."""
    related = (rel for rel in part.rels.values() if not rel.is_external and rel.reltype.endswith(f"/{kind}"))
    parts = {str(rel.target_part.partname): rel.target_part for rel in related}
    return [parse_xml(parts[name].blob) for name in sorted(parts)]


def _notes(part: Any, kind: str) -> dict[str, str]:
    """Note id -> text; the separator lines that Word keeps among the footnotes have a type."""
    return {
        note.get(_ID): "\n".join(_text(p) for p in note.iter(_P))
        for root in _parts(part, kind)
        for note in root
        if note.get(qn("w:type")) is None
    }


def _furniture(part: Any, kind: str) -> list[str]:
    """The distinct texts of all headers or footers."""
    texts = ("\n".join(filter(str.strip, map(_text, root.iter(_P)))) for root in _parts(part, kind))
    return list(dict.fromkeys(text for text in texts if text.strip()))
