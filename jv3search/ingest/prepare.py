"""From a file to a document that waits for its embeddings: read, tokenised, split, its languages known."""

from __future__ import annotations

import hashlib
import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from jv3search.encoders.late_chunking import TokenizedText, TokenRange, chunk_ranges
from jv3search.encoders.port import ChunkedText, Tokenizer
from jv3search.errors import EmptyDocument
from jv3search.ingest.chunks import chunk_spans
from jv3search.ingest.plan import Planned
from jv3search.readers import SandboxedReader, fetch
from jv3search.text.language import detect, document_language
from jv3search.types import UNKNOWN_LANGUAGE, Chunk, Document, Page, Section, Source, Span, section_at


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that waits for its embeddings; `text` is what the encoder makes them from.

    `key` is the same for the same text in the same chunks and sections: the embeddings are the same then.
    """

    key: bytes
    source: Source
    document: Document
    language: str
    text: ChunkedText
    chunks: tuple[Chunk, ...]
    seconds: float

    @property
    def tokens(self) -> TokenizedText:
        """The tokens of the document's text."""
        return self.text.tokens

    @property
    def memory(self) -> int:
        """About how many bytes it takes: four for a character, 24 for a token."""
        return 4 * len(self.document.text) + self.tokens.ids.nbytes + self.tokens.offsets.nbytes


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a file, and its source as these bytes make it."""

    data: bytes
    source: Source


def read_once(planned: Planned) -> Content:
    """A file's bytes and their digest, should the file have changed since the plan; ReadError says why not."""
    data = fetch(planned.path)
    return Content(data, replace(planned.source, digest=hashlib.sha256(data).hexdigest(), size=len(data)))


def prepare(
    content: Content, name: str, reader: SandboxedReader, tokenizer: Tokenizer, chunk_tokens: int
) -> Prepared:
    """Read, tokenise and split what a file called `name` holds; ReadError says why it cannot be done."""
    began = time.perf_counter()
    document = reader.read_bytes(content.data, name)
    text, chunks, language = split(document, tokenizer, chunk_tokens)
    if not chunks:
        raise EmptyDocument(f"{name} has no word that the model knows")
    key = _key(document.text, [chunk.span for chunk in chunks], text.opening)
    seconds = time.perf_counter() - began
    return Prepared(key, content.source, document, language, text, chunks, seconds)


def split(
    document: Document, tokenizer: Tokenizer, chunk_tokens: int
) -> tuple[ChunkedText, tuple[Chunk, ...], str]:
    """What the encoder embeds of a document, its chunks, and its language; no chunk if the model knows no word."""
    tokens = tokenizer.tokenize(document.text)
    spans, ranges = chunk_ranges(tokens, chunk_spans(document, tokens.starts, chunk_tokens))
    chunks, language = make_chunks(document, spans, ranges)
    return ChunkedText(tokens, ranges, opening(document.sections, spans)), chunks, language


def opening(sections: Sequence[Section], spans: Sequence[Span]) -> list[int]:
    """The numbers of the chunks in which a section begins."""
    starts = [section.span.start for section in sections]
    return [
        number
        for number, span in enumerate(spans)
        if bisect_left(starts, span.end) > bisect_left(starts, span.start)
    ]


def make_chunks(
    document: Document, spans: Sequence[Span], ranges: Sequence[TokenRange]
) -> tuple[tuple[Chunk, ...], str]:
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
        for span, language, (first, last) in zip(spans, languages, ranges, strict=True)
    )
    return chunks, whole


def _key(text: str, spans: Sequence[Span], opening: Sequence[int]) -> bytes:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    digest.update(repr(([(span.start, span.end) for span in spans], opening)).encode())
    return digest.digest()


def _page_at(pages: Sequence[Page], starts: Sequence[int], start: int) -> int | None:
    """Number of the last page that starts at `start` or before; `starts` are the pages'."""
    before = bisect_right(starts, start)
    return pages[before - 1].number if before else None


def _section_of(sections: Sequence[Section], starts: Sequence[int], span: Span) -> str | None:
    """Title of the section that holds most of a chunk: small ones share a chunk."""
    at = section_at(sections, starts, span)
    return None if at is None else sections[at].title
