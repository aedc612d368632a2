"""Links between documents that are translations of each other, and which of their chunks say the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import (
    BigInteger,
    BindParameter,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    tuple_,
    union_all,
)

from jv3search.indexes.catalog.embeddings import Rows, rows_of
from jv3search.indexes.catalog.schema import body, chunk, document, document_embedding, translation, unlinked
from jv3search.indexes.catalog.transaction import ReadTransaction, id_batches
from jv3search.types import Embedding, Task

MATCHING: Task = "retrieval.passage"
"""The task of the documents' own vectors, which translations are found by."""

_KEY = bindparam("key", type_=BigInteger)
_WITH = or_(translation.c.first == _KEY, translation.c.second == _KEY)
# Made once: putting a statement together takes longer than running it.
_ADD_VECTORS, _ADD_UNLINKED = insert(document_embedding), insert(unlinked)
_DROP = [
    delete(translation).where(_WITH),
    delete(unlinked).where(unlinked.c.document == _KEY),
    delete(document_embedding).where(document_embedding.c.document == _KEY),
]
_DOCUMENTS: BindParameter[int] = bindparam("documents", expanding=True)
_LINKS = select(translation).where(or_(translation.c.first.in_(_DOCUMENTS), translation.c.second.in_(_DOCUMENTS)))
_PLACES = select(chunk.c.id, chunk.c.document, chunk.c.position, chunk.c.language)
_PAIRS = 1_000  # two parameters each
_AT = _PLACES.where(tuple_(chunk.c.document, chunk.c.position).in_(bindparam("places", expanding=True)))
_TRANSLATED = _PLACES.where(
    chunk.c.id.in_(bindparam("ids", expanding=True)),
    or_(
        exists().where(translation.c.first == chunk.c.document),
        exists().where(translation.c.second == chunk.c.document),
    ),
)


class StoredDocument(NamedTuple):
    """What of a document is compared: full-size rows (chunks, dimension), tokens of each chunk, its text."""

    rows: Rows
    tokens: list[int]
    text: str


def add_document(transaction: ReadTransaction, key: int, vectors: Mapping[Task, Embedding]) -> None:
    """Store a new document's vectors, and that its translations are still to be found."""
    rows = [
        {"document": key, "task": task, "vector": row.astype("<f2").tobytes()} for task, row in vectors.items()
    ]
    if rows:
        transaction.connection.execute(_ADD_VECTORS, rows)
    if MATCHING in vectors:
        transaction.connection.execute(_ADD_UNLINKED, {"document": key})


def remove_document(transaction: ReadTransaction, key: int) -> None:
    """Forget a document's vectors and links."""
    for statement in _DROP:
        transaction.connection.execute(statement, {"key": key})


def unlinked_documents(transaction: ReadTransaction) -> list[int]:
    """The ids of the documents that translations were not looked for yet."""
    return list(transaction.connection.scalars(select(unlinked.c.document).order_by(unlinked.c.document)))


def mark_linked(transaction: ReadTransaction, keys: Collection[int]) -> None:
    """Note that translations of some documents were looked for."""
    transaction.connection.execute(delete(unlinked).where(unlinked.c.document.in_(list(keys))))


def stored_document(transaction: ReadTransaction, key: int, dimension: int) -> StoredDocument:
    """A document as it is compared with others."""
    wanted = select(chunk.c.id, chunk.c.tokens).where(chunk.c.document == key).order_by(chunk.c.position)
    chunks = transaction.connection.execute(wanted).all()
    _, rows = rows_of(transaction, np.array([row.id for row in chunks], np.int64), dimension)
    text = transaction.connection.scalar(select(body.c.text).where(body.c.document == key)) or ""
    return StoredDocument(rows, [row.tokens for row in chunks], text)


def document_sizes(transaction: ReadTransaction) -> dict[int, tuple[int, int]]:
    """How many chunks and tokens each document has, by id."""
    wanted = select(chunk.c.document, func.count(), func.sum(chunk.c.tokens)).group_by(chunk.c.document)
    return {key: (chunks, int(tokens)) for key, chunks, tokens in transaction.connection.execute(wanted)}


def store_link(
    transaction: ReadTransaction, first: int, second: int, score: float, pairs: Iterable[tuple[int, int, float]]
) -> None:
    """Link two documents, first < second, in place of a link they have; `pairs` are positions and their cosine."""
    rounded = [[i, j, round(cosine, 4)] for i, j, cosine in pairs]
    _delete_link(transaction, first, second)
    transaction.connection.execute(
        insert(translation).values(first=first, second=second, score=round(score, 4), pairs=rounded)
    )


