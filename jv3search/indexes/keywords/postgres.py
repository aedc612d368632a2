"""Keywords in PostgreSQL: a tsvector of our own terms with a GIN index, and BM25, which PostgreSQL does not have.

Terms as written have weight A, other forms D; positions are those of the terms, so phrases are found as in SQLite.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    any_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, TSVECTOR
from sqlalchemy.sql.elements import ColumnElement

from jv3search.indexes.catalog.schema import chunk
from jv3search.indexes.keywords.phrases import Phrase
from jv3search.indexes.keywords.port import K1, B, Entry, idf, rare, rarest_first, weight
from jv3search.indexes.keywords.terms import Term

_LAST_PLACE = 16_383  # of a tsvector; a chunk of 8,192 tokens stays below it

_metadata = MetaData()
_keywords = Table(
    "keywords",
    _metadata,
    Column("chunk", BigInteger, primary_key=True, autoincrement=False),
    Column("length", Integer, nullable=False),
    Column("terms", TSVECTOR, nullable=False),
    Index("keywords_terms", "terms", postgresql_using="gin"),
)
_ADD = insert(_keywords).values(
    chunk=bindparam("key"), length=bindparam("size"), terms=cast(bindparam("written", type_=Text), TSVECTOR)
)
_SIZES = select(func.count(), func.coalesce(func.avg(_keywords.c.length), 1.0))
_place = func.unnest(_keywords.c.terms).table_valued("lexeme", "positions", "weights")
_MATCHES = 5_000  # rows whose terms are fetched and scored without a second thought

Places = dict[str, list[tuple[int, str]]]
"""(position, weight) of every occurrence of a term in one chunk."""


class PostgresKeywords:
    """The table `keywords` of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self) -> None:
        """Make the table."""
        _metadata.drop_all(self._connection)
        _metadata.create_all(self._connection)

    def add(self, entries: Iterable[Entry]) -> None:
        """Put entries in."""
        rows = [
            {"key": entry.chunk, "size": _length(entry.terms), "written": _vector(entry.terms)}
            for entry in entries
            if entry.terms
        ]
        if rows:
            self._connection.execute(_ADD, rows)

    def remove(self, entries: Iterable[Entry]) -> None:
        """Take entries out."""
        gone = [entry.chunk for entry in entries]
        self._connection.execute(delete(_keywords).where(_keywords.c.chunk == any_(cast(gone, ARRAY(BigInteger)))))

    def frequencies(self, wanted: Sequence[Phrase]) -> list[int]:
        """How many chunks have each phrase."""
        return [self._frequency_of(phrase) for phrase in wanted]

    def match(self, wanted: Mapping[Phrase, int], k: int, admitted: Select[Any] | None) -> list[tuple[int, float]]:
        """The k best by BM25; very frequent words score only where rarer ones are."""
        rarest = rarest_first(wanted)
        if not rarest:
            return []
        scores = self._scores(rare(rarest, _MATCHES), rarest, admitted)
        if len(scores) < k:
            scores = self._scores([phrase for _, phrase in rarest], rarest, admitted)
        return sorted(scores.items(), key=lambda scored: (-scored[1], scored[0]))[:k]

    def having(self, phrase: Phrase) -> Select[Any]:
        """The chunks with an exact phrase."""
        return select(_keywords.c.chunk).where(_matches(_written(phrase, "A")))

    def count(self) -> int:
        """The number of entries."""
        return int(self._connection.scalar(select(func.count()).select_from(_keywords)) or 0)

    def _frequency_of(self, phrase: Phrase) -> int:
        wanted = select(func.count()).select_from(_keywords).where(_matches(_anywhere(phrase)))
        return int(self._connection.scalar(wanted) or 0)

    def _scores(
        self, choosing: list[Phrase], scoring: list[tuple[int, Phrase]], admitted: Select[Any] | None
    ) -> dict[int, float]:
        """BM25 of all `scoring` phrases, for the admitted chunks that have one of `choosing`."""
        entries, average = self._connection.execute(_SIZES).one()
        weights = [(phrase, weight(phrase) * idf(entries, count)) for count, phrase in scoring]
        chosen = self._places(choosing, [phrase for phrase, _ in weights], admitted)
        return {
            key: sum(
                worth * _counted(_frequency(phrase, places), size / float(average)) for phrase, worth in weights
            )
            for key, (size, places) in chosen.items()
        }

    def _places(
        self, choosing: list[Phrase], scoring: list[Phrase], admitted: Select[Any] | None
    ) -> dict[int, tuple[int, Places]]:
        """Length and occurrences of the terms that are scored, for every chunk that is chosen."""
        lexemes = sorted({term for phrase in scoring for term in phrase.terms})
        beginnings = sorted({phrase.terms[-1] for phrase in scoring if phrase.prefix})
        wanted = select(_keywords.c.chunk, _keywords.c.length, *_place.c)
        wanted = wanted.select_from(_keywords.join(_place, true())).where(
            _matches(" | ".join(f"({_anywhere(phrase)})" for phrase in choosing)),
            or_(
                _place.c.lexeme == any_(cast(lexemes, ARRAY(Text))),
                _place.c.lexeme.op("^@", is_comparison=True)(any_(cast(beginnings, ARRAY(Text)))),
            ),
        )
        if admitted is not None:
            wanted = wanted.where(admitted.where(chunk.c.id == _keywords.c.chunk).correlate(_keywords).exists())
        found: dict[int, tuple[int, Places]] = {}
        for key, size, lexeme, positions, weights in self._connection.execute(wanted):
            found.setdefault(key, (size, {}))[1][lexeme] = list(zip(positions, weights, strict=True))
        return found


