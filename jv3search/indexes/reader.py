"""Searching an index while it may be growing: every search sees the catalog as it is at that moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from jv3search.errors import InputError, JV3SearchError
from jv3search.indexes import accelerator, translations
from jv3search.indexes.catalog import Catalog
from jv3search.indexes.context import context
from jv3search.indexes.dial import Dial
from jv3search.indexes.fairness import Background, background, nearest
from jv3search.indexes.faults import sound
from jv3search.indexes.keywords.terms import stemmed
from jv3search.indexes.ranking import Survivors, ranked, scored
from jv3search.indexes.rows import Context, DocumentRow, LedgerRow, Status
from jv3search.indexes.status import status
from jv3search.indexes.vectors.port import unit_rows
from jv3search.indexes.vectors.snapshot import Snapshot
from jv3search.indexes.view import View
from jv3search.types import UNKNOWN_LANGUAGE, Chunk, Document, Embedding, Filter, Hit, Span, Task, Vote

_EVERYTHING = Filter()
_FILTERS_KEPT = 256  # filters whose survivors are remembered until the index changes


class Reader:
    """An index to search, from any number of threads. `notices` are for the user to see."""

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self._catalog = catalog
        self._folder = folder
        self._refreshing = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._survivors: dict[tuple[str, int, Filter], Survivors] = {}
        self._rebuild: threading.Thread | None = None
        self._spoken: tuple[tuple[str, int], dict[str, Survivors]] | None = None
        self._background: tuple[str, Background] | None = None
        self._stemmed: tuple[tuple[str, int], tuple[str, ...]] | None = None
        self.notices: list[str] = []
        with catalog.read() as view:
            self.recipe = view.info().recipe
        catalog.require_format()  # of an older index a reader knows no more than what made it

    @property
    def dimension(self) -> int:
        """The dimension that is searched now."""
        with self._catalog.read() as view:
            return view.info().dimension

    @property
    def kind(self) -> str:
        """How it is searched now: "auto", "flat" or "ivf"."""
        with self._catalog.read() as view:
            return view.info().kind

    def search(self, query: Embedding, k: int, where: Filter = _EVERYTHING) -> list[Hit]:
        """The k best chunks that `where` admits, best first, equal ones by id; `query` is a full-size vector."""
        with self._current() as (view, snapshot):
            self._check(query, k)
            survivors = self._admitted(view, snapshot, where) if where else None
            ids, scores = ranked(view, snapshot, query, k, survivors)
            return _hits(view, [int(key) for key in ids], [float(score) for score in scores])

    def nearest(self, query: Embedding, k: int, where: Filter = _EVERYTHING) -> list[Hit]:
        """The k chunks that stand out most among those of their language, best first, with the dense vote."""
        with self._current() as (view, snapshot):
            self._check(query, k)
            languages = self._languages(view, snapshot)
            ids, scores, fair = nearest(
                view,
                snapshot,
                query,
                k,
                self._admitted(view, snapshot, where) if where else None,
                {name: chunks for name, chunks in languages.items() if name in (where.languages or languages)},
                *self._heard(view, snapshot, languages).of(unit_rows(query, len(query))),
                lambda name: self._admitted(view, snapshot, replace(where, languages=frozenset((name,)))),
            )
            hits = _hits(view, [int(key) for key in ids], [float(score) for score in scores])
        return [
            replace(hit, votes=(Vote("dense", hit.rank, hit.score, fair=float(stands_out)),))
            for hit, stands_out in zip(hits, fair, strict=True)
        ]

    def match(
        self, words: str, k: int, where: Filter = _EVERYTHING, language: str = UNKNOWN_LANGUAGE
    ) -> list[Hit]:
        """The k chunks that `where` admits in which the rarest of some words are most frequent, best first.

        `words` are any text at all: a chunk needs one of them, inflected as in `language` (as in any language of
        the index if that is unknown); word* stands for every word that begins so. Of more than 500 words
        the rarest count. Scores are BM25, equal ones are ordered by id.
        """
        if k < 1:
            raise InputError(f"k is {k}: ask for at least 1 hit")
        with self._catalog.read() as view:
            found = view.match(words, k, where, self._inflected(view, language, where))
            return _hits(view, [key for key, _ in found], [score for _, score in found])

    def cosines(self, ids: Sequence[int], query: Embedding) -> dict[int, float]:
        """The cosine with a query of each of some chunks; those that left the index meanwhile are left out."""
        with self._catalog.read() as view:
            held = view.held(ids)
            found, scores = scored(view, held, unit_rows(query, len(query)))
        return dict(zip(found.tolist(), scores.tolist(), strict=True))

    def status(self) -> Status:
        """The index at a glance."""
        with self._catalog.read() as view:
            return status(view, self._folder)

    def documents(self) -> list[DocumentRow]:
        """Every document, sorted by uri."""
        with self._catalog.read() as view:
            return view.documents()

    def ledger(self) -> list[LedgerRow]:
        """What came of every file, sorted by uri."""
        with self._catalog.read() as view:
            return view.ledger()

    def document(self, uri: str) -> Document:
        """A document as it was read; InputError if it is not in the index."""
        with self._catalog.read() as view:
            return view.document(uri)

    def text(self, uri: str) -> str:
        """A document's text; InputError if it is not in the index."""
        return self.document(uri).text

    def chunks(self, uri: str) -> list[Chunk]:
        """A document's chunks in reading order; empty if it is not in the index."""
        with self._catalog.read() as view:
            return view.chunks(uri)

    def chunk_ids(self, uri: str) -> list[int]:
        """The ids of a document's chunks in reading order; empty if it is not in the index."""
        with self._catalog.read() as view:
            return [int(key) for key in view.chunk_ids(uri)]

    def embeddings(self, uri: str) -> Embedding:
        """The full-size unit rows of a document's chunks in reading order, as they are stored."""
        with self._catalog.read() as view:
            return unit_rows(view.embeddings(uri, self.recipe.dimension), self.recipe.dimension)

    def dial(self, dimension: int, kind: str | None = None) -> Dial:
        """This index in memory at another dimension, to see what that would be like."""
        return Dial(self._catalog, dimension, kind)

    def context(self, chunk_id: int, neighbours: int | None) -> Context:
        """A chunk among so many neighbours on either side (None: all of its section), none outside its section.

        InputError if the chunk is not in the index.
        """
        with self._catalog.read() as view:
            return context(view, chunk_id, neighbours)

    def document_vectors(self, task: Task) -> tuple[list[str], Embedding]:
        """The uris of all documents that have a vector under `task`, sorted, and (N, dimension) unit rows."""
        with self._catalog.read() as view:
            found, rows = translations.vectors(view, task, self.recipe.dimension)
            return [uri for _, uri, _ in found], unit_rows(rows, self.recipe.dimension)

    def translations_of(self, uri: str) -> list[tuple[str, str, float]]:
        """(uri, language, score) of the documents that are translations of one, best first."""
        with self._catalog.read() as view:
            return translations.of_document(view, uri)

    def aligned(self, ids: Sequence[int], where: Filter = _EVERYTHING) -> dict[int, list[tuple[int, float]]]:
        """The chunks of `translations` by id with their cosines, without their texts."""
        with self._current() as (view, snapshot):
            return self._aligned(view, snapshot, ids, where)

    def translations(self, ids: Sequence[int], where: Filter = _EVERYTHING) -> dict[int, list[Hit]]:
        """The passages that `where` admits which say the same in another language, by chunk, most alike first.

        The score of a hit is its cosine with the chunk; chunks without translation are left out.
        """
        with self._current() as (view, snapshot):
            linked = self._aligned(view, snapshot, ids, where)
            rows = view.found(sorted({other for found in linked.values() for other, _ in found}))
            with sound(view.where):
                return {
                    own: [_hit(rank, rows[other], cosine) for rank, (other, cosine) in enumerate(found, 1)]
                    for own, found in linked.items()
                }

    def close(self) -> None:
        """Let go of the index."""
        rebuild = self._rebuild
        if rebuild is not None:
            rebuild.join()
        self._catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, query: Embedding, k: int) -> None:
        if k < 1:
            raise InputError(f"k is {k}: ask for at least 1 hit")
        if query.shape != (self.recipe.dimension,):
            raise InputError(f"a query of shape {query.shape}; the index has vectors of {self.recipe.dimension}")
        if not np.isfinite(query).all():
            raise InputError("the query's embedding holds values that are not finite numbers")

    @contextmanager
    def _current(self) -> Iterator[tuple[View, Snapshot]]:
        """One state of the catalog and the vectors of exactly that state."""
        with ExitStack() as stack:
            with self._refreshing:  # so that no thread sees an older catalog than the vectors are of
                view = stack.enter_context(self._catalog.read())
                snapshot = self._refreshed(view)
            yield view, snapshot

    def _refreshed(self, view: View) -> Snapshot:
        snapshot = self._snapshot
        if snapshot is not None and (snapshot.identity, snapshot.generation) == view.stamp():
            return snapshot
        view.info().recipe.require(self.recipe, view.where)  # it may have been made anew by another model
        snapshot = None if snapshot is None else accelerator.refreshed(snapshot, view)
        self._snapshot = snapshot or self._opened(view)
        self._survivors = {}
        if self._snapshot.stale and self._rebuild is None:
            self._rebuild = threading.Thread(target=self._build_aside, name="jv3search-rebuild", daemon=True)
            self._rebuild.start()
        return self._snapshot

    def _opened(self, view: View) -> Snapshot:
        snapshot, new = accelerator.opened(self._folder, view, self.notices)
        if new:
            accelerator.save(self._folder, snapshot, [])  # a reader need not have the right to
        return snapshot

    def _build_aside(self) -> None:
        """Build the vectors again while searches go on with the old ones and what came since."""
        try:
            with self._catalog.read() as view:
                snapshot = self._opened(view)
            with self._refreshing:
                self._snapshot = snapshot  # the next search tops it up
        except JV3SearchError as error:
            self.notices.append(str(error))
        finally:
            self._rebuild = None

    def _inflected(self, view: View, language: str, where: Filter) -> tuple[str, ...]:
        """The languages in whose forms words are to be found."""
        if language != UNKNOWN_LANGUAGE:
            return (language,)
        if where.languages:
            return stemmed(where.languages)
        stamp = view.stamp()
        if self._stemmed is None or self._stemmed[0] != stamp:
            self._stemmed = (stamp, stemmed(view.chunk_languages()))
        return self._stemmed[1]

    def _languages(self, view: View, snapshot: Snapshot) -> dict[str, Survivors]:
        """All chunks of each language."""
        key = (snapshot.identity, snapshot.generation)
        if self._spoken is None or self._spoken[0] != key:
            names = sorted(view.chunk_languages())
            found = {name: self._admitted(view, snapshot, Filter(languages=frozenset((name,)))) for name in names}
            self._spoken = (key, found)
        return self._spoken[1]

    def _heard(self, view: View, snapshot: Snapshot, languages: dict[str, Survivors]) -> Background:
        """The background of each language, taken anew when the index has grown or shrunk by a twentieth."""
        chunks = sum(len(of_one.ids) for of_one in languages.values())
        identity, known = self._background or ("", None)
        if known is None or identity != snapshot.identity or not known.serves(chunks, languages):
            known = background(view, languages, self.recipe.dimension)
            self._background = (snapshot.identity, known)
        return known

    def _aligned(
        self, view: View, snapshot: Snapshot, ids: Sequence[int], where: Filter
    ) -> dict[int, list[tuple[int, float]]]:
        linked = translations.of_chunks(view, ids)
        if not (where and linked):
            return linked
        admitted = self._admitted(view, snapshot, where)
        held = {own: _held(found, admitted) for own, found in linked.items()}
        return {own: found for own, found in held.items() if found}

    def _admitted(self, view: View, snapshot: Snapshot, where: Filter) -> Survivors:
        key = (snapshot.identity, snapshot.generation, where)
        known = self._survivors.get(key)
        if known is None:
            known = Survivors(view.survivors(where))
            if len(self._survivors) >= _FILTERS_KEPT:
                self._survivors = {}
            self._survivors[key] = known
        return known


def _held(found: list[tuple[int, float]], admitted: Survivors) -> list[tuple[int, float]]:
    held = admitted.hold(np.array([key for key, _ in found], np.int64))
    return [pair for pair, kept in zip(found, held.tolist(), strict=True) if kept]


def _hits(view: View, ids: list[int], scores: list[float]) -> list[Hit]:
    rows = view.found(ids)
    with sound(view.where):
        return [_hit(rank, rows[key], score) for rank, (key, score) in enumerate(zip(ids, scores, strict=True), 1)]


def _hit(rank: int, row: Any, score: float) -> Hit:
    return Hit(
        rank=rank,
        score=score,
        chunk_id=row.id,
        uri=row.uri,
        title=row.title,
        format=row.format,
        page=row.page,
        section=row.section,
        span=Span(row.start, row.end),
        language=row.language,
        text=row.text,
    )
