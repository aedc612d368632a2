"""MCP: the tools by which an agent searches and reads, every result with the place it can be quoted from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Annotated, Any, TypeVar, cast

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations
from pydantic import Field
from starlette.types import ASGIApp

from jv3search.answers.answering import answer
from jv3search.api.guard import MOST_BYTES, Access, Guard
from jv3search.api.mcp_changes import Changes
from jv3search.api.mcp_resources import DocumentServer
from jv3search.api.service import Service
from jv3search.errors import InputError, JV3SearchError
from jv3search.search.filters import language_codes, make_filter
from jv3search.types import Chunk, Hit, Mode

Tool = TypeVar("Tool", bound=Callable[..., Any])

_MOST_CHARACTERS = 20_000  # of one reading: about 5,000 tokens of an agent's context
_INSTRUCTIONS = """\
A local knowledge base of documents in many languages. Ask in any language: `search` finds passages in all of them.
Quote the passage in its own language, with file, page and section. If `nothing_relevant` is true, the documents
hold no answer: say so. `read` shows more around a hit, its whole section, or a document."""
_MAY_WRITE = " `ingest` reads files into it, `remove` takes a document out; do so only when you are asked to."


def create_server(service: Service, *, write: bool = False) -> MCPServer:
    """The server of an agent's tools over a service, which has been started; without `write` they only read."""
    server = DocumentServer(service.kb, _INSTRUCTIONS + (_MAY_WRITE if write else ""))
    tools, changes = Tools(service), Changes(service.kb)
    for tool in (tools.search, tools.answer, tools.read, tools.list_documents, tools.status):
        elsewhere = tool == tools.answer and bool(service.kb.settings.answers_url)  # a language model is asked
        _add(server, tool, ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=elsewhere))
    if write:
        _add(server, changes.ingest, ToolAnnotations(destructive_hint=False, open_world_hint=False))
        _add(server, changes.ingest_progress, ToolAnnotations(read_only_hint=True, open_world_hint=False))
        _add(server, changes.remove, ToolAnnotations(destructive_hint=True, open_world_hint=False))
    return server


def http_app(service: Service, access: Access, *, write: bool = False) -> ASGIApp:
    """The same by streamable HTTP at /mcp, without sessions, for no tool has any state."""
    app = create_server(service, write=write).streamable_http_app(
        stateless_http=True,
        json_response=True,
        max_request_body_size=MOST_BYTES,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),  # Guard does it
    )
    return Guard(app, access)


def _add(server: MCPServer, tool: Callable[..., Any], annotations: ToolAnnotations) -> None:
    server.add_tool(_with_our_errors(tool), annotations=annotations, structured_output=True)


def _with_our_errors(tool: Tool) -> Tool:
    """Have an agent read what was wrong with its request."""

    @wraps(tool)
    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return tool(*arguments, **options)
        except JV3SearchError as error:
            raise ToolError(str(error)) from None

    return cast(Tool, call)


Languages = Annotated[list[str] | None, Field(description="Only passages in these languages: ['de', 'ja'].")]
Formats = Annotated[list[str] | None, Field(description="Only documents of these formats: ['pdf'].")]


