"""Spreadsheets (xlsx, xls, ods) by calamine: a page a sheet, a line a row, empty cells left out."""

from __future__ import annotations

import datetime
import io

from defusedxml.ElementTree import fromstring
from python_calamine import CalamineWorkbook, PasswordError, SheetTypeEnum

from jv3search.errors import ReadError
from jv3search.readers.archive import Archive
from jv3search.readers.delimited import CELL
from jv3search.readers.sandbox.limits import Raw
from jv3search.readers.text import TextBuilder, one_line
from jv3search.types import Document

_BATCH = 1_000  # rows a block, so that a long sheet meets the text limit early


def read(raw: Raw) -> Document:
    """A .xlsx file."""
    archive = Archive(raw)
    archive.verify()
    return _document(raw, "xlsx", _title(archive, "docProps/core.xml"))


def read_ods(raw: Raw) -> Document:
    """An OpenDocument spreadsheet."""
    archive = Archive(raw)
    archive.verify()
    return _document(raw, "ods", _title(archive, "meta.xml"))


def read_xls(raw: Raw) -> Document:
    """A .xls file of Excel 97 to 2003."""
    return _document(raw, "xls")


def _title(archive: Archive, part: str) -> str:
    """The title among a package's properties, which calamine leaves alone."""
    found = (
        fromstring(archive.read(part)).find(".//{http://purl.org/dc/elements/1.1/}title")
        if part in archive
        else None
    )
    return "".join(found.itertext()) if found is not None else ""


def _document(raw: Raw, fmt: str, title: str = "") -> Document:
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(raw.data))
    except PasswordError as error:
        raise ReadError(f"{raw.name} is encrypted: it needs a password") from error
    builder = TextBuilder(raw, fmt)
    filled = 0
    for sheet in book.sheets_metadata:
        if sheet.typ == SheetTypeEnum.WorkSheet:
            filled += _add_sheet(book, sheet.name, builder)
    if not filled:
        return TextBuilder(raw, fmt).document(empty="has no cell with a value in it")
    return builder.document(title)


def _add_sheet(book: CalamineWorkbook, name: str, builder: TextBuilder) -> bool:
    """One page headed by the sheet's name; whether it held anything."""
    builder.page(name)
    lines: list[str] = []
    begun = False
    for row in book.get_sheet_by_name(name).iter_rows():
        line = CELL.join(filter(None, map(_shown, row)))
        if not line:
            continue
        if not begun:
            builder.heading(name, 1)
            begun = True
        lines.append(line)
        if len(lines) == _BATCH:
            builder.add("\n".join(lines))
            lines = []
    builder.add("\n".join(lines))
    return begun


def _shown(value: object) -> str:
    """A cell as a person would see it."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ").removesuffix(" 00:00:00")
    return one_line(str(value))
