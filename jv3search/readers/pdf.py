"""PDF: pdfium reads, pypdf helps out where pdfium fails and where right-to-left text reads better its way.

pypdf needs 50 ms a page and more. For right-to-left text it is therefore heard on the first three such
pages; what those say holds for the document.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pypdf
import pypdfium2
import pypdfium2.raw

from jv3search.errors import EmptyDocument, ReadError
from jv3search.readers.pdf_judge import better, right_to_left, shredded
from jv3search.readers.pdf_lines import lines_of, paragraphs, paragraphs_of_text
from jv3search.readers.sandbox.limits import Raw, megabytes
from jv3search.readers.text import TextBuilder, clean, one_line
from jv3search.types import Document

_END_MARK = b"%%EOF"
_END_WITHIN = 65_536  # bytes; mail gateways append things
_TRIALS = 3  # right-to-left pages on which both libraries are heard
_MOST_BOOKMARKS = 5_000


@dataclass(slots=True)
class _Contents:
    """What a library found: the text of every page, the outline as (title, level, page index)."""

    pages: list[str] = field(default_factory=list)
    outline: list[tuple[str, int, int]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    title: str = ""
    notices: list[str] = field(default_factory=list)


def read(raw: Raw) -> Document:
    """A .pdf file with a text layer."""
    if _END_MARK not in raw.data[-_END_WITHIN:]:
        raise ReadError(f"{raw.name} has no end mark (%%EOF): the PDF is truncated")
    try:
        contents = _by_pdfium(raw)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == pypdfium2.raw.FPDF_ERR_PASSWORD:
            raise ReadError(f"{raw.name} is encrypted: it needs a password") from error
        contents = _by_pypdf(raw, str(error))
    return _document(raw, contents)


def _by_pdfium(raw: Raw) -> _Contents:
    contents, budget = _Contents(), raw.limits.text
    with closing(pypdfium2.PdfDocument(raw.data)) as pdf:
        second = _SecondReader(raw)
        for index in range(len(pdf)):
            text = second.opinion(index, _pdfium_page(pdf, index, contents))
            contents.pages.append(text)
            contents.labels.append(_label(pdf, index))
            budget -= len(text)
            if budget < 0:
                limit = megabytes(raw.limits.text)
                raise ReadError(f"{raw.name} has more than {limit} of text, the limit for one document")
        contents.outline = list(_outline(pdf))
        contents.title = pdf.get_metadata_value("Title") or ""
    return contents


def _pdfium_page(pdf: Any, index: int, contents: _Contents) -> str:
    try:
        with closing(pdf[index]) as page, closing(page.get_textpage()) as textpage:
            return paragraphs(lines_of(textpage))
    except pypdfium2.PdfiumError:
        contents.notices.append(f"page {index + 1} is damaged and was left out")
        return ""


def _label(pdf: Any, index: int) -> str:
    """The printed page number, if it is another than the page's own ("iv", "A-3")."""
    label = str(pdf.get_page_label(index) or "")
    return "" if label == str(index + 1) else label


def _outline(pdf: Any) -> Iterator[tuple[str, int, int]]:
    for count, bookmark in enumerate(pdf.get_toc()):
        destination = bookmark.get_dest()
        page = destination.get_index() if destination is not None else None
        if page is not None and count < _MOST_BOOKMARKS:
            yield one_line(bookmark.get_title()), bookmark.level + 1, page


class _SecondReader:
    """pypdf's opinion of a page, heard where pdfium's text is in shreds or runs from right to left."""

    def __init__(self, raw: Raw) -> None:
        self._raw = raw
        self._reader: pypdf.PdfReader | None = None
        self._votes: list[bool] = []  # of right-to-left pages: was pypdf better?

    def opinion(self, index: int, text: str) -> str:
        """The better text of page `index`, `text` being pdfium's."""
        if right_to_left(text):
            return self._right_to_left(index, text)
        return self._page(index) or text if shredded(text) else text

    def _right_to_left(self, index: int, text: str) -> str:
        if len(self._votes) < _TRIALS:
            other = self._page(index)
            self._votes.append(bool(other) and better(text, other))
            return other if self._votes[-1] else text
        return self._page(index) or text if sum(self._votes) > _TRIALS / 2 else text

    def _page(self, index: int) -> str:
        try:
            if self._reader is None:
                self._reader = pypdf.PdfReader(io.BytesIO(self._raw.data))
            return paragraphs_of_text(self._reader.pages[index].extract_text())
        except MemoryError:
            raise
        except Exception:  # a second opinion that cannot be had; pypdf throws anything at odd files
            return ""


def _by_pypdf(raw: Raw, why: str) -> _Contents:
    """The whole document by pypdf, after pdfium refused it."""
    try:
        reader = pypdf.PdfReader(io.BytesIO(raw.data))
        if not reader.is_encrypted:
            pages = [paragraphs_of_text(page.extract_text()) for page in reader.pages]
            title = str(reader.metadata.title or "") if reader.metadata else ""
            return _Contents(pages, title=title, notices=["pdfium could not open it; read by pypdf"])
    except MemoryError:
        raise
    except Exception as error:
        reason = f"pdfium: {why}; pypdf: {type(error).__name__}: {error}"
        raise ReadError(f"{raw.name} is damaged or not a PDF ({reason[:300]})") from error
    raise ReadError(f"{raw.name} is encrypted: it needs a password")


def _document(raw: Raw, contents: _Contents) -> Document:
    count, blank = len(contents.pages), sum(not text.strip() for text in contents.pages)
    if not count:
        raise ReadError(f"{raw.name} is damaged: it has no pages")
    if blank == count:
        plural = "page" if count == 1 else "pages"
        raise EmptyDocument(
            f"{raw.name} has {count} {plural} but no text layer: run OCR (e.g. ocrmypdf) over it first"
        )
    builder = TextBuilder(raw, "pdf")
    builder.notices += contents.notices
    if blank:
        builder.notices.append(f"{blank} of {count} pages have no text (scanned?)")
    labels = contents.labels or [""] * count
    by_page: dict[int, list[tuple[str, int]]] = {}
    for title, level, index in contents.outline:
        by_page.setdefault(index, []).append((title, level))
    for index, (text, label) in enumerate(zip(contents.pages, labels, strict=True)):
        builder.page(label)
        _add_page(builder, text, by_page.get(index, []))
    return builder.document(contents.title)


def _add_page(builder: TextBuilder, text: str, bookmarks: list[tuple[str, int]]) -> None:
    """One page; its bookmarks begin sections where their titles stand, or else at the page's start."""
    text = clean(text).strip("\n")
    span = builder.add(text)
    if span is None:
        return
    folded, found = text.casefold(), 0
    at_home = len(folded) == len(text)  # some letters change their length when folded
    for title, level in bookmarks:
        at = folded.find(title.casefold(), found) if at_home and title else -1
        found = max(found, at)
        builder.mark(title, level, span.start + min(found, len(span)))
