"""MCP: every document of the index as a resource, its text as it was read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import Any
from urllib.parse import unquote, urlsplit

import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, ListResourcesResult, PaginatedRequestParams, Resource

from jv3search import __version__
from jv3search.errors import InputError
from jv3search.indexes import DocumentRow
from jv3search.knowledge_base import KnowledgeBase

_PAGE = 200  # resources in one answer


class DocumentServer(MCPServer):
    """A server whose resources are the documents of a knowledge base as it is at that moment."""

    def __init__(self, kb: KnowledgeBase, instructions: str) -> None:
        super().__init__("jv3search", version=__version__, instructions=instructions, log_level="WARNING")
        self._kb = kb

    async def list_resources(self) -> list[Resource]:
        """All documents, sorted by uri."""
        return [_resource(row) for row in await anyio.to_thread.run_sync(self._kb.documents)]

    async def read_resource(self, uri: Any, context: Any = None) -> Iterable[ReadResourceContents]:
        """The text of a document; ResourceNotFoundError if it is not in the index, whatever lies on the disk."""
        parts = urlsplit(str(uri))
        path = unquote(parts.path, errors="surrogateescape")
        try:
            document = await anyio.to_thread.run_sync(self._kb.document, path)
        except InputError as error:
            raise ResourceNotFoundError(f"{error}; resources/list names what is") from None
        return [ReadResourceContents(document.text, "text/plain")]

    async def _handle_list_resources(
        self, ctx: Any, params: PaginatedRequestParams | None
    ) -> ListResourcesResult:  # the SDK's own gives all at once
        start = _position(params.cursor if params else None)
        every = await self.list_resources()
        end = start + _PAGE
        return ListResourcesResult(resources=every[start:end], next_cursor=str(end) if end < len(every) else None)


def _position(cursor: str | None) -> int:
    if cursor is not None and not (cursor.isdecimal() and len(cursor) < 10):
        raise MCPError(INVALID_PARAMS, f"{cursor[:40]!r} is not a cursor from resources/list")
    return int(cursor or 0)


def _resource(row: DocumentRow) -> Resource:
    path = PurePath(row.uri)
    return Resource(
        uri=path.as_uri(),
        name=path.name,
        title=row.title,
        description=f"{row.format}, {row.language}, {row.pages} pages"
        if row.pages
        else f"{row.format}, {row.language}",
        mime_type="text/plain",
    )
