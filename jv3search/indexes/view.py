"""What one transaction sees of the catalog: every question that is asked of it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    Select,
    and_,
    bindparam,
    func,
    inspect,
    or_,
    select,
)

from jv3search.errors import IndexMismatch, InputError
from jv3search.indexes import schema
from jv3search.indexes.faults import damaged, sound
from jv3search.indexes.keywords import keywords_of
from jv3search.indexes.keywords.phrases import asked, exactly
from jv3search.indexes.keywords.port import Keywords
from jv3search.indexes.keywords.terms import FINGERPRINT
from jv3search.indexes.recipe import Recipe
from jv3search.indexes.rows import FAILURES, DocumentRow, LedgerRow
from jv3search.indexes.schema import (
    BLOCK,
    body,
    chunk,
    document,
    embedding,
    index_info,
    keyword_info,
    ledger,
    tombstone,
)
from jv3search.types import Chunk, Document, Filter, Page, Section, Span

Ids = NDArray[np.int64]
Rows = NDArray[np.float16]

_STAMP = select(index_info.c.identity, index_info.c.generation)  # asked before every search

# Made once: putting a statement together takes longer than running it.
_IDS = chunk.c.id.in_(bindparam("ids", expanding=True))
_HELD = select(chunk.c.id).where(_IDS)
_SIZE = bindparam("size", type_=Integer)  # bytes of a row
_ROWS = (
    select(
        chunk.c.id,
        func.substr(embedding.c.rows, (chunk.c.position % BLOCK) * _SIZE + 1, _SIZE, type_=LargeBinary),
    )
    .join(
        embedding,
        and_(embedding.c.document == chunk.c.document, embedding.c.number == chunk.c.position // BLOCK),
    )
    .where(_IDS)
)
_TEXT = func.substr(body.c.text, chunk.c.start + 1, chunk.c.end - chunk.c.start).label("text")
_FOUND = (
    select(chunk, document.c.uri, document.c.title, document.c.format, _TEXT)
    .join(document, document.c.id == chunk.c.document)
    .join(body, body.c.document == chunk.c.document)
    .where(_IDS)
)

_AT_ONCE = 5_000  # ids in one statement; SQLite takes 32,766 values, PostgreSQL 65,535


class Info(NamedTuple):
    """The row that says what the index is and how far it has come."""

    identity: str
    recipe: Recipe
    dimension: int
    kind: str
    generation: int
    complete_since: int


class Block(NamedTuple):
    """The full-size rows (n, dimension) of the chunks [first, first + n)."""

    first: int
    rows: Rows


class View:
    """Questions to the catalog, answered in one transaction."""

    def __init__(self, connection: Connection, where: str) -> None:
        self.connection = connection
        self.where = where

    # -- the index ---------------------------------------------------------------------------------

    def stamp(self) -> tuple[str, int]:
        """Identity and generation: equal stamps, equal contents."""
        identity, generation = self.connection.execute(_STAMP).one()
        return identity, generation

    def info(self) -> Info:
        """What the index is."""
        row = self.connection.execute(select(index_info)).one()
        with sound(self.where):
            recipe = Recipe(**row.recipe)
        return Info(row.identity, recipe, row.dimension, row.kind, row.generation, row.complete_since)

    def wanting(self) -> str | None:
        """What an index that an older version made, or other libraries, lacks; None if nothing."""
        version = self.connection.scalar(select(index_info.c.schema))
        if version != schema.VERSION:
            return f"the index had format {version}, not {schema.VERSION}"
        missing = sorted(set(schema.metadata.tables) - set(inspect(self.connection).get_table_names()))
        if missing:
            return f"the index lacked {', '.join(missing)}"
        return None if self.words_made_by() == FINGERPRINT else "its words were told apart in another way"

    def require_format(self) -> None:
        """IndexMismatch unless the index has the format of this version."""
        version = self.connection.scalar(select(index_info.c.schema))
        if version != schema.VERSION:
            raise IndexMismatch(
                f"{self.where} has format {version}, this jv3search reads format {schema.VERSION}: run "
                "`jv3search reindex` once with the same --index; it brings the index up to date and embeds nothing"
            )

    # -- vectors -----------------------------------------------------------------------------------

    def chunk_count(self) -> int:
        """The number of chunks."""
        return int(self.connection.scalar(select(func.coalesce(func.sum(embedding.c.chunks), 0))) or 0)

    def blocks(self, dimension: int, *, since: int = -1) -> Iterator[Block]:
        """All rows that came after generation `since`, in the order of their chunks' ids."""
        wanted = select(embedding).where(embedding.c.generation > since).order_by(embedding.c.first)
        for row in self.connection.execute(wanted, execution_options={"yield_per": 256}):
            if len(row.rows) != row.chunks * dimension * 2 or zlib.crc32(row.rows) != row.crc32:
                raise damaged(self.where, f"the vectors of {self._uri(row.document)}")
            yield Block(row.first, np.frombuffer(row.rows, "<f2").reshape(row.chunks, dimension))

    def removed(self, since: int) -> list[tuple[int, int]]:
        """The ranges (first, count) of chunk ids that left after generation `since`."""
        wanted = select(tombstone.c.first, tombstone.c.chunks).where(tombstone.c.generation > since)
        return [(first, count) for first, count in self.connection.execute(wanted)]

    def rows(self, ids: Ids, dimension: int) -> tuple[Ids, Rows]:
        """The full-size rows of some chunks, in the order of their ids."""
        size = 2 * dimension
        found: dict[int, bytes] = {}
        for part in _parts(ids):
            cuts = self.connection.execute(_ROWS, {"ids": part, "size": size})
            found.update((key, row) for key, row in cuts)
        order = sorted(found)
        joined = b"".join(found[key] for key in order)
        if len(order) != len(ids) or len(joined) != len(order) * size:
            raise damaged(self.where, "vectors of some chunks are missing")
        return np.array(order, np.int64), np.frombuffer(joined, "<f2").reshape(len(order), dimension)

    def held(self, ids: Sequence[int]) -> Ids:
        """Those of some ids that are in the index, ascending."""
        found = (key for part in _parts(ids) for key in self.connection.scalars(_HELD, {"ids": part}))
        return np.sort(np.fromiter(found, np.int64))

    # -- filters and hits --------------------------------------------------------------------------

    def survivors(self, where: Filter) -> Ids:
        """The ids of all chunks that `where` admits, ascending."""
        if where.languages or where.phrases or where.without:
            return np.sort(np.fromiter(self.connection.scalars(self._admitted_chunks(where)), np.int64))
        ranges = select(embedding.c.first, embedding.c.chunks).where(_admitted(where))
        return self._expand(ranges.join(document, document.c.id == embedding.c.document))

    def _admitted_chunks(self, where: Filter) -> Select[int]:
        wanted = select(chunk.c.id)
        if where.languages:
            wanted = wanted.where(chunk.c.language.in_(sorted(where.languages)))
        if where.formats or where.under or where.since or where.until:
            wanted = wanted.join(document, document.c.id == chunk.c.document).where(_admitted(where))
        held = [chunk.c.id.in_(self._having(phrase)) for phrase in where.phrases]
        return wanted.where(*held, *(chunk.c.id.not_in(self._having(phrase)) for phrase in where.without))

    def _having(self, text: str) -> Select[int]:
        phrase = exactly(text)
        if phrase is None:
            raise InputError(f"there is no word in {text!r} that could be looked for: leave it out")
        return self.keywords.having(phrase)

    def _expand(self, ranges: Select[int, int]) -> Ids:
        """All ids of some ranges (first, count), ascending."""
        pairs = np.array(self.connection.execute(ranges).fetchall(), np.int64).reshape(-1, 2)
        first, count = pairs[np.argsort(pairs[:, 0])].T
        starts = np.cumsum(count) - count  # where each range starts in the result
        ids: Ids = np.repeat(first - starts, count) + np.arange(count.sum(), dtype=np.int64)
        return ids

    def found(self, ids: Sequence[int]) -> dict[int, Any]:
        """Chunk, document and text of some chunks, by id."""
        rows = (row for part in _parts(ids) for row in self.connection.execute(_FOUND, {"ids": part}))
        found = {row.id: row for row in rows}
        if len(found) != len(ids):
            raise damaged(self.where, "texts of some chunks are missing")
        return found

    # -- words -------------------------------------------------------------------------------------

    @cached_property
    def keywords(self) -> Keywords:
        """The keyword index."""
        return keywords_of(self.connection)

    def match(self, words: str, k: int, where: Filter, languages: tuple[str, ...]) -> list[tuple[int, float]]:
        """The k best (chunk id, BM25) that `where` admits and that hold some of the words, inflected or not."""
        admitted = self._admitted_chunks(where) if where else None
        return self.keywords.match(asked(words, languages), k, admitted)

    def words_made_by(self) -> str | None:
        """The term function that filled the keyword index, None if it is empty for want of one."""
        return self.connection.scalar(select(keyword_info.c.terms))

    def chunk_texts(self, document_id: int) -> list[tuple[int, str, str]]:
        """Id, text and language of each chunk of a document."""
        text = self.connection.scalar(select(body.c.text).where(body.c.document == document_id)) or ""
        wanted = select(chunk.c.id, chunk.c.start, chunk.c.end, chunk.c.language)
        rows = self.connection.execute(wanted.where(chunk.c.document == document_id).order_by(chunk.c.id))
        return [(key, text[start:end], language) for key, start, end, language in rows]

    # -- documents ---------------------------------------------------------------------------------

    def digests(self) -> dict[str, str]:
        """The digest of every document, by uri."""
        rows = self.connection.execute(select(document.c.uri, document.c.digest))
        return {uri: digest for uri, digest in rows}

    def documents(self) -> list[DocumentRow]:
        """Every document, sorted by uri."""
        wanted = select(*(column for column in document.c if column.name != "id"))
        rows = self.connection.execute(wanted).all()
        with sound(self.where):  # sorted here, for databases sort by their locale
            return sorted((DocumentRow(**row._mapping) for row in rows), key=lambda row: row.uri)

    def document(self, uri: str) -> Document:
        """The document as its reader made it, without the notices; InputError if it is not in the index."""
        wanted = select(body, document.c.title, document.c.format)
        row = self.connection.execute(wanted.join(document).where(document.c.uri == uri)).one_or_none()
        if row is None:
            raise InputError(f"{uri} is not in the index")
        with sound(self.where):
            pages = tuple(Page(number, Span(start, end), label) for number, start, end, label in row.pages)
            sections = tuple(Section(title, level, Span(start, end)) for title, level, start, end in row.sections)
            return Document(row.text, row.title, row.format, pages, sections)

    def chunks(self, uri: str) -> list[Chunk]:
        """The chunks of a document in reading order."""
        wanted = select(chunk).join(document).where(document.c.uri == uri).order_by(chunk.c.position)
        rows = self.connection.execute(wanted).all()
        with sound(self.where):
            return [chunk_of(row) for row in rows]

    def chunk_ids(self, uri: str) -> Ids:
        """The ids of a document's chunks in reading order; empty if it is not in the index."""
        wanted = select(chunk.c.id).join(document).where(document.c.uri == uri).order_by(chunk.c.position)
        return np.fromiter(self.connection.scalars(wanted), np.int64)

    def embeddings(self, uri: str, dimension: int) -> Rows:
        """The full-size rows of a document's chunks in reading order."""
        _, rows = self.rows(self.chunk_ids(uri), dimension)
        return rows

    def chunk_languages(self) -> dict[str, int]:
        """How many chunks each language has, most first."""
        return self._tally(chunk.c.language)

    def document_formats(self) -> dict[str, int]:
        """How many documents each format has, most first."""
        return self._tally(document.c.format)

    def _tally(self, column: ColumnElement[str]) -> dict[str, int]:
        rows = self.connection.execute(select(column, func.count()).group_by(column))
        return dict(sorted(((name, count) for name, count in rows), key=lambda pair: (-pair[1], pair[0])))

    def _uri(self, document_id: int) -> str:
        return str(self.connection.scalar(select(document.c.uri).where(document.c.id == document_id)))

    # -- the ledger --------------------------------------------------------------------------------

    def ledger(self) -> list[LedgerRow]:
        """The whole ledger, sorted by uri."""
        return self._ledger(select(ledger))

    def failures(self) -> list[LedgerRow]:
        """The files that are not in the index, sorted by uri."""
        return self._ledger(select(ledger).where(ledger.c.state.in_(sorted(FAILURES))))

    def _ledger(self, wanted: Select[Any]) -> list[LedgerRow]:
        rows = self.connection.execute(wanted).all()
        with sound(self.where):
            return sorted((LedgerRow(**row._mapping) for row in rows), key=lambda row: row.uri)

    def last_checked(self) -> Any:
        """When a file was last looked at, None if none was."""
        return self.connection.scalar(select(func.max(ledger.c.checked_at, type_=schema.Moment)))


