"""Keywords in SQLite: a contentless FTS5 table, so that only the index takes room, not the terms again.

SQLite before 3.43 takes a row out of such a table only when it is told what was in it; the catalog can tell.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    Float,
    Select,
    bindparam,
    column,
    func,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy.sql.elements import ColumnElement

from jv3search.indexes.catalog.schema import chunk
from jv3search.indexes.keywords.phrases import Phrase
from jv3search.indexes.keywords.port import Entry, rare, rarest_first, weight

# `ascii` leaves every term whole, for they hold no spaces; `+#` are of c++ and c#.
_CREATE = """
    CREATE VIRTUAL TABLE keywords USING fts5(words, forms, content='', tokenize="ascii tokenchars '+#'")
"""
_ADD = text("INSERT INTO keywords(rowid, words, forms) VALUES(:chunk, :words, :forms)")
_REMOVE = text("INSERT INTO keywords(keywords, rowid, words, forms) VALUES('delete', :chunk, :words, :forms)")

_keywords = table("keywords", column("rowid"))
_KEY = _keywords.c.rowid
_MATCHED: ColumnElement[bool] = literal_column("keywords").op("MATCH")(bindparam("phrases"))
_SCORE = (-func.bm25(literal_column("keywords"), type_=Float)).label("score")
_COUNT = select(func.count()).select_from(_keywords).where(_MATCHED)
_BEST = select(_KEY, _SCORE).where(_MATCHED).order_by(_SCORE.desc(), _KEY).limit(bindparam("k"))
_AMONG = _BEST.where(text("+keywords.rowid IN (SELECT value FROM json_each(:candidates))"))  # + : scanned once

_MATCHES = 20_000  # that are scored without a second thought: 100,000 take 0.1 s
_CANDIDATES, _PER_HIT = 200, 10


class SQLiteKeywords:
    """The table `keywords` of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self) -> None:
        """Make the table."""
        self._connection.execute(text("DROP TABLE IF EXISTS keywords"))
        self._connection.execute(text(_CREATE))

    def add(self, entries: Iterable[Entry]) -> None:
        """Put entries in."""
        self._change(_ADD, entries)

    def remove(self, entries: Iterable[Entry]) -> None:
        """Take entries out."""
        self._change(_REMOVE, entries)

    def frequencies(self, wanted: Sequence[Phrase]) -> list[int]:
        """How many chunks have each phrase."""
        return [int(self._connection.scalar(_COUNT, {"phrases": _anywhere(phrase)}) or 0) for phrase in wanted]

    def match(self, wanted: Mapping[Phrase, int], k: int, admitted: Select[Any] | None) -> list[tuple[int, float]]:
        """The k best by BM25; very frequent words score only where rarer ones are."""
        rarest = rarest_first(wanted)
        if not rarest:
            return []
        every = [phrase for _, phrase in rarest]
        few = rare(rarest, _MATCHES)
        if len(few) == len(every):
            return self._best(every, k, admitted)
        candidates = self._best(few, max(_CANDIDATES, _PER_HIT * k), admitted)
        if len(candidates) < k:
            return self._best(every, k, admitted)
        ids = json.dumps([key for key, _ in candidates])
        found = self._connection.execute(_AMONG, {"phrases": _any(every), "candidates": ids, "k": k})
        return [(key, score) for key, score in found]

    def having(self, phrase: Phrase) -> Select[Any]:
        """The chunks with an exact phrase."""
        return select(_KEY).where(literal_column("keywords").op("MATCH")(f"words : {_written(phrase)}"))

    def count(self) -> int:
        """The number of entries."""
        return int(self._connection.scalar(text("SELECT count(*) FROM keywords_docsize")) or 0)

    def _change(self, statement: Any, entries: Iterable[Entry]) -> None:
        rows = [
            {
                "chunk": entry.chunk,
                "words": " ".join(term.exact for term in entry.terms),
                "forms": " ".join(form for term in entry.terms for form in term.forms),
            }
            for entry in entries
            if entry.terms
        ]
        if rows:
            self._connection.execute(statement, rows)

    def _best(self, wanted: list[Phrase], k: int, admitted: Select[Any] | None) -> list[tuple[int, float]]:
        statement = _BEST
        if admitted is not None:
            statement = _BEST.where(admitted.where(chunk.c.id == _KEY).correlate(_keywords).exists())
        found = self._connection.execute(statement, {"phrases": _any(wanted), "k": k})
        return [(key, score) for key, score in found]


def _any(wanted: Iterable[Phrase]) -> str:
    return " OR ".join(_anywhere(phrase) for phrase in wanted for _ in range(weight(phrase)))


def _anywhere(phrase: Phrase) -> str:
    return _written(phrase) if len(phrase.terms) == 1 else f"words : {_written(phrase)}"


def _written(phrase: Phrase) -> str:
    """In FTS5's syntax; terms hold nothing that could be taken for it."""
    return f'"{" ".join(phrase.terms)}"{" *" if phrase.prefix else ""}'
