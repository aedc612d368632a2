"""The ingest loop: documents are read and written while the encoder works on others.

    plan -> prepare (readers' processes, chunker, languages) -> embed (several documents a batch) -> store

Each document is stored by one transaction of its own, in the order of the plan, and reported when it is stored. A
kill at any moment loses at most the batches in hand, and the next run goes on where this one stopped. Reading and
embedding can be done by other machines (`ingest/cluster/`); what they make is stored here, by the same loop.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from jv3search.encoders.port import Encoder
from jv3search.errors import EmptyDocument, ReadError
from jv3search.indexes import FAILURES, IndexWriter, LedgerRow
from jv3search.ingest.ahead import Ahead
from jv3search.ingest.behind import Behind
from jv3search.ingest.embed import Embedder, Known
from jv3search.ingest.plan import Plan, Planned
from jv3search.ingest.prepare import Content, Prepared, prepare, read_once
from jv3search.ingest.walk import Found
from jv3search.readers import SandboxedReader
from jv3search.translations.linking import link_translations
from jv3search.types import EmbeddedDocument, Source

_BATCH_TOKENS = 8192  # of whole documents given to the encoder at once, or one of its passes if that takes more
_AHEAD = 16 << 20  # bytes of prepared documents that may wait for the encoder: some 400,000 tokens
_MOST_READERS = 4  # processes; for most documents reading is the smaller part of the work

Made = TypeVar("Made")

Item = Prepared | LedgerRow
"""What comes of a file before it is embedded: a document, or the row that says why there is none."""

Outcome = LedgerRow | tuple[EmbeddedDocument, LedgerRow]
"""What is stored of a file."""

Outcomes = Callable[
    [Sequence[Planned], IndexWriter, Callable[[int], None]], AbstractContextManager[Iterator[list[Outcome]]]
]
"""Reads and embeds files, telling the tokens of each forward pass: their outcomes in order, some at a time."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Who is told what while an ingest runs, in this order.

    on_found     the files there are
    on_compared  that one more of them was compared with the index
    on_plan      what will be done with each
    on_row       a file's outcome, as its ledger row
    on_tokens    the number of tokens of each forward pass
    """

    on_found: Callable[[Found], None] = lambda found: None
    on_compared: Callable[[], None] = lambda: None
    on_plan: Callable[[Plan], None] = lambda plan: None
    on_row: Callable[[LedgerRow], None] = lambda row: None
    on_tokens: Callable[[int], None] = lambda tokens: None


def apply_without_encoding(plan: Plan, writer: IndexWriter, *, prune: bool, progress: Progress) -> list[LedgerRow]:
    """Do all of a plan that needs no model, and return the ledger rows of these files."""
    link_translations(writer)  # what a run that was cut off left
    rows = list(_without_encoding(plan, writer))
    for row in rows:
        progress.on_row(row)
    if prune:
        for uri in plan.vanished:
            writer.remove(uri)
    return rows


def embed(plan: Plan, writer: IndexWriter, outcomes: Outcomes, progress: Progress) -> list[LedgerRow]:
    """Have a plan's new and changed files read and embedded, and store them; one that fails stops no other."""
    rows: list[LedgerRow] = []

    def finished(row: LedgerRow) -> None:
        rows.append(row)
        progress.on_row(row)

    todo = plan.of("add", "replace")
    with outcomes(todo, writer, progress.on_tokens) as stream, Behind(finished) as storing:
        for batch in stream:
            storing.settle()  # one batch at most is embedded and not stored
            for outcome in batch:
                storing.add(
                    partial(_store, writer, outcome), outcome if isinstance(outcome, LedgerRow) else outcome[1]
                )
    link_translations(writer)
    return rows


@contextmanager
def embedded_here(
    encoder: Encoder,
    chunk_tokens: int,
    todo: Sequence[Planned],
    writer: IndexWriter,
    on_tokens: Callable[[int], None],
) -> Iterator[Iterator[list[Outcome]]]:
    """The outcomes of files that this process reads and embeds."""
    embedder = Embedder(encoder, Known(writer), on_tokens)
    with _prepared(todo, encoder, chunk_tokens) as stream:
        yield (list(_embedded(batch, embedder)) for batch in batches(stream, batch_tokens(encoder), _tokens))


def batch_tokens(encoder: Encoder) -> int:
    """How many tokens of whole documents are given to an encoder at once."""
    return max(_BATCH_TOKENS, encoder.batch_tokens)


def _without_encoding(plan: Plan, writer: IndexWriter) -> Iterator[LedgerRow]:
    """Moves, files that stayed as they are, and files that cannot be read at all."""
    known, documents = writer.known(), writer.documents()
    for uri, row in known.items():
        if row.state in FAILURES and uri not in documents and not Path(uri).exists():
            writer.remove(uri)  # a failure of a file that is gone concerns nobody
    rows = [_unchanged(known[planned.source.uri], planned.source) for planned in plan.of("keep")]
    rows += [_row(p.source, state="unsupported", reason=p.reason) for p in plan.of("unsupported")]
    rows += [_row(p.source, state="failed", reason=p.reason) for p in plan.of("fail")]
    writer.record(*(row for row in rows if _is_news(row, known.get(row.uri))))
    yield from rows
    for planned in plan.of("move"):
        reason = f"moved from {planned.moved_from}"
        before = known[planned.moved_from]
        row = replace(before, uri=planned.source.uri, state="done", reason=reason, checked_at=_now(), seconds=0.0)
        writer.move(planned.moved_from, planned.source.uri, row)
        yield row


