"""Markdown: what it says without its marks; links become their text, tables rows, code stays as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from jv3search.errors import ReadError
from jv3search.readers import html
from jv3search.readers.delimited import CELL
from jv3search.readers.encoding import decode
from jv3search.readers.sandbox.limits import Raw
from jv3search.readers.text import TextBuilder, joiner, one_line
from jv3search.types import Document

_DEEPEST = 100  # the preset's 20 is reached by ten lists in each other
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:[ \t]*(.+)$", re.MULTILINE)


def read(raw: Raw) -> Document:
    """A .md file: CommonMark with tables and struck-out text; front matter is kept as a block."""
    source = decode(raw).replace("\r\n", "\n").replace("\r", "\n")
    builder = TextBuilder(raw, "md")
    title = ""
    front = _FRONT_MATTER.match(source)
    if front:
        named = _FRONT_TITLE.search(front[1])
        title = named[1].strip().strip("\"'") if named else ""
        builder.add(front[1])
        source = source[front.end() :]
    parser = MarkdownIt("commonmark", {"maxNesting": _DEEPEST}).enable(["table", "strikethrough"])
    tokens = parser.parse(source)
    if any(token.level >= _DEEPEST - 1 for token in tokens):  # what lies deeper is dropped without a word
        raise ReadError(f"{raw.name} nests lists and quotations more than {_DEEPEST} levels deep")
    _Walk(builder, raw).over(tokens)
    return builder.document(title)


class _Walk:
    """Follows the flat list of markdown-it's tokens; a list or table becomes one block of lines."""

    def __init__(self, builder: TextBuilder, raw: Raw) -> None:
        self._builder = builder
        self._raw = raw
        self._heading = 0
        self._numbers: list[int | None] = []  # one entry an open list: the next number, or None for bullets
        self._marker = ""  # of the list item that begins
        self._lines: list[str] = []
        self._cells: list[str] | None = None

    def over(self, tokens: Sequence[Token]) -> None:
        """Add every block."""
        for token in tokens:
            step = getattr(self, f"_on_{token.type}", None)
            if step is not None:
                step(token)

    def _on_heading_open(self, token: Token) -> None:
        self._heading = int(token.tag[1])

    def _on_heading_close(self, _: Token) -> None:
        self._heading = 0

    def _on_inline(self, token: Token) -> None:
        text = _inline(token.children or [])
        if self._cells is not None:
            self._cells.append(one_line(text))
        elif self._heading and not self._numbers:
            self._builder.heading(text, self._heading)
        else:
            self._block(text)

    def _on_fence(self, token: Token) -> None:
        self._block(token.content)

    _on_code_block = _on_fence

    def _on_html_block(self, token: Token) -> None:
        tree = html.parse(token.content, self._raw)
        if self._numbers:
            self._block(tree.body.text() if tree.body else "")
        else:
            html.walk(tree.body, self._builder)

    def _on_bullet_list_open(self, _: Token) -> None:
        self._numbers.append(None)

    def _on_ordered_list_open(self, token: Token) -> None:
        self._numbers.append(int(token.attrGet("start") or 1))

    def _on_list_item_open(self, _: Token) -> None:
        number = self._numbers[-1]
        self._marker = "- " if number is None else f"{number}. "
        if number is not None:
            self._numbers[-1] = number + 1

    def _on_bullet_list_close(self, _: Token) -> None:
        self._numbers.pop()
        if not self._numbers:
            self._builder.add("\n".join(self._lines))
            self._lines = []

    _on_ordered_list_close = _on_bullet_list_close

    def _on_tr_open(self, _: Token) -> None:
        self._cells = []

    def _on_tr_close(self, _: Token) -> None:
        self._lines.append(CELL.join(self._cells or []))
        self._cells = None

    def _on_table_close(self, _: Token) -> None:
        if not self._numbers:
            self._builder.add("\n".join(self._lines))
            self._lines = []

    def _block(self, text: str) -> None:
        if not self._numbers:
            self._builder.add(text)
            return
        indent = "  " * (len(self._numbers) - 1)
        self._lines.append(indent + self._marker + text.strip("\n"))
        self._marker = "  " if self._marker else ""


def _inline(children: Sequence[Token]) -> str:
    text = ""
    for index, token in enumerate(children):
        if token.type in ("text", "code_inline", "image"):
            text += token.content
        elif token.type == "softbreak":
            following = children[index + 1].content if index + 1 < len(children) else ""
            text += joiner(text, following)
        elif token.type == "hardbreak" or (token.type == "html_inline" and token.content.startswith("<br")):
            text += "\n"
    return text