class Tools:
    """What an agent can do, over one service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._kb = service.kb

    def search(
        self,
        query: Annotated[str, Field(description="A question or words, in any language.")],
        k: Annotated[int, Field(ge=1, le=20, description="How many passages.")] = 5,
        mode: Annotated[Mode, Field(description="hybrid, dense (meaning) or keyword (words).")] = "hybrid",
        languages: Languages = None,
        formats: Formats = None,
        read: Annotated[
            list[str] | None, Field(description="Show a passage in the first of these languages it exists in.")
        ] = None,
    ) -> dict[str, Any]:
        """Find the passages that answer a question, whatever language they are written in.

        The query may hold "exact phrases", -word, word*, lang:ja, type:pdf, under:folder, since:2025-01-01 and
        until:2025-12-31. Each hit has file, page, section, span (characters), language, scores, the passage, and
        as quote its best sentence. nothing_relevant is true when no passage is likely to answer.
        """
        where = make_filter(languages=languages or (), formats=formats or ())
        shown = language_codes(read or ())
        self._service.wait()
        result = self._kb.search(query, k=k, where=where, mode=mode, languages=shown)
        result = self._kb.highlight(result)
        return {
            "query": result.query,
            "language": result.language,
            "nothing_relevant": result.nothing_relevant,
            "hits": [_evidence(hit) for hit in result.hits],
        }

    def answer(
        self,
        question: Annotated[str, Field(description="A question, in any language; it may hold what a query may.")],
        languages: Languages = None,
        formats: Formats = None,
        quote: Annotated[
            bool, Field(description="Quote the passages, even if the settings name a language model.")
        ] = False,
    ) -> dict[str, Any]:
        """Answer a question by sentences of the documents, each with its sources; refused: nothing answers it.

        The sentences are quoted from the best passages. Where the settings name a language model, that writes
        them: then supported is false where no passage bears a sentence out.
        """
        where = make_filter(languages=languages or (), formats=formats or ())
        self._service.wait()
        with self._service.answering():
            found = answer(self._kb, question, where=where, quote=quote)
        told = found.as_json()
        for said, sentence in zip(told["answer"], found.sentences, strict=True):
            said["sources"] = [{"number": hit.rank} | _evidence(hit) for hit in sentence.sources]
        return told

    def read(
        self,
        hit: Annotated[int | None, Field(description="The id of a hit: it is shown among its neighbours.")] = None,
        document: Annotated[str | None, Field(description="A file, as hits and list_documents name it.")] = None,
        neighbours: Annotated[int, Field(ge=0, le=50, description="Passages before and after the hit.")] = 2,
        section: Annotated[bool, Field(description="The hit's whole section.")] = False,
        start: Annotated[int, Field(ge=0, description="Read on in a document from this character.")] = 0,
    ) -> dict[str, Any]:
        """Read a hit among its neighbours, a hit's whole section, or a document: give hit or document.

        Long texts come in parts; next_start says where to read on in the document, null at the end.
        """
        if (hit is None) == (document is None):
            raise InputError("give the id of a hit or a document, not both: read(hit=12) or read(document='...')")
        if hit is not None:
            return self._read_hit(hit, None if section else neighbours)
        return self._read_document(cast(str, document), start)

    def list_documents(
        self,
        offset: Annotated[int, Field(ge=0, description="Leave out so many documents.")] = 0,
        limit: Annotated[int, Field(ge=1, le=200, description="How many documents.")] = 50,
    ) -> dict[str, Any]:
        """List the documents: file, title, format, language, pages, and when each was modified."""
        rows = self._kb.documents()
        after = offset + limit
        documents = [
            {
                "file": row.uri,
                "title": row.title,
                "format": row.format,
                "language": row.language,
                "pages": row.pages,
                "modified": row.modified.isoformat(),
            }
            for row in rows[offset:after]
        ]
        return {"total": len(rows), "next_offset": after if after < len(rows) else None, "documents": documents}

    def status(self) -> dict[str, Any]:
        """What is in the knowledge base: documents, passages by language, formats, model, last ingest."""
        found = self._kb.status()
        return {
            "documents": found.documents,
            "passages": found.chunks,
            "languages": found.languages,
            "formats": found.formats,
            "model": self._service.model,
            "dimension": found.dimension,
            "last_ingest": found.last_ingest.isoformat() if found.last_ingest else None,
            "unreadable_files": len(found.failures),
        }

    def _read_hit(self, hit: int, neighbours: int | None) -> dict[str, Any]:
        found = self._kb.context(hit, neighbours)
        parts = [_part(part.chunk, part.text) | {"id": part.chunk_id} for part in found.chunks]
        return {"file": found.uri, "title": found.title, "section": found.section} | _first(parts)

    def _read_document(self, uri: str, start: int) -> dict[str, Any]:
        document = self._kb.document(uri)
        chunks = [chunk for chunk in self._kb.reader.chunks(uri) if chunk.span.end > start]
        parts = [_part(chunk, chunk.span.of(document.text)) for chunk in chunks]
        return {"file": uri, "title": document.title, "characters": len(document.text)} | _first(parts)


def _first(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """As many parts as one reading holds, at least one, and where the next would start."""
    kept: list[dict[str, Any]] = []
    length = 0
    for part in parts:
        length += len(part["text"])
        if kept and length > _MOST_CHARACTERS:
            break
        kept.append(part)
    rest = parts[len(kept) :]
    return {"parts": kept, "next_start": rest[0]["span"][0] if rest else None}


def _part(chunk: Chunk, text: str) -> dict[str, Any]:
    return {
        "page": chunk.page,
        "section": chunk.section,
        "span": [chunk.span.start, chunk.span.end],
        "language": chunk.language,
        "text": text,
    }


def _evidence(hit: Hit) -> dict[str, Any]:
    """A hit as an agent can quote it."""
    span = hit.sentence or hit.span
    others = [("copy", other) for other in hit.copies] + [("translation", other) for other in hit.translations]
    return {
        **_place(hit),
        "id": hit.chunk_id,
        "title": hit.title,
        "quote": hit.text[span.start - hit.span.start : span.end - hit.span.start],
        "quote_span": [span.start, span.end],
        "passage": hit.text,
        "scores": {
            "relevance": round(hit.relevance, 4),
            "score": round(hit.score, 6),
            **{leg.leg: {"rank": leg.rank, "score": leg.score} for leg in hit.legs},
        },
        "also_in": [{"as": kind, **_place(other), "id": other.chunk_id} for kind, other in others],
    }


def _place(hit: Hit) -> dict[str, Any]:
    return {
        "file": hit.uri,
        "format": hit.format,
        "page": hit.page,
        "section": hit.section,
        "span": [hit.span.start, hit.span.end],
        "language": hit.language,
    }
