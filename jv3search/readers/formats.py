"""Formats: which reader a file gets. Content decides where it is certain, the suffix where it is not.

Certain are PDF, the zip-based office formats, EPUB and old Office files: they are taken for what they
are under any name. Plain-text formats cannot be told from each other by content, so for them the suffix
counts, and a file that is evidently binary is refused under a text suffix.
"""

from __future__ import annotations

from pathlib import PurePosixPath

import filetype

from jv3search.errors import ReadError, UnsupportedFormat

_HERE = "jv3search.readers"

READERS = {
    "csv": f"{_HERE}.delimited:read",
    "docx": f"{_HERE}.docx:read",
    "eml": f"{_HERE}.message:read",
    "epub": f"{_HERE}.epub:read",
    "html": f"{_HERE}.html:read",
    "json": f"{_HERE}.json_records:read",
    "jsonl": f"{_HERE}.json_records:read_lines",
    "md": f"{_HERE}.markdown:read",
    "odp": f"{_HERE}.opendocument:read",
    "ods": f"{_HERE}.spreadsheet:read_ods",
    "odt": f"{_HERE}.opendocument:read",
    "pdf": f"{_HERE}.pdf:read",
    "pptx": f"{_HERE}.pptx:read",
    "rst": f"{_HERE}.restructuredtext:read",
    "srt": f"{_HERE}.subtitles:read",
    "tsv": f"{_HERE}.delimited:read",
    "txt": f"{_HERE}.plain:read",
    "vtt": f"{_HERE}.subtitles:read_vtt",
    "xls": f"{_HERE}.spreadsheet:read_xls",
    "xlsx": f"{_HERE}.spreadsheet:read",
}
"""Format -> "module:function"; a module is imported when the first file of its format is read."""

SUFFIXES = {f".{fmt}": fmt for fmt in READERS} | {
    ".htm": "html",
    ".log": "txt",
    ".markdown": "md",
    ".ndjson": "jsonl",
    ".rest": "rst",
    ".tab": "tsv",
    ".text": "txt",
    ".webvtt": "vtt",
    ".xhtml": "html",
    ".xlsm": "xlsx",
}
"""File name suffix, lower case -> format."""

TEXT_FORMATS = frozenset({"csv", "eml", "html", "json", "jsonl", "md", "rst", "srt", "tsv", "txt", "vtt"})

EDGE = 1_000_000  # bytes at either end that are enough to know a format by

_ZIP = b"PK\x03\x04"
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")  # Office before 2007, and encrypted Office of any year
_PDF_HEADER_WITHIN = 1024  # bytes of junk before %PDF- that every viewer accepts

_ZIP_MARKS = (  # what a zip has to mention to be of a format; the first match counts
    (b"mimetypeapplication/epub+zip", "epub"),
    (b"mimetypeapplication/vnd.oasis.opendocument.text", "odt"),
    (b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "ods"),
    (b"mimetypeapplication/vnd.oasis.opendocument.presentation", "odp"),
    (b"word/document", "docx"),
    (b"ppt/presentation", "pptx"),
    (b"xl/workbook", "xlsx"),
    (b"META-INF/container.xml", "epub"),
)
_ZIP_FORMATS = frozenset(fmt for _, fmt in _ZIP_MARKS)


def format_by_content(name: str, head: bytes, tail: bytes) -> str:
    """The format of a file from its name and its first and last EDGE bytes."""
    suffix = PurePosixPath(name).suffix.lower()
    named = SUFFIXES.get(suffix, "")
    certain = _certain(name, named, head, tail)
    if certain:
        return certain
    if named in TEXT_FORMATS:
        _refuse_binary(name, head)
        return named
    if named:
        raise UnsupportedFormat(f"{name} is named {suffix} but {_looks(head)}, not a {named} file")
    kind = f"files named *{suffix}" if suffix else "a file without a suffix"
    raise UnsupportedFormat(f"{name}: no reader for {kind} ({_looks(head)}); known: {known_suffixes()}")


def known_suffixes() -> str:
    """Every suffix with a reader, for a message."""
    return " ".join(sorted(suffix.removeprefix(".") for suffix in SUFFIXES))


def _certain(name: str, named: str, head: bytes, tail: bytes) -> str:
    within = _PDF_HEADER_WITHIN if named == "pdf" else 0
    if head.startswith(b"%PDF-") or b"%PDF-" in head[:within]:
        return "pdf"
    if head.startswith(_ZIP):
        return _zip_format(named, head, tail)
    if head.startswith(_OLE):
        return _ole_format(name, head + tail)
    return ""


def _zip_format(named: str, head: bytes, tail: bytes) -> str:
    for mark, fmt in _ZIP_MARKS:
        if mark in head[:4096] or mark in tail:
            return fmt
    damaged = b"PK\x05\x06" not in tail  # no end record: its reader will say that better than we can
    sloppy = b"content.xml" in tail and named.startswith("od")  # OpenDocument with a packed mimetype
    return named if named in _ZIP_FORMATS and (damaged or sloppy) else ""


def _ole_format(name: str, data: bytes) -> str:
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise ReadError(f"{name} is encrypted: it needs a password")
    if "WordDocument".encode("utf-16-le") in data:
        raise UnsupportedFormat(f"{name} is a Word 97-2003 document: save it as .docx")
    if "PowerPoint Document".encode("utf-16-le") in data:
        raise UnsupportedFormat(f"{name} is a PowerPoint 97-2003 presentation: save it as .pptx")
    if any(mark.encode("utf-16-le") in data for mark in ("Workbook", "Book")):
        return "xls"
    raise UnsupportedFormat(f"{name} is an old Office file of an unknown kind")


def _refuse_binary(name: str, head: bytes) -> None:
    """Magic numbers alone are not enough: a text that begins with "BMW" is no BMP image."""
    kind = filetype.guess(head)
    controls = sum(head[:4096].count(byte) for byte in range(9))
    if kind is not None and controls:
        raise UnsupportedFormat(f"{name} {_looks(head)}, not text")


def _looks(head: bytes) -> str:
    kind = filetype.guess(head)
    if kind is None:
        return "looks like plain text" if b"\0" not in head else "looks like binary data"
    category, _, sub = str(kind.mime).partition("/")
    what = f"a {sub.removeprefix('x-').upper()} {category}" if category != "application" else f"{kind.mime}"
    return f"looks like {what}"
