"""Documents' own vectors and the links between translations, as the catalog keeps them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, ColumnElement, bindparam, delete, insert, or_, select, union_all

from jv3search.indexes.faults import damaged
from jv3search.indexes.linking import Candidate, Comparison, Corpus, candidates, compared, margin, numbers, rivals
from jv3search.indexes.schema import body, chunk, document, document_embedding, translation, unlinked
from jv3search.indexes.vectors.port import unit_rows
from jv3search.indexes.view import View
from jv3search.types import Embedding, Task

MATCHING: Task = "text-matching"

_COARSE = 256  # values of a document's vector that candidates are found by: 20 MB for 20,000 documents
_HELD = 16  # documents kept in memory while they are compared
_KEY = bindparam("key", type_=BigInteger)
_WITH = or_(translation.c.first == _KEY, translation.c.second == _KEY)
_DROP = [
    delete(translation).where(_WITH),
    delete(unlinked).where(unlinked.c.document == _KEY),
    delete(document_embedding).where(document_embedding.c.document == _KEY),
]


def add_vectors(view: View, key: int, vectors: Mapping[Task, Embedding]) -> None:
    """Keep a new document's vectors, and that its translations are still to be found."""
    rows = [
        {"document": key, "task": task, "vector": row.astype("<f2").tobytes()} for task, row in vectors.items()
    ]
    if rows:
        view.connection.execute(insert(document_embedding), rows)
    if MATCHING in vectors:
        view.connection.execute(insert(unlinked).values(document=key))


def drop(view: View, key: int) -> None:
    """Forget a document's vectors and links."""
    for statement in _DROP:
        view.connection.execute(statement, {"key": key})


def pending(view: View) -> list[int]:
    """The documents that translations were not looked for yet."""
    return list(view.connection.scalars(select(unlinked.c.document).order_by(unlinked.c.document)))


def vectors(view: View, task: Task, dimension: int) -> tuple[list[tuple[int, str, str]], NDArray[np.float16]]:
    """(id, uri, language) of each document with a vector under `task`, by uri, and the (N, dimension) rows."""
    wanted = (
        select(document.c.id, document.c.uri, document.c.language, document_embedding.c.vector)
        .join(document_embedding, document_embedding.c.document == document.c.id)
        .where(document_embedding.c.task == task)
    )
    found = sorted(view.connection.execute(wanted), key=lambda row: row.uri)
    joined = b"".join(row.vector for row in found)
    if len(joined) != len(found) * dimension * 2:
        raise damaged(view.where, "vectors of documents")
    return [(row.id, row.uri, row.language) for row in found], np.frombuffer(joined, "<f2").reshape(-1, dimension)


def corpus(view: View, dimension: int) -> Corpus:
    """All documents, as candidates for translations are looked for among them."""
    found, rows = vectors(view, MATCHING, dimension)
    order = sorted(range(len(found)), key=lambda at: found[at][2])
    tags = [found[at][2] for at in order]
    languages = {tag: range(bisect_left(tags, tag), bisect_right(tags, tag)) for tag in dict.fromkeys(tags)}
    ids = np.array([found[at][0] for at in order], np.int64)
    return Corpus(ids, unit_rows(rows[order], min(_COARSE, dimension)), languages)


def link(view: View, among: Corpus, keys: Sequence[int], dimension: int) -> None:
    """Look for the translations of some documents and keep what is found; they are pending no more."""
    load = lru_cache(_HELD)(lambda key: _candidate(view, key, dimension))
    for one, other in candidates(among, keys):
        first, second = sorted((int(among.ids[one]), int(among.ids[other])))
        found = compared(load(first), load(second), among.cosine(one, other), partial(margin, among, one, other))
        if found is None:
            continue
        if found.exclusive:
            for own, against in ((one, other), (other, one)):
                _part(view, int(among.ids[own]), among.ids[rivals(among, against)])
        _keep(view, first, second, found)
    view.connection.execute(delete(unlinked).where(unlinked.c.document.in_(list(keys))))


