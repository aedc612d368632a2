"""CSV and TSV: a row a line, its cells apart by " | "."""

from __future__ import annotations

import csv
import io
from collections import Counter

from jv3search.readers.encoding import decode
from jv3search.readers.sandbox.limits import Raw
from jv3search.readers.text import TextBuilder, one_line
from jv3search.types import Document

CELL = " | "

_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 50


def read(raw: Raw) -> Document:
    """A .csv or .tsv file; the delimiter is the one that cuts the first lines most evenly."""
    text = decode(raw)
    builder = TextBuilder(raw, "tsv" if raw.name.lower().endswith((".tsv", ".tab")) else "csv")
    csv.field_size_limit(raw.limits.text)
    rows = csv.reader(io.StringIO(text.replace("\0", ""), newline=""), delimiter=_delimiter(text))
    builder.add("\n".join(line for line in map(row_line, rows) if line))
    return builder.document()


def row_line(cells: list[str]) -> str:
    """One row as one line; empty cells at either end are left out."""
    return CELL.join(one_line(cell) for cell in cells).strip(" |")


def _delimiter(text: str) -> str:
    lines = [line for line in text[:100_000].splitlines() if line.strip()][:_SAMPLE_LINES]

    def evenness(delimiter: str) -> tuple[int, int]:
        counts = Counter(line.count(delimiter) for line in lines)
        del counts[0]
        return max(counts.values(), default=0), max(counts, default=0)

    return max(_DELIMITERS, key=evenness)
