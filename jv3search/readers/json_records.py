"""JSON and JSON lines: every value on a line behind its dotted key, every record a block of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from jv3search.errors import ReadError
from jv3search.readers.encoding import decode
from jv3search.readers.sandbox.limits import Raw
from jv3search.readers.text import TextBuilder
from jv3search.types import Document

_TITLE_KEYS = ("title", "name", "subject")


def read(raw: Raw) -> Document:
    """A .json file; a list at the top is a list of records."""
    value = _load(decode(raw), raw.name)
    records = value if isinstance(value, list) else [value]
    return _document(raw, "json", records)


def read_lines(raw: Raw) -> Document:
    """A .jsonl file: one record a line."""
    lines = enumerate(decode(raw).split("\n"), start=1)
    records = [_load(line, f"{raw.name}, line {number}") for number, line in lines if line.strip()]
    return _document(raw, "jsonl", records)


def _document(raw: Raw, fmt: str, records: list[Any]) -> Document:
    builder = TextBuilder(raw, fmt)
    for record in records:
        builder.add("\n".join(_lines(record)))
    title = _title(records[0]) if len(records) == 1 else ""
    return builder.document(title)


def _load(text: str, where: str) -> Any:
    try:  # numbers stay as they are written: 1.10 is a version, not 1.1
        return json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        raise ReadError(f"{where} is not valid JSON: {error}") from error


def _lines(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _lines(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _lines(inner, key)
    elif value is not None and value != "":
        shown = value if isinstance(value, str) else json.dumps(value)
        yield f"{key}: {shown}" if key else shown


def _title(record: Any) -> str:
    if not isinstance(record, dict):
        return ""
    titles = (record.get(key) for key in _TITLE_KEYS)
    return next((title for title in titles if isinstance(title, str) and title.strip()), "")