def _is_news(row: LedgerRow, before: LedgerRow | None) -> bool:
    """Whether the ledger does not say so already: a file that stays as it was is not written again."""
    return before is None or _essence(row) != _essence(before)


def _essence(row: LedgerRow) -> tuple[object, ...]:
    return row.digest, row.size, row.reason, row.state if row.state in FAILURES else ""


def _unchanged(row: LedgerRow, source: Source) -> LedgerRow:
    """A file's row, looked at again: its remarks stay, those of a failure that is over do not."""
    reason = "" if row.state in FAILURES else row.reason
    return replace(
        row,
        digest=source.digest,
        size=source.size,
        state="unchanged",
        reason=reason,
        checked_at=_now(),
        seconds=0.0,
    )


@contextmanager
def _prepared(todo: Sequence[Planned], encoder: Encoder, chunk_tokens: int) -> Iterator[Iterator[Item]]:
    """What comes of each file, in order, made ahead of whoever asks."""
    idle: SimpleQueue[SandboxedReader] = SimpleQueue()

    def work(planned: Planned) -> Item:
        reader = idle.get()
        try:
            return attempt(planned, lambda content, name: prepare(content, name, reader, encoder, chunk_tokens))
        finally:
            idle.put(reader)

    count = max(1, min(reader_processes(), len(todo)))
    with ExitStack() as stack:
        for _ in range(count):
            idle.put(stack.enter_context(SandboxedReader()))
        yield stack.enter_context(Ahead(todo, work, threads=count, room=_AHEAD, size=_memory))


def reader_processes() -> int:
    """One for every two cores, for the encoder uses all of them too."""
    return max(1, min(_MOST_READERS, (os.cpu_count() or 1) // 2))


def _memory(item: Item) -> int:
    return item.memory if isinstance(item, Prepared) else 0


def attempt(planned: Planned, work: Callable[[Content, str], Made]) -> Made | LedgerRow:
    """What `work` makes of a file's content and name, or the row of an error that concerns only this file."""
    kept = " (its previous version can still be found)" if planned.action == "replace" else ""
    source = planned.source
    try:
        content = read_once(planned)
        source = content.source
        return work(content, planned.path.name)
    except EmptyDocument as error:
        return _row(source, state="empty", reason=f"{error}{kept}")
    except ReadError as error:  # an unsupported content under a supported name, too: the user should hear of it
        return _row(source, state="failed", reason=f"{error}{kept}")


def batches(stream: Iterable[Made], tokens: int, count: Callable[[Made], int]) -> Iterator[list[Made]]:
    """Items in batches of about so many tokens, in their order; `count` says how many an item has."""
    batch: list[Made] = []
    held = 0
    for item in stream:
        batch.append(item)
        held += count(item)
        if held >= tokens:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _tokens(item: Item) -> int:
    return len(item.tokens) if isinstance(item, Prepared) else 0


def _embedded(batch: Sequence[Item], embedder: Embedder) -> Iterator[Outcome]:
    """The batch in its order, with every document embedded."""
    documents = [item for item in batch if isinstance(item, Prepared)]
    embedded = iter(embed_timed(documents, embedder))
    for item in batch:
        yield item if isinstance(item, LedgerRow) else done(*next(embedded))


def embed_timed(documents: Sequence[Prepared], embedder: Embedder) -> list[tuple[EmbeddedDocument, float]]:
    """The documents embedded, each with the seconds that it took, reading included."""
    began = time.perf_counter()
    embedded = embedder.embed(documents)
    a_token = (time.perf_counter() - began) / max(1, sum(len(item.tokens) for item in documents))
    seconds = [item.seconds + a_token * len(item.tokens) for item in documents]
    return list(zip(embedded, seconds, strict=True))


def done(embedded: EmbeddedDocument, seconds: float) -> tuple[EmbeddedDocument, LedgerRow]:
    """An embedded document with its ledger row."""
    row = _row(
        embedded.source,
        state="done",
        reason="; ".join(embedded.document.notices),
        pages=len(embedded.document.pages),
        chunks=len(embedded.chunks),
        language=embedded.language,
        seconds=round(seconds, 3),
    )
    return embedded, row


def _store(writer: IndexWriter, outcome: Outcome) -> None:
    if isinstance(outcome, LedgerRow):
        writer.record(outcome)
    else:
        writer.replace(*outcome)


def _row(source: Source, **values: object) -> LedgerRow:
    return LedgerRow(
        uri=source.uri,
        digest=source.digest,
        size=source.size,
        checked_at=_now(),
        **values,  # type: ignore[arg-type]
    )


def _now() -> datetime:
    return datetime.now(UTC)
