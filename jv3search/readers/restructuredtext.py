"""reStructuredText: docutils' tree as text; nothing is included, nothing raw, Sphinx's marks are unwrapped."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from docutils import nodes
from docutils.core import publish_doctree

from jv3search.readers.delimited import CELL
from jv3search.readers.encoding import decode
from jv3search.readers.sandbox.limits import Raw
from jv3search.readers.text import TextBuilder, join_lines, one_line
from jv3search.types import Document

_SETTINGS = {
    "_disable_config": True,  # no docutils.conf of the current folder
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "report_level": 5,
    "halt_level": 5,
    "warning_stream": False,
    "input_encoding": "unicode",
    "doctitle_xform": False,
    "line_length_limit": 1_000_000,
}
_ROLE = re.compile(r":[\w.+:-]+:`(?:([^`<]*?)\s*<[^`>]*>|~?([^`<]*))`")
_DIRECTIVE = re.compile(r"^\s*\.\. [\w:-]+::[ \t]*")
_OPTION = re.compile(r"^\s*:[\w-]+:.*$", re.MULTILINE)


def read(raw: Raw) -> Document:
    """A .rst file."""
    builder = TextBuilder(raw, "rst")
    tree = publish_doctree(decode(raw), source_path=None, settings_overrides=_SETTINGS)
    _children(tree, builder, 0)
    return builder.document()


def _children(node: Any, builder: TextBuilder, level: int) -> None:
    for child in node.children:
        _block(child, builder, level)


def _block(node: Any, builder: TextBuilder, level: int) -> None:
    if isinstance(node, nodes.section):
        _children(node, builder, level + 1)
    elif isinstance(node, nodes.title) and isinstance(node.parent, nodes.section):
        builder.heading(_plain(node), level)
    elif isinstance(node, _SILENT):
        return
    else:
        text = next((text_of(node) for kind, text_of in _LEAVES if isinstance(node, kind)), None)
        if text is None:
            _children(node, builder, level)
        else:
            builder.add(text)


def _plain(node: Any) -> str:
    """A paragraph's text on one line, roles that only Sphinx knows unwrapped."""
    text = _ROLE.sub(lambda role: role[1] or role[2] or "", node.astext())
    return join_lines(text.split("\n"))


def _items(node: Any, indent: str) -> list[str]:
    lines = []
    numbered = isinstance(node, nodes.enumerated_list)
    for number, item in enumerate(node.children, start=int(node.get("start", 1))):
        marker = f"{number}. " if numbered else "- "
        for child in item.children:
            if isinstance(child, nodes.bullet_list | nodes.enumerated_list):
                lines += _items(child, indent + "  ")
            else:
                lines.append(indent + marker + _plain(child))
            marker = "  "
    return lines


def _row(row: Any) -> str:
    return CELL.join(one_line(_plain(cell)) for cell in row.children)


def _unknown(message: Any) -> str:
    """What stands in a directive that docutils does not know, such as Sphinx's versionadded."""
    blocks = list(message.findall(nodes.literal_block))
    if not blocks or "Unknown directive" not in message.astext():
        return ""
    body = _OPTION.sub("", _DIRECTIVE.sub("", blocks[0].astext()))
    lines = (line.strip() for line in body.split("\n"))
    return _ROLE.sub(lambda role: role[1] or role[2] or "", "\n".join(line for line in lines if line))


_SILENT = (nodes.comment, nodes.substitution_definition, nodes.target)
_LEAVES: tuple[tuple[Any, Callable[[Any], str]], ...] = (  # the first kind a node is of counts
    (nodes.system_message, _unknown),
    (nodes.table, lambda table: "\n".join(_row(row) for row in table.findall(nodes.row))),
    (nodes.bullet_list | nodes.enumerated_list, lambda items: "\n".join(_items(items, ""))),
    (nodes.literal_block | nodes.line_block | nodes.doctest_block, lambda block: str(block.astext())),
    (nodes.TextElement, _plain),
)