def _counted(frequency: int, length: float) -> float:
    """What so many occurrences count in a chunk so many times as long as the average."""
    return frequency * (K1 + 1) / (frequency + K1 * (1 - B + B * length))


def _frequency(phrase: Phrase, places: Places) -> int:
    """How often a phrase occurs."""
    last = phrase.terms[-1]
    ends = [place for term, own in places.items() if _ends(term, last, phrase.prefix) for place in own]
    if len(phrase.terms) == 1:
        return len(ends)
    starts = {position - len(phrase.terms) + 1 for position, weight in ends if weight == "A"}
    for offset, term in enumerate(phrase.terms[:-1]):
        starts &= {position - offset for position, weight in places.get(term, ()) if weight == "A"}
    return len(starts)


def _ends(term: str, last: str, prefix: bool) -> bool:
    return term.startswith(last) if prefix else term == last


def _length(terms: Sequence[Term]) -> int:
    return sum(1 + len(term.forms) for term in terms)


def _vector(terms: Sequence[Term]) -> str:
    """In PostgreSQL's syntax; terms hold nothing that could be taken for it."""
    places: dict[str, list[str]] = defaultdict(list)
    for place, term in enumerate(terms, start=1):
        places[term.exact].append(f"{min(place, _LAST_PLACE)}A")
        for form in term.forms:
            places[form].append(f"{min(place, _LAST_PLACE)}D")
    return " ".join(f"'{term}':{','.join(marks)}" for term, marks in places.items())


def _matches(query: str) -> ColumnElement[bool]:
    return _keywords.c.terms.op("@@", is_comparison=True)(cast(query, TSQUERY))


def _anywhere(phrase: Phrase) -> str:
    return _written(phrase, "" if len(phrase.terms) == 1 else "A")


def _written(phrase: Phrase, weight: str) -> str:
    marks = [weight] * (len(phrase.terms) - 1) + [("*" if phrase.prefix else "") + weight]
    parts = (f"'{term}'{':' if mark else ''}{mark}" for term, mark in zip(phrase.terms, marks, strict=True))
    return " <-> ".join(parts)
