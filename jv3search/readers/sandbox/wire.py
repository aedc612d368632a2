"""The wire between the door and its child: JSON in length-framed messages, never pickle.

The child may have been taken over by a hostile document, so what it answers is checked like any input.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from jv3search.errors import EmptyDocument, ReadError, UnsupportedFormat
from jv3search.readers.picture import Box, PageImage, PageWanted
from jv3search.readers.sandbox.limits import Limits, Raw
from jv3search.types import Document, Page, Section, text_value, whole_number

Made = TypeVar("Made")

HEADER = struct.Struct(">QQ")  # bytes of JSON, bytes of data behind it

OUT_OF_MEMORY = 77
"""The child's exit status when Python itself could get no more memory."""

_PNG = b"\x89PNG\r\n\x1a\n"

_ERRORS = {error.__name__: error for error in (ReadError, UnsupportedFormat, EmptyDocument)}


def request(raw: Raw, page: PageWanted | None = None) -> bytes:
    """A document to be read, or a page of it to be drawn."""
    note = {"name": raw.name, "limits": asdict(raw.limits), "page": asdict(page) if page else None}
    return frame(note, raw.data)


def raw_of(note: dict[str, Any], data: bytes) -> Raw:
    """The request as the child sees it."""
    return Raw(data, note["name"], Limits(**note["limits"]))


def page_of(note: dict[str, Any]) -> PageWanted | None:
    """The page that a request wants drawn; None if the document is to be read."""
    page = note["page"]
    return PageWanted(page["number"], page["width"], tuple(page["passages"])) if page else None


def frame(note: dict[str, Any], data: bytes = b"") -> bytes:
    """One message: header, JSON, data."""
    body = json.dumps(note, ensure_ascii=False).encode("utf-8", "replace")
    return HEADER.pack(len(body), len(data)) + body + data


def document_note(document: Document) -> dict[str, Any]:
    """The answer that carries a document."""
    return {
        "text": document.text,
        "title": document.title,
        "format": document.format,
        "pages": [page.as_row() for page in document.pages],
        "sections": [section.as_row() for section in document.sections],
        "notices": list(document.notices),
    }


def image_note(image: PageImage) -> dict[str, Any]:
    """The answer that goes before the bytes of a page's image."""
    boxes = [[[b.left, b.top, b.right, b.bottom] for b in lines] for lines in image.boxes]
    return {"width": image.width, "height": image.height, "boxes": boxes}


def error_note(error: ReadError) -> dict[str, Any]:
    """The answer that carries an error."""
    return {"error": type(error).__name__, "message": str(error)}


def answer(body: bytes) -> Document:
    """The document in the child's answer, or its error raised here."""
    return _checked(body, _document)


def image_answer(body: bytes, png: bytes) -> PageImage:
    """The page in the child's answer, or its error raised here."""
    return _checked(body, lambda note: _image(note, png))


def _checked(body: bytes, made: Callable[[dict[str, Any]], Made]) -> Made:
    try:
        note = json.loads(body)
        if "error" not in note:
            return made(note)
        error = _ERRORS[note["error"]](str(note["message"])[:2000])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise ReadError(f"the parser's answer is invalid ({type(fault).__name__})") from fault
    raise error


def _image(note: dict[str, Any], png: bytes) -> PageImage:
    if not png.startswith(_PNG):
        raise ValueError("no PNG")
    boxes = tuple(tuple(Box(*map(float, box)) for box in lines) for lines in note["boxes"])
    return PageImage(png, whole_number(note["width"]), whole_number(note["height"]), boxes)


def _document(note: dict[str, Any]) -> Document:
    return Document(
        text=text_value(note["text"]),
        title=text_value(note["title"]),
        format=text_value(note["format"]),
        pages=tuple(Page.from_row(row) for row in note["pages"]),
        sections=tuple(Section.from_row(row) for row in note["sections"]),
        notices=tuple(text_value(notice) for notice in note["notices"]),
    )
