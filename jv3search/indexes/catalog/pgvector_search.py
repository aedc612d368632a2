"""Searching the vectors in PostgreSQL: nothing of the index's size is kept here, filters act inside the search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from sqlalchemy import (
    ARRAY,
    Float,
    Select,
    Text,
    bindparam,
    cast,
    func,
    literal,
    select,
    text,
)

from jv3search.indexes.catalog import pgvector
from jv3search.indexes.catalog.filters import admitted_documents, having_phrases
from jv3search.indexes.catalog.pgvector import Centres, HalfVector, VectorTable, rows_table
from jv3search.indexes.catalog.schema import chunk, document
from jv3search.indexes.catalog.transaction import ReadTransaction, id_batches
from jv3search.indexes.keywords.snapshot import OpenKeywords
from jv3search.indexes.vectors.languages import NO_LANGUAGE, Codes, LanguageSamples
from jv3search.indexes.vectors.port import Ids, Scores
from jv3search.types import Embedding, Filter

# As with FAISS: of so few rows all are compared.
EXACT_UNTIL = 10_000

# Of so many that a filter of documents admits, too: a walk that 10,000 among a million pass took 0.36 s and found
# 0.925 of the best; comparing takes a millisecond for a thousand (docs/decisions/postgresql.md).
FILTERED_UNTIL = 100_000

# ef_search, the candidates that a walk keeps; larger graphs need more. The recalls at 100,000 and at a million
# rows are in docs/decisions/postgresql.md.
_BREADTH, _LARGE, _BREADTH_OF_LARGE = 400, 200_000, 800
_WIDEST = 1_000  # that pgvector allows
_SPARE = 2  # rows taken from the graph for one asked for: what a language has by chance is not in the graph
_SETTINGS = {
    "hnsw.iterative_scan": "relaxed_order",  # the walk goes on until enough rows pass the filter
    "hnsw.scan_mem_multiplier": "8",
    "enable_sort": "off",  # whoever sorts reads all that a filter admits
}
_WORDS = ARRAY(Text)
_NUMBERS = ARRAY(Float(53))
_EVERYTHING = Filter()


@dataclass(frozen=True)
class ServerLanguages:
    """The languages of an index, and how many chunks each has; those of some chunks are asked for."""

    transaction: ReadTransaction
    names: tuple[str, ...]
    counts: Any
    known: dict[int, int] = field(default_factory=dict)  # codes by chunk, of this search

    def __len__(self) -> int:
        return int(self.counts.sum())

    def codes_of(self, ids: Ids) -> Codes:
        """The codes of some ids, NO_LANGUAGE for those that are not in the index."""
        unknown = [key for key in ids.tolist() if key not in self.known]
        wanted = select(chunk.c.id, chunk.c.language)
        for batch in id_batches(unknown):
            rows = self.transaction.connection.execute(wanted.where(chunk.c.id.in_(batch)))
            self.remember((row.id, row.language) for row in rows)
        return np.array([self.known.get(key, NO_LANGUAGE) for key in ids.tolist()], np.uint16)

    def remember(self, languages: Any) -> None:
        """Take note of the languages of some chunks."""
        self.known.update((key, self._codes[name]) for key, name in languages)

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {name: code for code, name in enumerate(self.names)}


@dataclass(frozen=True)
class ServerVectors:
    """The vectors of one state of a PostgreSQL index, as the port says."""

    transaction: ReadTransaction
    table: VectorTable
    centres: Centres
    samples: LanguageSamples
    languages: ServerLanguages
    keywords: OpenKeywords

    def __len__(self) -> int:
        return len(self.languages)

    @property
    def approximate(self) -> bool:
        """Whether a search may overlook a row."""
        return self.table.graph

    def size(self) -> int:
        """Bytes on disk, the graph included."""
        own = text(
            "SELECT pg_total_relation_size(CAST(quote_ident(current_schema()) || '.' || :name AS regclass))"
        )
        return int(self.transaction.connection.scalar(own, {"name": self.table.name}) or 0)

    def nearest(
        self, query: Embedding, k: int, where: Filter = _EVERYTHING, offsets: Scores | None = None
    ) -> tuple[Ids, Scores]:
        """As the port says."""
        search = _Search(self, query, where, offsets)
        if where.phrases or where.without:
            return search.found(search.with_phrases(k))
        return search.found(search.nearest(k))


class _Search:
    """One query, with what is taken off the scores of each language that is wanted."""

    def __init__(self, vectors: ServerVectors, query: Embedding, where: Filter, offsets: Scores | None) -> None:
        self._vectors = vectors
        self._where = where
        self._rows = rows_table(vectors.table.name)
        names = vectors.languages.names
        taken = np.zeros(len(names)) if offsets is None else offsets.astype(float)
        self._wanted = [
            code
            for code, name in enumerate(names)
            if np.isfinite(taken[code]) and (not where.languages or name in where.languages)
        ]
        self._names = [names[code] for code in self._wanted]
        rest = taken[self._wanted] - vectors.centres.of(self._names) @ query
        self._given = {"query": query, "names": self._names, "rest": rest.tolist()}
        self._near = self._rows.c.vector.op("<#>", return_type=Float())(bindparam("query", type_=HalfVector))

    def found(self, rows: Sequence[Any]) -> tuple[Ids, Scores]:
        """Ids and scores of some rows, whose languages are remembered."""
        self._vectors.languages.remember((row.id, row.language) for row in rows)
        ids = np.fromiter((row.id for row in rows), np.int64, len(rows))
        return ids, np.fromiter((-row.far for row in rows), np.float32, len(rows))

    def nearest(self, k: int, ids: Ids | None = None) -> Sequence[Any]:
        """The best k rows that the filter admits, phrases apart, best first; of some ids all are compared."""
        if ids is not None or not self._vectors.table.graph:
            return self._exact(k, ids)
        survivors = self._survivors()
        few = FILTERED_UNTIL if _of_documents(self._where) else EXACT_UNTIL
        rows = self._by_graph(k) if survivors > few else []
        return rows if len(rows) >= min(k, survivors) else self._exact(k)

    def with_phrases(self, k: int) -> Sequence[Any]:
        """The same where phrases count: the keyword index, which is here, knows which chunks have them."""
        required, excluded = having_phrases(self._where, self._vectors.keywords)
        few = required is not None and len(required) <= EXACT_UNTIL
        asked = k
        while True:
            rows = self.nearest(asked, required if few else None)
            keys = np.fromiter((row.id for row in rows), np.int64, len(rows))
            kept = ~np.isin(keys, excluded)
            if required is not None:
                kept &= np.isin(keys, required)
            left = [row for row, is_kept in zip(rows, kept.tolist(), strict=True) if is_kept]
            if len(left) >= k or len(rows) < asked:
                return left[:k]
            asked *= 4

    def _exact(self, k: int, ids: Ids | None = None) -> Sequence[Any]:
        taken = self._taken()
        far = (self._near + taken.c.rest).label("far")
        wanted = select(self._rows.c.id, self._rows.c.language, far)
        wanted = wanted.join(taken, taken.c.language == self._rows.c.language)
        wanted = self._admitted(wanted, ids).order_by(far, self._rows.c.id).limit(k)
        return self._vectors.transaction.connection.execute(wanted, self._given).all()

    def _by_graph(self, k: int) -> Sequence[Any]:
        several = len(self._names) > 1
        asked = k * _SPARE if several else k
        inner = self._admitted(select(self._rows.c.id, self._rows.c.language, self._near.label("near")))
        if len(self._names) < len(self._vectors.languages.names):
            inner = inner.where(self._rows.c.language == func.any(bindparam("names", type_=_WORDS)))
        near = inner.order_by(self._near).limit(asked).subquery()
        taken = self._taken()
        far = (near.c.near + taken.c.rest).label("far")
        wanted = select(near.c.id, near.c.language, far).join(taken, taken.c.language == near.c.language)
        breadth = _BREADTH if len(self._vectors) <= _LARGE else _BREADTH_OF_LARGE
        with _walking(self._vectors.transaction, min(max(breadth, asked), _WIDEST)):
            found = wanted.order_by(far, near.c.id).limit(k)
            return self._vectors.transaction.connection.execute(found, self._given).all()

    def _taken(self) -> Any:
        """What is taken off the rows of each wanted language, beyond its centre."""
        names, rest = bindparam("names", type_=_WORDS), bindparam("rest", type_=_NUMBERS)
        listed = func.unnest(cast(names, _WORDS), cast(rest, _NUMBERS))
        return listed.table_valued("language", "rest").render_derived(name="taken")

    def _admitted(self, wanted: Select[Any], ids: Ids | None = None) -> Select[Any]:
        if ids is not None:
            wanted = wanted.where(self._rows.c.id.in_(ids.tolist()))
        if not _of_documents(self._where):
            return wanted
        return wanted.join(document, document.c.id == self._rows.c.document).where(admitted_documents(self._where))

    def _survivors(self) -> int:
        """How many rows the filter admits; where it asks for documents, that or `FILTERED_UNTIL` and one."""
        there = int(self._vectors.languages.counts[self._wanted].sum())
        if there <= EXACT_UNTIL or not _of_documents(self._where):
            return there
        one: Any = literal(1)
        if len(self._names) == len(self._vectors.languages.names):
            some = select(document.c.chunks.label("n")).where(admitted_documents(self._where))
        else:
            own = self._rows.c.language.in_(self._names)
            some = self._admitted(select(one.label("n")).select_from(self._rows)).where(own)
        few = some.limit(FILTERED_UNTIL + 1).subquery()
        return int(self._vectors.transaction.connection.scalar(select(func.sum(few.c.n))) or 0)


@contextmanager
def _walking(transaction: ReadTransaction, breadth: int) -> Iterator[None]:
    """PostgreSQL's settings for a walk through the graph, for one statement."""
    _set(transaction, _SETTINGS | {"hnsw.ef_search": str(breadth)})
    yield
    _set(transaction, {"enable_sort": "on"})


def _set(transaction: ReadTransaction, values: Mapping[str, str]) -> None:
    calls = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in values.items())
    transaction.connection.execute(text(f"SELECT {calls}"))


def _of_documents(where: Filter) -> bool:
    return where != replace(_EVERYTHING, languages=where.languages, phrases=where.phrases, without=where.without)


def languages(transaction: ReadTransaction) -> ServerLanguages:
    """The languages of the state that a transaction sees."""
    counts = pgvector.language_counts(transaction)
    return ServerLanguages(transaction, tuple(counts), np.array(list(counts.values()), np.int64))