def _candidate(view: View, key: int, dimension: int) -> Candidate:
    wanted = select(chunk.c.id, chunk.c.tokens).where(chunk.c.document == key).order_by(chunk.c.position)
    rows = view.connection.execute(wanted).all()
    _, embeddings = view.rows(np.array([row.id for row in rows], np.int64), dimension)
    text = view.connection.scalar(select(body.c.text).where(body.c.document == key)) or ""
    return Candidate(unit_rows(embeddings, dimension), [row.tokens for row in rows], numbers(text))


def _keep(view: View, first: int, second: int, found: Comparison) -> None:
    pairs = [[i, j, round(cosine, 4)] for i, j, cosine in found.pairs]
    same = (translation.c.first == first) & (translation.c.second == second)
    view.connection.execute(delete(translation).where(same))
    view.connection.execute(
        insert(translation).values(first=first, second=second, score=round(found.score, 4), pairs=pairs)
    )


def _part(view: View, key: int, others: NDArray[np.int64]) -> None:
    """Take back the links of a document with some others."""
    taken = set(others.tolist())
    for link_of in view.connection.execute(
        select(translation.c.first, translation.c.second).where(_WITH), {"key": key}
    ).all():
        other = link_of.second if link_of.first == key else link_of.first
        if other in taken:
            same = (translation.c.first == link_of.first) & (translation.c.second == link_of.second)
            view.connection.execute(delete(translation).where(same))


def of_document(view: View, uri: str) -> list[tuple[str, str, float]]:
    """(uri, language, score) of a document's translations, best first."""
    own = select(document.c.id).where(document.c.uri == uri).scalar_subquery()
    others = union_all(
        select(translation.c.second.label("other"), translation.c.score).where(translation.c.first == own),
        select(translation.c.first.label("other"), translation.c.score).where(translation.c.second == own),
    ).subquery()
    wanted = select(document.c.uri, document.c.language, others.c.score).join(
        others, others.c.other == document.c.id
    )
    found = [(row.uri, row.language, row.score) for row in view.connection.execute(wanted)]
    return sorted(found, key=lambda row: (-row[2], row[0]))


def of_chunks(view: View, ids: Iterable[int]) -> dict[int, list[tuple[int, float]]]:
    """(chunk, cosine) of the passages in other languages aligned with some chunks, by chunk, best first."""
    asked = {(row.document, row.position): row for row in _places(view, chunk.c.id.in_(list(ids)))}
    documents = {key for key, _ in asked}
    linked = or_(translation.c.first.in_(documents), translation.c.second.in_(documents))
    aligned: list[tuple[Any, int, int, float]] = []
    for row in view.connection.execute(select(translation).where(linked)).all() if documents else ():
        for i, j, cosine in row.pairs:
            if (own := asked.get((row.first, i))) is not None:
                aligned.append((own, row.second, j, cosine))
            if (own := asked.get((row.second, j))) is not None:
                aligned.append((own, row.first, i, cosine))
    return _by_chunk(view, aligned)


def _by_chunk(view: View, aligned: Sequence[tuple[Any, int, int, float]]) -> dict[int, list[tuple[int, float]]]:
    documents, positions = {key for _, key, _, _ in aligned}, {position for _, _, position, _ in aligned}
    near = chunk.c.document.in_(documents) & chunk.c.position.in_(positions)
    places = {(row.document, row.position): row for row in (_places(view, near) if aligned else ())}
    found: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for own, key, position, cosine in sorted(aligned, key=lambda link_of: -link_of[3]):
        other = places[key, position]
        if other.language != own.language:  # a paragraph that the translator left as it was is no translation
            found[own.id].append((other.id, cosine))
    return dict(found)


def _places(view: View, where: ColumnElement[bool]) -> Sequence[Any]:
    wanted = select(chunk.c.id, chunk.c.document, chunk.c.position, chunk.c.language)
    return view.connection.execute(wanted.where(where)).all()
