"""The ingest loop: documents are read and written while the encoder works on others.

    plan -> prepare (readers' processes, chunker, languages) -> embed (several documents a batch) -> store

Each document is stored by one transaction of its own, in the order of the plan, and reported when it is stored. A
kill at any moment loses at most the batches in hand, and the next run goes on where this one stopped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from jv3search.encoders.port import Encoder
from jv3search.errors import EmptyDocument, ReadError
from jv3search.indexes import FAILURES, IndexWriter, LedgerRow
from jv3search.ingest.ahead import Ahead
from jv3search.ingest.behind import Behind
from jv3search.ingest.embed import Embedder
from jv3search.ingest.plan import Plan, Planned
from jv3search.ingest.prepare import Prepared, prepare, read_once
from jv3search.ingest.walk import Found
from jv3search.readers import SandboxedReader
from jv3search.translations.linking import link_translations
from jv3search.types import EmbeddedDocument, Source

_BATCH_TOKENS = 8192  # of whole documents given to the encoder at once, or one of its passes if that takes more
_AHEAD = 16 << 20  # bytes of prepared documents that may wait for the encoder: some 400,000 tokens
_MOST_READERS = 4  # processes; for most documents reading is the smaller part of the work

Item = Prepared | LedgerRow
"""What comes of a file before it is embedded: a document, or the row that says why there is none."""


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


def embed(
    plan: Plan, writer: IndexWriter, encoder: Encoder, *, chunk_tokens: int, progress: Progress
) -> list[LedgerRow]:
    """Read, embed and store a plan's new and changed files; one that fails never stops the others."""
    rows: list[LedgerRow] = []

    def finished(row: LedgerRow) -> None:
        rows.append(row)
        progress.on_row(row)

    embedder = Embedder(encoder, writer, progress.on_tokens)
    todo = plan.of("add", "replace")
    with _prepared(todo, encoder, chunk_tokens) as stream, Behind(finished) as storing:
        for batch in _batches(stream, max(_BATCH_TOKENS, encoder.batch_tokens)):
            stored = list(_embedded(batch, embedder))
            storing.settle()  # one batch at most is embedded and not stored
            for item in stored:
                storing.add(partial(_store, writer, item), item if isinstance(item, LedgerRow) else item[1])
    link_translations(writer)
    return rows


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
            return _try(planned, reader, encoder, chunk_tokens)
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


def _try(planned: Planned, reader: SandboxedReader, encoder: Encoder, chunk_tokens: int) -> Item:
    """A prepared document, with a ledger row in place of an error that concerns only this file."""
    kept = " (its previous version can still be found)" if planned.action == "replace" else ""
    source = planned.source
    try:
        content = read_once(planned)
        source = content.source
        return prepare(content, planned.path.name, reader, encoder, chunk_tokens)
    except EmptyDocument as error:
        return _row(source, state="empty", reason=f"{error}{kept}")
    except ReadError as error:  # an unsupported content under a supported name, too: the user should hear of it
        return _row(source, state="failed", reason=f"{error}{kept}")


def _batches(stream: Iterator[Item], tokens: int) -> Iterator[list[Item]]:
    """Prepared documents in batches of about so many tokens, failures between them."""
    batch: list[Item] = []
    held = 0
    for item in stream:
        batch.append(item)
        held += len(item.tokens) if isinstance(item, Prepared) else 0
        if held >= tokens:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


Outcome = LedgerRow | tuple[EmbeddedDocument, LedgerRow]
"""What is stored of a file."""


def _embedded(batch: Sequence[Item], embedder: Embedder) -> Iterator[Outcome]:
    """The batch in its order, with every document embedded."""
    began = time.perf_counter()
    documents = [item for item in batch if isinstance(item, Prepared)]
    embedded = iter(embedder.embed(documents))
    a_token = (time.perf_counter() - began) / max(1, sum(len(item.tokens) for item in documents))
    for item in batch:
        yield item if isinstance(item, LedgerRow) else (next(embedded), _done(item, a_token))


def _done(prepared: Prepared, a_token: float) -> LedgerRow:
    return _row(
        prepared.source,
        state="done",
        reason="; ".join(prepared.document.notices),
        pages=len(prepared.document.pages),
        chunks=len(prepared.chunks),
        language=prepared.language,
        seconds=round(prepared.seconds + a_token * len(prepared.tokens), 3),
    )


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
