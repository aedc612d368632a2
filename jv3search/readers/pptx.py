"""PowerPoint: a page a slide, with its tables, charts, diagrams, speaker notes and comments."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pptx
from defusedxml.ElementTree import fromstring
from pptx.enum.shapes import PP_PLACEHOLDER

from jv3search.readers.archive import Archive
from jv3search.readers.delimited import CELL
from jv3search.readers.sandbox.limits import Raw
from jv3search.readers.text import TextBuilder, one_line
from jv3search.types import Document

_TEXTS = ("{*}text", "{http://schemas.openxmlformats.org/drawingml/2006/main}t")  # old comments, all else


def read(raw: Raw) -> Document:
    """A .pptx file."""
    Archive(raw).verify()
    deck = pptx.Presentation(io.BytesIO(raw.data))
    builder = TextBuilder(raw, "pptx")
    for slide in deck.slides:
        builder.page()
        builder.end_section()
        title = slide.shapes.title
        if title is not None:
            builder.heading(title.text_frame.text, 1)
        for shape in slide.shapes:
            if title is None or shape.shape_id != title.shape_id:
                _add_shape(shape, builder)
        for text in (*_related(slide, "diagramData"), *_notes(slide), *_related(slide, "comments")):
            builder.add(text)
    return builder.document(deck.core_properties.title or "")


def _add_shape(shape: Any, builder: TextBuilder) -> None:
    if hasattr(shape, "shapes"):  # a group
        for inner in shape.shapes:
            _add_shape(inner, builder)
    elif getattr(shape, "has_table", False):
        builder.add("\n".join(_row(row) for row in shape.table.rows))
    elif getattr(shape, "has_chart", False):
        builder.add("\n".join(_chart_lines(shape.chart)))
    elif shape.has_text_frame and not _is_slide_number(shape):
        builder.add("\n".join(paragraph.text for paragraph in shape.text_frame.paragraphs))


def _row(row: Any) -> str:
    return CELL.join(one_line(cell.text_frame.text) for cell in row.cells).strip(" |")


def _chart_lines(chart: Any) -> Iterator[str]:
    if chart.has_title and chart.chart_title.has_text_frame:
        yield chart.chart_title.text_frame.text
    for plot in chart.plots:
        yield CELL.join(str(category) for category in plot.categories)
        for series in plot.series:
            values = (f"{value:.15g}" for value in series.values if value is not None)
            yield CELL.join((series.name, *values))


def _is_slide_number(shape: Any) -> bool:
    return bool(shape.is_placeholder and shape.placeholder_format.type == PP_PLACEHOLDER.SLIDE_NUMBER)


def _notes(slide: Any) -> list[str]:
    frame = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
    return [frame.text] if frame is not None else []


def _related(slide: Any, kind: str) -> list[str]:
    """The text in parts that python-pptx does not know: SmartArt and comments, old and new."""
    rels = [rel for rel in slide.part.rels.values() if not rel.is_external and rel.reltype.endswith(f"/{kind}")]
    return [_all_text(fromstring(rel.target_part.blob)) for rel in rels]


def _all_text(root: Any) -> str:
    return "\n".join(node.text or "" for path in _TEXTS for node in root.iterfind(f".//{path}"))
