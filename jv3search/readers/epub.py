"""EPUB: the chapters in the order of the book's spine, titles from its navigation where a chapter has none."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from defusedxml.ElementTree import fromstring

from jv3search.errors import ReadError
from jv3search.readers.archive import Archive
from jv3search.readers.html import markup, parse, title_of, walk
from jv3search.readers.sandbox.limits import Raw
from jv3search.readers.text import TextBuilder
from jv3search.types import Document

_CONTAINER = "META-INF/container.xml"
_LOCKED = "META-INF/encryption.xml"  # fonts may be obfuscated with it, chapters are locked with it
_PAGE_TYPES = ("application/xhtml+xml", "text/html")


def read(raw: Raw) -> Document:
    """A .epub file; DRM-locked chapters cannot be read."""
    archive = Archive(raw)
    book = archive_root = _package_path(archive, raw)
    package = fromstring(archive.read(book))
    folder = posixpath.dirname(archive_root)
    items = {item.get("id"): item for item in package.iterfind(".//{*}manifest/{*}item")}
    builder = TextBuilder(raw, "epub")
    locked = _locked_paths(archive)
    for reference in package.iterfind(".//{*}spine/{*}itemref"):
        item = items.get(reference.get("idref"))
        if item is None or item.get("media-type") not in _PAGE_TYPES:
            continue
        path = posixpath.normpath(posixpath.join(folder, unquote(item.get("href", ""))))
        if path in locked:
            raise ReadError(f"{raw.name} is protected (DRM): its chapters are encrypted")
        if "nav" not in (item.get("properties") or "").split():
            _add_chapter(archive, path, raw, builder)
    return builder.document(_title(package))


def _package_path(archive: Archive, raw: Raw) -> str:
    root = fromstring(archive.read(_CONTAINER)).find(".//{*}rootfile")
    if root is None or not root.get("full-path"):
        raise ReadError(f"{raw.name}: {_CONTAINER} names no book")
    return str(root.get("full-path"))


def _add_chapter(archive: Archive, path: str, raw: Raw, builder: TextBuilder) -> None:
    if path not in archive:
        builder.notices.append(f"chapter {path} is missing from the book")
        return
    part = replace(raw, data=archive.read(path), name=f"{raw.name}/{path}")
    if not part.data:
        return
    tree = parse(markup(part), part)
    builder.end_section()
    if tree.body is not None and tree.body.css_first("h1, h2, h3, h4, h5, h6") is None:
        builder.heading(title_of(tree), 1)
    walk(tree.body, builder)


def _locked_paths(archive: Archive) -> set[str]:
    if _LOCKED not in archive:
        return set()
    tree = fromstring(archive.read(_LOCKED))
    return {unquote(reference.get("URI", "")) for reference in tree.iterfind(".//{*}CipherReference")}


def _title(package: Any) -> str:
    title = package.find(".//{http://purl.org/dc/elements/1.1/}title")
    return "".join(title.itertext()) if title is not None else ""
