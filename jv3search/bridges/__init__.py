"""Retrievers over a knowledge base for Haystack, LlamaIndex and LangChain, a module each: the extra `bridges`."""

from __future__ import annotations

from typing import Any

from jv3search.types import Hit


def metadata(hit: Hit) -> dict[str, Any]:
    """Where a hit is to be quoted from, as JSON has it; `span` counts characters of its document's text."""
    return {
        "uri": hit.uri,
        "title": hit.title,
        "format": hit.format,
        "page": hit.page,
        "section": hit.section,
        "span": [hit.span.start, hit.span.end],
        "language": hit.language,
        "relevance": round(hit.relevance, 4),
        "score": round(hit.score, 6),
        "translations": [other.uri for other in hit.translations],
    }
