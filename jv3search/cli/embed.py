"""`jv3search embed`: lines in, embeddings out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TextIO

import click

from jv3search.cli.options import echo_json, engine_option, model_option, text_lines
from jv3search.cli.progress import counting
from jv3search.config import load_settings
from jv3search.errors import InputError
from jv3search.types import Embedding, Span

if TYPE_CHECKING:
    from jv3search.encoders.port import Encoder

_LINES = 64  # embedded together; results appear after so many


@click.command()
@click.argument("file", type=click.File(encoding="utf-8"), default="-")
@click.option(
    "--task", metavar="T", help="Adapter: retrieval.query, retrieval.passage, ... [none: the base model]."
)
@click.option("--dim", type=int, metavar="N", help="Dimension, 1 to the model's size [the model's size].")
@model_option
@engine_option
@click.option("--late", is_flag=True, help="Late chunking: the lines are the chunks of one document.")
def embed(file: TextIO, task: Any, dim: int | None, model: str | None, engine: str | None, late: bool) -> None:
    """Embed each line of FILE (stdin if none is given); print a JSON line {"embedding": [...]} for each.

    With --late the lines, joined by one space, are embedded as one text and pooled line by line.
    """
    from jv3search.knowledge_base import encoder_of

    if late and task != "retrieval.passage":
        raise InputError("--late embeds a document's chunks: use it together with --task retrieval.passage")
    settings = load_settings({"model": model, "engine": engine})
    lines = text_lines(file)
    encoder = encoder_of(settings)
    embeddings = [_late(encoder, list(lines), dim)] if late else _each(encoder, lines, task, dim)
    with counting(None, "embedding", beside_results=True) as step:
        for rows in embeddings:
            for row in rows:
                echo_json({"embedding": [round(float(x), 7) for x in row]})
                step()


def _each(encoder: Encoder, lines: Iterable[str], task: Any, dim: int | None) -> Iterator[Embedding]:
    lines = iter(lines)
    while part := list(islice(lines, _LINES)):
        yield encoder.encode(part, task, dimension=dim)


def _late(encoder: Encoder, lines: list[str], dim: int | None) -> Embedding:
    """One document whose chunks are the lines, joined by one space as Jina's API joins its inputs."""
    spans, start = [], 0
    for line in lines:
        spans.append(Span(start, start + len(line)))
        start += len(line) + 1
    return encoder.encode_document(" ".join(lines), spans, dimension=dim)
