"""One text for a whole document: blocks are added in reading order, pages and sections become spans.

Blocks stand apart by an empty line. A page spans its first to its last character. A section spans
from its heading to the start of the next heading of any level, or to where `end_section` was called.
Characters are kept as they are; only what neither UTF-8 nor a database can hold is taken out.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from jv3search.errors import EmptyDocument, ReadError
from jv3search.readers.sandbox.limits import Raw, megabytes
from jv3search.types import Document, Page, Section, Span

_BREAKS = re.compile("\r\n?|[\x0b\x0c]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_PARAGRAPH = "\n\n"

_MEANINGLESS_TITLES = re.compile(
    r"(untitled|unbenannt|sans titre|document|title|powerpoint presentation|slide|page|layout|book)[\s\d]*"
    r"|(microsoft (office )?(word|powerpoint|excel)\b.*)"
    r"|[^\s]+\.(docx?|pptx?|xlsx?|odt|indd|tex|dvi|html?|pdf|rtf|txt|qxd)"
    r"|[\W_]*",
    re.IGNORECASE,
)
_TITLE_LENGTH = 300  # longer ones are somebody's abstract


def clean(text: str) -> str:
    """The text without NUL and other controls, with \\n line ends; a lone surrogate becomes U+FFFD."""
    text = _CONTROLS.sub("", _BREAKS.sub("\n", text))
    return _SURROGATES.sub("\ufffd", text)


def one_line(text: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(clean(text).split())


def stem(name: str) -> str:
    """A file's name without folder and suffix, as a title of last resort."""
    return one_line(PurePosixPath(name.replace("\\", "/")).stem) or "document"


class TextBuilder:
    """Collects the blocks of one document and keeps count of where they went."""

    def __init__(self, raw: Raw, fmt: str) -> None:
        self._raw = raw
        self._format = fmt
        self._parts: list[str] = []
        self._length = 0  # characters
        self._bytes = 0  # of UTF-8
        self._pages: list[Page] = []
        self._open_page: tuple[int | None, str] | None = None  # start once known, label
        self._sections: list[Section] = []
        self._open_section: tuple[str, int, int] | None = None  # title, level, start
        self.notices: list[str] = []

    def add(self, text: str) -> Span | None:
        """Append one block; a blank one leaves no trace."""
        block = clean(text).strip("\n").rstrip()
        if not block.strip():
            return None
        if self._parts:
            self._append(_PARAGRAPH)
        start = self._length
        self._append(block)
        if self._open_page and self._open_page[0] is None:
            self._open_page = (start, self._open_page[1])
        return Span(start, self._length)

    def heading(self, title: str, level: int) -> None:
        """Append a heading: it closes the section before it and opens its own."""
        span = self.add(one_line(title))
        if span is not None:
            self.end_section(span.start)
            self._open_section = (one_line(title), max(1, level), span.start)

    def end_section(self, at: int | None = None) -> None:
        """Close the open section, so that what follows belongs to no heading."""
        if self._open_section is not None:
            title, level, start = self._open_section
            end = self._length if at is None else at
            self._sections.append(Section(title, level, Span(start, end)))
            self._open_section = None

    def page(self, label: str = "") -> None:
        """Begin the next page; a page without text keeps its number and an empty span."""
        self.end_page()
        self._open_page = (None, one_line(label))

    def end_page(self) -> None:
        """Close the open page, so that what follows belongs to no page."""
        if self._open_page is not None:
            start, label = self._open_page
            start = self._length if start is None else start
            self._pages.append(Page(len(self._pages) + 1, Span(start, self._length), label))
            self._open_page = None

    def mark(self, title: str, level: int, start: int) -> None:
        """Record a heading whose text has been added already; starts must not go back."""
        self.end_section(start)
        self._open_section = (one_line(title), max(1, level), start)

    def embed(self, inner: Document, *, level: int) -> None:
        """Append another document's text; its sections come along, `level` steps deeper."""
        self.notices.extend(inner.notices)
        span = self.add(inner.text)
        if span is None:
            return
        for section in inner.sections:
            shifted = Span(section.span.start + span.start, section.span.end + span.start)
            self.end_section(shifted.start)
            self._sections.append(Section(section.title, section.level + level, shifted))

    def document(self, title: str = "", *, empty: str = "has no text") -> Document:
        """The finished document; `title` is what its metadata says, `empty` why there may be no text."""
        self.end_page()
        self.end_section()
        if not self._parts:
            raise EmptyDocument(f"{self._raw.name} {empty}")
        return Document(
            text="".join(self._parts),
            title=self._title(one_line(title)),
            format=self._format,
            pages=tuple(self._pages),
            sections=tuple(self._sections),
            notices=tuple(one_line(notice) for notice in self.notices),
        )

    def _title(self, declared: str) -> str:
        headings = [section.title for section in self._sections[:1]]
        for title in (declared, *headings):
            if len(title) <= _TITLE_LENGTH and not _MEANINGLESS_TITLES.fullmatch(title):
                return title
        return stem(self._raw.name)

    def _append(self, text: str) -> None:
        self._bytes += len(text.encode())
        if self._bytes > self._raw.limits.text:
            limit = megabytes(self._raw.limits.text)
            raise ReadError(f"{self._raw.name} has more than {limit} of text, the limit for one document")
        self._parts.append(text)
        self._length += len(text)


_JOINED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3000-\u312f\u31a0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]"
)


def joiner(before: str, after: str) -> str:
    """What stands between two lines of one paragraph: nothing in Han, kana and Thai, else a space."""
    unspaced = before and after and _JOINED.match(before[-1]) and _JOINED.match(after[0])
    return "" if unspaced else " "


def join_lines(lines: list[str]) -> str:
    """One paragraph from its lines; a soft hyphen at a line's end disappears."""
    text = ""
    for line in (line.strip() for line in lines):
        if not line:
            continue
        if text.endswith("\u00ad"):
            text = text[:-1] + line
        else:
            text += (joiner(text, line) if text else "") + line
    return text
