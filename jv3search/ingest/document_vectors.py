"""One vector for a whole document a task, from a few evenly spaced beginnings of its chunks.

`text-matching` finds the candidates for translations, `separation` places documents on a map. Both are one more
pass over a twentieth of the text each: 10 % of the encoder's tokens, more only for documents below 1,280.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jv3search.encoders.late_chunking import TokenizedText
from jv3search.encoders.port import ChunkedText, Encoder
from jv3search.types import Embedding, Span, Task

TASKS: tuple[Task, ...] = ("text-matching", "separation")

_RUN = 64  # tokens from the beginning of a chunk: its heading and a sentence or two
_SHARE = 20  # a run for every 20 x 64 tokens of the document
_MOST = 8  # runs: 512 tokens


def document_vectors(documents: Sequence[ChunkedText], encoder: Encoder) -> list[dict[Task, Embedding]]:
    """For each document a (dimension,) unit vector a task; every document has at least one span."""
    samples = [sample(tokens, spans) for tokens, spans in documents]
    rows = {task: encoder.encode(samples, task) for task in TASKS}
    return [{task: rows[task][i] for task in TASKS} for i in range(len(samples))]


def sample(tokens: TokenizedText, spans: Sequence[Span]) -> str:
    """The beginnings of one to eight chunks, evenly spaced over the document."""
    wanted = min(max(len(tokens.starts) // (_SHARE * _RUN), 1), _MOST, len(spans))
    chosen = np.linspace(0, len(spans) - 1, wanted).round().astype(int).tolist()
    return "\n".join(_beginning(tokens, spans[i]) for i in chosen)


def _beginning(tokens: TokenizedText, span: Span) -> str:
    first = int(np.searchsorted(tokens.starts, span.start))
    end = int(tokens.starts[first + _RUN]) if first + _RUN < len(tokens.starts) else span.end
    return tokens.text[span.start : min(end, span.end)]