def delete_links(transaction: ReadTransaction, key: int, others: Collection[int]) -> None:
    """Delete the links of a document with some others."""
    wanted = select(translation.c.first, translation.c.second).where(_WITH)
    for first, second in transaction.connection.execute(wanted, {"key": key}).all():
        if (second if first == key else first) in others:
            _delete_link(transaction, first, second)


def every_translation(transaction: ReadTransaction) -> dict[str, list[tuple[str, str, float]]]:
    """(uri, language, score) of the translations of each document that has any, best first, by its uri."""
    one, other = document.alias(), document.alias()
    wanted = (
        select(one.c.uri, one.c.language, other.c.uri, other.c.language, translation.c.score)
        .join(one, one.c.id == translation.c.first)
        .join(other, other.c.id == translation.c.second)
    )
    found: dict[str, list[tuple[str, str, float]]] = defaultdict(list)
    for first, first_language, second, second_language, score in transaction.connection.execute(wanted):
        found[first].append((second, second_language, score))
        found[second].append((first, first_language, score))
    return {uri: sorted(others, key=lambda row: (-row[2], row[0])) for uri, others in found.items()}


def translated_documents(transaction: ReadTransaction, uri: str) -> list[tuple[str, str, float]]:
    """(uri, language, score) of a document's translations, best first."""
    own = select(document.c.id).where(document.c.uri == uri).scalar_subquery()
    others = union_all(
        select(translation.c.second.label("other"), translation.c.score).where(translation.c.first == own),
        select(translation.c.first.label("other"), translation.c.score).where(translation.c.second == own),
    ).subquery()
    wanted = select(document.c.uri, document.c.language, others.c.score).join(
        others, others.c.other == document.c.id
    )
    found = [(row.uri, row.language, row.score) for row in transaction.connection.execute(wanted)]
    return sorted(found, key=lambda row: (-row[2], row[0]))


def aligned_chunks(transaction: ReadTransaction, ids: Iterable[int]) -> dict[int, list[tuple[int, float]]]:
    """(chunk, cosine) of the passages in other languages aligned with some chunks, by chunk, best first."""
    found = (transaction.connection.execute(_TRANSLATED, {"ids": batch}) for batch in id_batches(list(ids)))
    rows = [row for of_batch in found for row in of_batch]
    wanted: dict[int, dict[int, Any]] = defaultdict(dict)
    for row in rows:
        wanted[row.document][row.position] = row
    aligned: list[_Aligned] = []
    for link in transaction.connection.execute(_LINKS, {"documents": list(wanted)}).all() if wanted else ():
        first, second = wanted.get(link.first, {}), wanted.get(link.second, {})
        aligned += [_Aligned(first[i], link.second, j, cosine) for i, j, cosine in link.pairs if i in first]
        aligned += [_Aligned(second[j], link.first, i, cosine) for i, j, cosine in link.pairs if j in second]
    return _by_chunk(transaction, aligned)


class _Aligned(NamedTuple):
    """A chunk (id, language), and the place of one that says the same."""

    own: Any
    document: int
    position: int
    cosine: float


def _by_chunk(transaction: ReadTransaction, aligned: Sequence[_Aligned]) -> dict[int, list[tuple[int, float]]]:
    places = _places(transaction, sorted({(one.document, one.position) for one in aligned}))
    found: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for own, key, position, cosine in sorted(aligned, key=lambda one: -one.cosine):
        other = places[key, position]
        if other.language != own.language:  # a paragraph that the translator left as it was is no translation
            found[own.id].append((other.id, cosine))
    return dict(found)


def _places(transaction: ReadTransaction, wanted: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Any]:
    """The chunks at some positions of documents."""
    found: dict[tuple[int, int], Any] = {}
    for start in range(0, len(wanted), _PAIRS):
        rows = transaction.connection.execute(_AT, {"places": wanted[start : start + _PAIRS]})
        found |= {(row.document, row.position): row for row in rows}
    return found


def _delete_link(transaction: ReadTransaction, first: int, second: int) -> None:
    same = (translation.c.first == first) & (translation.c.second == second)
    transaction.connection.execute(delete(translation).where(same))
