"""Vectors for a whole document: the mean of its passages, and one of a sample of its text.

The mean costs no pass of the model, finds the candidates for translations and is half of what topics are found by.
The other half is under `separation`, of a few evenly spaced beginnings of the chunks: one more pass over a
twentieth of the text, more for documents below 1,280 tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jv3search.encoders.late_chunking import TokenizedText
from jv3search.encoders.port import Encoder
from jv3search.types import Chunk, Embedding, Span, Task, unit_rows

_RUN = 64  # tokens from the beginning of a chunk: its heading and a sentence or two
_SHARE = 20  # a run for every 20 x 64 tokens of the document
_MOST = 8  # runs: 512 tokens


def document_vectors(
    documents: Sequence[tuple[TokenizedText, Sequence[Chunk], Embedding]], encoder: Encoder
) -> list[dict[Task, Embedding]]:
    """For each document, its tokens, chunks and their embeddings -> a (dimension,) unit vector a task."""
    samples = [sample(tokens, [chunk.span for chunk in chunks]) for tokens, chunks, _ in documents]
    separation = encoder.encode(samples, "separation")
    return [
        {"retrieval.passage": passage_mean(rows, chunks), "separation": row}
        for (_, chunks, rows), row in zip(documents, separation, strict=True)
    ]


def passage_mean(embeddings: Embedding, chunks: Sequence[Chunk]) -> Embedding:
    """(chunks, dimension) unit rows -> (dimension,): their mean by the chunks' tokens, as a unit vector."""
    tokens = np.array([chunk.tokens for chunk in chunks], np.float32)
    return unit_rows(tokens @ embeddings)


def sample(tokens: TokenizedText, spans: Sequence[Span]) -> str:
    """The beginnings of one to eight chunks, evenly spaced over the document."""
    wanted = min(max(len(tokens.starts) // (_SHARE * _RUN), 1), _MOST, len(spans))
    chosen = np.linspace(0, len(spans) - 1, wanted).round().astype(int).tolist()
    return "\n".join(_beginning(tokens, spans[i]) for i in chosen)


def _beginning(tokens: TokenizedText, span: Span) -> str:
    first = int(np.searchsorted(tokens.starts, span.start))
    end = int(tokens.starts[first + _RUN]) if first + _RUN < len(tokens.starts) else span.end
    return tokens.text[span.start : min(end, span.end)]
