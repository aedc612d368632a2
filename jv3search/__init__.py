"""jv3search: a local, multilingual knowledge base with late chunking and cross-lingual search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jv3search.analysis.classification import Classification, classify, classify_documents
    from jv3search.analysis.topics import Topic, topics
    from jv3search.answers.answer import Answer
    from jv3search.answers.answering import answer
    from jv3search.errors import JV3SearchError
    from jv3search.knowledge_base import IngestReport, KnowledgeBase, load_encoder, open  # noqa: A004 - as gzip.open
    from jv3search.search.retrieval import SearchResult
    from jv3search.types import Document, Filter, Hit, Span

__version__ = "0.1.0"

_HOME = {
    "Answer": "answers.answer",
    "Classification": "analysis.classification",
    "Document": "types",
    "Filter": "types",
    "Hit": "types",
    "IngestReport": "knowledge_base",
    "JV3SearchError": "errors",
    "KnowledgeBase": "knowledge_base",
    "SearchResult": "search.retrieval",
    "Span": "types",
    "Topic": "analysis.topics",
    "answer": "answers.answering",
    "classify": "analysis.classification",
    "classify_documents": "analysis.classification",
    "load_encoder": "knowledge_base",
    "open": "knowledge_base",
    "topics": "analysis.topics",
}

__all__ = [
    "Answer",
    "Classification",
    "Document",
    "Filter",
    "Hit",
    "IngestReport",
    "JV3SearchError",
    "KnowledgeBase",
    "SearchResult",
    "Span",
    "Topic",
    "answer",
    "classify",
    "classify_documents",
    "load_encoder",
    "open",
    "topics",
]


def __getattr__(name: str) -> Any:
    """A public name is imported when it is first asked for, so that a command loads only what it needs."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