def chunk_of(row: Any) -> Chunk:
    """A row of the table as the chunk it stands for."""
    return Chunk(Span(row.start, row.end), row.language, row.tokens, row.page, row.section)


def _parts(ids: Sequence[int] | Ids) -> Iterator[list[int]]:
    plain = [int(key) for key in ids]
    for start in range(0, len(plain), _AT_ONCE):
        yield plain[start : start + _AT_ONCE]


def _admitted(where: Filter) -> ColumnElement[bool]:
    """What a filter asks of a document."""
    wishes: list[ColumnElement[bool]] = []
    if where.formats:
        wishes.append(document.c.format.in_(sorted(where.formats)))
    if where.under:
        wishes.append(or_(*(_is_under(folder) for folder in sorted(where.under))))
    if where.since is not None:
        wishes.append(document.c.modified >= where.since)
    if where.until is not None:
        wishes.append(document.c.modified < where.until)
    return and_(*wishes)


def _is_under(folder: str) -> ColumnElement[bool]:
    """The folder's own name, or anything below it; compared as text, for LIKE knows wildcards and ignores case."""
    separator = "/" if "/" in folder else "\\"
    inside = folder.rstrip(separator) + separator
    return or_(document.c.uri == folder, func.substr(document.c.uri, 1, len(inside)) == inside)
