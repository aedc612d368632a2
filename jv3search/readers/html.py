"""HTML: what a reader of the page sees. Scripts, styles, navigation and hidden elements are left out.

The same walk serves EPUB chapters, HTML inside Markdown and the HTML bodies of messages. Nothing is
fetched: no image, style sheet or frame.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from jv3search.errors import ReadError
from jv3search.readers.delimited import CELL
from jv3search.readers.encoding import decode
from jv3search.readers.sandbox.limits import Raw
from jv3search.readers.text import TextBuilder, joiner
from jv3search.types import Document


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SKIPPED = _names("""
    script style nav template noscript svg head iframe object embed canvas audio video select datalist
    button rt rp dialog -comment -doctype
""")  # rt, rp: readings above Japanese characters, which would tear the words apart
_INLINE = _names("""
    a abbr acronym b bdi bdo big cite code data del dfn em font i img input ins kbd label mark math mi mn mo
    mrow q ruby rb s samp small span strike strong sub sup time tt u var wbr -text
""")
_LINE = _names("ul ol menu li dt dd option caption summary figcaption")  # a line, but no paragraph, of its own
_HEADINGS = {f"h{level}": level for level in range(1, 7)}

_HIDING_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_META_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w:-]{2,40})""", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w:-]{2,40})["']""")
_DECLARED_WITHIN = 4096  # bytes; browsers look at the first 1024
_SPACES = re.compile("[ \t\n\r\f]+")
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]{0,40})")
_UNNESTED = _names("""
    area base br col embed hr img input link meta source track wbr p li dt dd tr td th thead tbody tfoot
    option optgroup colgroup rb rt rp body html head
""")  # void elements, and those whose end is implied by the next of their kind


def read(raw: Raw) -> Document:
    """A .html file."""
    builder = TextBuilder(raw, "html")
    tree = parse(markup(raw), raw)
    walk(tree.body, builder)
    return builder.document(title_of(tree))


def markup(raw: Raw) -> str:
    """The source text, in the encoding its meta element or XML declaration names."""
    head = raw.data[:_DECLARED_WITHIN]
    declared = _XML_ENCODING.search(head) or _META_CHARSET.search(head)
    return decode(raw, declared[1].decode("ascii", "ignore") if declared else "")


def parse(source: str, raw: Raw) -> Any:
    """The element tree, unless the source nests so deeply that building it would take forever."""
    _check_depth(source, raw)
    return LexborHTMLParser(source)


def title_of(tree: Any) -> str:
    """The text of the title element."""
    title = tree.css_first("head title")
    return str(title.text()) if title is not None else ""


def walk(root: Any, builder: TextBuilder) -> None:
    """Add every visible block under `root`."""
    if root is None:
        return
    gatherer = _Gatherer(builder)
    node, entering = root, True
    while True:
        inside = gatherer.enter(node) if entering else True
        if entering and inside and node.first_child is not None:
            node = node.first_child
            continue
        if inside:
            gatherer.leave(node)
        if node.mem_id == root.mem_id:
            break
        entering = node.next is not None
        node = node.next if entering else node.parent
    gatherer.flush()


