"""Which of some labels a text is nearest to, by the classification adapter and without any training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jv3search.analysis.documents import filtered_documents
from jv3search.errors import InputError
from jv3search.text.graphemes import shortened
from jv3search.types import Embedding, Filter, Task

if TYPE_CHECKING:
    from jv3search.encoders.port import Encoder
    from jv3search.indexes.rows import DocumentRow
    from jv3search.knowledge_base import KnowledgeBase

TASK: Task = "classification"
MOST_LABELS = 256
_SHOWN = 80  # characters of the labels in a message
_TOGETHER = 32  # texts that go through the model at once; results appear after so many
_EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class Classification:
    """The label that a text is nearest to, its score, and the scores of all labels, which add up to 1."""

    label: str
    score: float
    scores: dict[str, float]


def classify(encoder: Encoder, texts: Sequence[str], labels: Sequence[str]) -> list[Classification]:
    """The nearest of some labels for each text, as `POST /v1/classify` gives it.

    InputError for labels that `check_labels` refuses, and for a text that is blank or longer than the model reads.
    """
    check_labels(labels)
    return _classified(encoder.encode(texts, TASK), encoder.encode(labels, TASK), labels)


def classify_documents(
    kb: KnowledgeBase,
    labels: Sequence[str],
    *,
    where: Filter = _EVERYTHING,
    on_document: Callable[[], None] = lambda: None,
) -> Iterator[tuple[DocumentRow, Classification]]:
    """The nearest label of each document that `where` admits, sorted by uri, as soon as it is there.

    A document is judged by the beginnings of a few of its passages, evenly spaced. InputError for labels that
    `check_labels` refuses.
    """
    check_labels(labels)
    documents = filtered_documents(kb, where)
    if not documents:
        return
    label_rows = kb.encoder.encode(labels, TASK)
    for start in range(0, len(documents), _TOGETHER):
        batch = documents[start : start + _TOGETHER]
        rows = kb.encoder.encode([_sample(kb, row.uri) for row in batch], TASK)
        for row, found in zip(batch, _classified(rows, label_rows, labels), strict=True):
            on_document()
            yield row, found


def check_labels(labels: Sequence[str]) -> None:
    """InputError unless there are 2 to 256 labels, all different."""
    if len(labels) > MOST_LABELS:
        raise InputError(f"there are {len(labels)} labels; {MOST_LABELS} can be told apart at once")
    if len(set(labels)) < max(2, len(labels)):
        given = shortened(", ".join(labels), _SHOWN) or "none"
        raise InputError(f"at least two labels are needed, all different; given: {given}")


def label_shares(texts: Embedding, labels: Embedding) -> NDArray[np.float64]:
    """Unit rows of texts (N, dimension) and of labels (L, dimension) -> scores (N, L); each row adds up to 1.

    The softmax of plain cosines, as Jina's API has it, so that they lie close together.
    """
    powers = np.exp((texts @ labels.T).astype(float))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _classified(texts: Embedding, label_rows: Embedding, labels: Sequence[str]) -> list[Classification]:
    found = []
    for shares in label_shares(texts, label_rows).tolist():
        scores = dict(zip(labels, shares, strict=True))
        label = max(labels, key=scores.__getitem__)
        found.append(Classification(label, scores[label], scores))
    return found


def _sample(kb: KnowledgeBase, uri: str) -> str:
    from jv3search.ingest.document_vectors import sample

    spans = [chunk.span for chunk in kb.reader.chunks(uri)]
    return sample(kb.encoder.tokenize(kb.document(uri).text), spans)
