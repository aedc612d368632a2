"""The ingest loop: read, split and tokenise the next files while the encoder works on the last ones.

    plan -> prepare (reader's child, chunker, language)  -> encode (several documents a batch) -> store

Each document is stored by one transaction of its own, so a kill at any moment loses at most the batch in
hand, and the next run goes on where this one stopped.
"""

from __future__ import annotations

import hashlib
import time
from bisect import bisect_right
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from jv3search.encoders.late_chunking import TokenizedText, join_tokenless, token_ranges
from jv3search.encoders.port import Encoder
from jv3search.errors import EmptyDocument, ReadError
from jv3search.indexes import FAILURES, IndexWriter, LedgerRow
from jv3search.ingest.chunks import chunk_spans
from jv3search.ingest.document_vectors import document_vectors
from jv3search.ingest.plan import Plan, Planned
from jv3search.ingest.walk import Found
from jv3search.readers import SandboxedReader, fetch
from jv3search.text.language import detect, document_language
from jv3search.translations.linking import link_translations
from jv3search.types import (
    UNKNOWN_LANGUAGE,
    Chunk,
    Document,
    EmbeddedDocument,
    Page,
    Section,
    Source,
    Span,
    section_at,
)

_BATCH_TOKENS = 8192  # of whole documents given to the encoder at once, or one of its passes if that takes more
_READ_AHEAD = 8  # documents prepared while the encoder works


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that is read, tokenised and split, and waits for its embeddings."""

    source: Source
    document: Document
    language: str
    tokens: TokenizedText
    chunks: tuple[Chunk, ...]
    seconds: float


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

    with SandboxedReader() as reader, closing(_prepared(plan, reader, encoder, chunk_tokens)) as stream:
        for batch in _batches(stream, finished, writer, max(_BATCH_TOKENS, encoder.batch_tokens)):
            for row in _store(batch, writer, encoder, progress):
                finished(row)
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


def _prepared(
    plan: Plan, reader: SandboxedReader, encoder: Encoder, chunk_tokens: int
) -> Generator[Prepared | LedgerRow]:
    """Prepared documents in order, up to `_READ_AHEAD` ahead of whoever asks; a row where there is none."""
    todo = iter(plan.of("add", "replace"))
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prepare") as pool:
        try:
            waiting = [pool.submit(_try, p, reader, encoder, chunk_tokens) for p in islice(todo, _READ_AHEAD)]
            while waiting:
                first: Future[Prepared | LedgerRow] = waiting.pop(0)
                for planned in islice(todo, 1):
                    waiting.append(pool.submit(_try, planned, reader, encoder, chunk_tokens))
                yield first.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _try(planned: Planned, reader: SandboxedReader, encoder: Encoder, chunk_tokens: int) -> Prepared | LedgerRow:
    """`prepare`, with a ledger row in place of an error that concerns only this file."""
    kept = " (its previous version can still be found)" if planned.action == "replace" else ""
    try:
        return prepare(planned, reader, encoder, chunk_tokens)
    except EmptyDocument as error:
        return _row(planned.source, state="empty", reason=f"{error}{kept}")
    except ReadError as error:  # an unsupported content under a supported name, too: the user should hear of it
        return _row(planned.source, state="failed", reason=f"{error}{kept}")


def prepare(planned: Planned, reader: SandboxedReader, encoder: Encoder, chunk_tokens: int) -> Prepared:
    """Read, tokenise and split one file; ReadError says why it cannot be done."""
    began = time.perf_counter()
    data = fetch(planned.path)  # the digest is of these very bytes, should the file have changed since the plan
    source = replace(planned.source, digest=hashlib.sha256(data).hexdigest(), size=len(data))
    document = reader.read_bytes(data, planned.path.name)
    tokens = encoder.tokenize(document.text)
    spans = join_tokenless(tokens, chunk_spans(document, tokens.starts, chunk_tokens))
    if not spans:
        raise EmptyDocument(f"{planned.path.name} has no word that the model knows")
    chunks, language = make_chunks(document, tokens, spans)
    return Prepared(source, document, language, tokens, chunks, time.perf_counter() - began)


def make_chunks(document: Document, tokens: TokenizedText, spans: Sequence[Span]) -> tuple[tuple[Chunk, ...], str]:
    """Chunks with language, page and section, and the document's language, which unsure chunks take over."""
    languages = [detect(span.of(document.text)) for span in spans]
    whole = document_language(languages, [len(span) for span in spans])
    page_starts = [page.span.start for page in document.pages]
    section_starts = [section.span.start for section in document.sections]
    chunks = tuple(
        Chunk(
            span=span,
            language=whole if language == UNKNOWN_LANGUAGE else language,
            tokens=last - first,
            page=_page_at(document.pages, page_starts, span.start),
            section=_section_of(document.sections, section_starts, span),
        )
        for span, language, (first, last) in zip(spans, languages, token_ranges(tokens, spans), strict=True)
    )
    return chunks, whole


def _batches(
    stream: Iterator[Prepared | LedgerRow],
    finished: Callable[[LedgerRow], None],
    writer: IndexWriter,
    tokens: int,
) -> Iterator[list[Prepared]]:
    """Prepared documents in batches of about so many tokens; failures are reported on the way."""
    batch: list[Prepared] = []
    for item in stream:
        if isinstance(item, LedgerRow):
            writer.record(item)
            finished(item)
            continue
        batch.append(item)
        if sum(len(prepared.tokens) for prepared in batch) >= tokens:
            yield batch
            batch = []
    if batch:
        yield batch


def _store(
    batch: Sequence[Prepared], writer: IndexWriter, encoder: Encoder, progress: Progress
) -> Iterator[LedgerRow]:
    began = time.perf_counter()
    passages = [(prepared.tokens, [chunk.span for chunk in prepared.chunks]) for prepared in batch]
    embeddings = encoder.encode_documents(passages, on_tokens=progress.on_tokens)
    vectors = document_vectors(passages, encoder)
    a_token = (time.perf_counter() - began) / sum(len(prepared.tokens) for prepared in batch)
    for prepared, rows, of_document in zip(batch, embeddings, vectors, strict=True):
        row = _row(
            prepared.source,
            state="done",
            reason="; ".join(prepared.document.notices),
            pages=len(prepared.document.pages),
            chunks=len(prepared.chunks),
            language=prepared.language,
            seconds=round(prepared.seconds + a_token * len(prepared.tokens), 3),
        )
        embedded = EmbeddedDocument(
            prepared.source, prepared.document, prepared.language, prepared.chunks, rows, of_document
        )
        writer.replace(embedded, row)
        yield row


def _page_at(pages: Sequence[Page], starts: Sequence[int], start: int) -> int | None:
    """Number of the last page that starts at `start` or before; `starts` are the pages'."""
    before = bisect_right(starts, start)
    return pages[before - 1].number if before else None


def _section_of(sections: Sequence[Section], starts: Sequence[int], span: Span) -> str | None:
    """Title of the section that holds most of a chunk: small ones share a chunk."""
    at = section_at(sections, starts, span)
    return None if at is None else sections[at].title


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