class _Gatherer:
    """Turns the elements it enters and leaves into the blocks of a text."""

    def __init__(self, builder: TextBuilder) -> None:
        self._builder = builder
        self._inline = ""  # the running line
        self._lines: list[str] = []  # finished lines of the running block
        self._marker = ""  # of the list item that begins
        self._heading = 0
        self._preformatted = 0
        self._cells: list[str] | None = None  # of the running table row

    def enter(self, node: Any) -> bool:
        """Take note of a node; False if nothing under it counts."""
        tag = node.tag or ""
        if tag == "-text":
            self._text(str(node.text(deep=False)))
            return False
        if tag in _SKIPPED or _hidden(node):
            return False
        begin = self._begins.get(tag)
        if begin is not None:
            begin(self, node)
        elif tag in _LINE:
            self._end_line()
        elif tag not in _INLINE and self._cells is None and not self._heading:
            self.flush()
        return True

    def leave(self, node: Any) -> None:
        """Finish what the node began."""
        tag = node.tag or ""
        end = self._ends.get(tag)
        if end is not None:
            end(self)
        elif tag in _LINE:
            self._end_line()
        elif tag not in _INLINE and tag not in _SKIPPED and tag != "br":
            if self._cells is not None or self._heading:
                self._inline += " "
            else:
                self.flush()

    def flush(self) -> None:
        """End the running block."""
        self._end_line()
        self._builder.add("\n".join(self._lines))
        self._lines = []

    def _text(self, text: str) -> None:
        if self._preformatted:
            self._inline += text
            return
        for piece, space in _pieces(text):
            if space and self._inline and not self._inline.endswith((" ", "\n")):
                self._inline += joiner(self._inline, piece or " ") if "\n" in space else " "
            self._inline += piece

    def _end_line(self) -> None:
        if self._cells is not None:
            self._inline += " "
            return
        line = self._inline if self._preformatted else self._inline.strip()
        if line.strip():
            self._lines.append(self._marker + line)
            self._marker = ""
        self._inline = ""

    def _begin_item(self, _: Any) -> None:
        self._end_line()
        self._marker = "- "

    def _end_item(self) -> None:
        self._end_line()
        self._marker = ""

    def _begin_heading(self, node: Any) -> None:
        if self._cells is None:
            self.flush()
            self._heading = _HEADINGS[node.tag]

    def _end_heading(self) -> None:
        if self._heading:
            self._builder.heading(self._inline, self._heading)
            self._inline, self._heading = "", 0

    def _begin_pre(self, _: Any) -> None:
        if self._cells is None:
            self.flush()
        self._preformatted += 1

    def _end_pre(self) -> None:
        if self._cells is None:
            self.flush()
        self._preformatted -= 1

    def _begin_row(self, _: Any) -> None:
        if self._cells is None:
            self._end_line()
            self._cells = []

    def _end_cell(self) -> None:
        if self._cells is not None:
            self._cells.append(" ".join(self._inline.split()))
            self._inline = ""

    def _end_row(self) -> None:
        if self._cells is not None:
            row = CELL.join(self._cells).strip(" |")
            self._cells, self._inline = None, ""
            self._lines += [row] if row else []

    def _break(self, _: Any) -> None:
        if self._cells is not None or self._heading:
            self._inline += " "
        else:
            self._inline = self._inline.rstrip(" ") + "\n"

    def _image(self, node: Any) -> None:
        self._text(f" {node.attributes.get('alt') or ''} ")

    def _row_group(self, _: Any) -> None:
        """thead, tbody and tfoot are neither lines nor blocks: the rows in them are."""

    _begins: dict[str, Callable[[_Gatherer, Any], None]] = {
        "br": _break,
        "img": _image,
        "li": _begin_item,
        "pre": _begin_pre,
        "tr": _begin_row,
        **dict.fromkeys(("thead", "tbody", "tfoot", "td", "th"), _row_group),
        **dict.fromkeys(_HEADINGS, _begin_heading),
    }
    _ends: dict[str, Callable[[_Gatherer], None]] = {
        "li": _end_item,
        "pre": _end_pre,
        "tr": _end_row,
        "td": _end_cell,
        "th": _end_cell,
        **dict.fromkeys(("thead", "tbody", "tfoot"), lambda _: None),
        **dict.fromkeys(_HEADINGS, _end_heading),
    }


def _pieces(text: str) -> list[tuple[str, str]]:
    """The words of a text with the white space before each; a trailing one comes with an empty word."""
    pieces, at = [], 0
    space = ""
    for gap in _SPACES.finditer(text):
        if gap.start() > at:
            pieces.append((text[at : gap.start()], space))
        space, at = gap[0], gap.end()
    if at < len(text) or space:
        pieces.append((text[at:], space))
    return pieces


def _hidden(node: Any) -> bool:
    attributes = node.attributes
    return "hidden" in attributes or bool(_HIDING_STYLE.search(attributes.get("style") or ""))


def _check_depth(source: str, raw: Raw) -> None:
    """An upper bound of how deep elements are open in each other, by counting tags."""
    opened: dict[str, int] = {}
    depth = 0
    for tag in _TAG.finditer(source):
        name = tag[2].lower()
        if name in _UNNESTED:
            continue
        if not tag[1]:
            opened[name] = opened.get(name, 0) + 1
            depth += 1
        elif opened.get(name):
            opened[name] -= 1
            depth -= 1
        if depth > raw.limits.open_tags:
            raise ReadError(f"{raw.name} nests more than {raw.limits.open_tags:,} HTML elements, the limit")
