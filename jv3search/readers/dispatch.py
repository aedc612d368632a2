"""Dispatch: from the bytes of a file to its Document, by the reader its format has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module

from jv3search.errors import EmptyDocument, ReadError
from jv3search.readers.formats import EDGE, READERS, format_by_content
from jv3search.readers.picture import PageImage, PageWanted
from jv3search.readers.sandbox.limits import Raw
from jv3search.types import Document


def read(raw: Raw) -> Document:
    """The document in `raw`; whatever a parser throws comes out as a ReadError that names the file."""
    if not raw.data:
        raise EmptyDocument(f"{raw.name} is empty (0 bytes)")
    fmt = format_by_content(raw.name, raw.data[:EDGE], raw.data[-EDGE:])
    with _as_read_errors(raw, fmt):
        return _reader(fmt)(raw)


def render(raw: Raw, page: PageWanted) -> PageImage:
    """A page of the document in `raw`, drawn; only PDF has any."""
    if format_by_content(raw.name, raw.data[:EDGE], raw.data[-EDGE:]) != "pdf":
        raise ReadError(f"{raw.name} is not a PDF, so no pages can be drawn")
    with _as_read_errors(raw, "pdf"):
        return import_module("jv3search.readers.pdf_page").render(raw, page)  # type: ignore[no-any-return]


@contextmanager
def _as_read_errors(raw: Raw, fmt: str) -> Iterator[None]:
    try:
        yield
    except (ReadError, MemoryError):
        raise
    except RecursionError as error:
        raise ReadError(f"{raw.name} is nested too deeply to be read as {fmt}") from error
    except Exception as error:  # parsers throw anything at damaged input: ValueError, KeyError, ...
        reason = f"{type(error).__name__}: {error}"[:300]
        raise ReadError(f"{raw.name} cannot be read as {fmt}, it may be damaged ({reason})") from error


def _reader(fmt: str) -> Callable[[Raw], Document]:
    module, function = READERS[fmt].split(":")
    reader: Callable[[Raw], Document] = getattr(import_module(module), function)
    return reader
