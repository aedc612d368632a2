"""A retriever for Haystack's pipelines."""

from __future__ import annotations

from typing import Any

from haystack import Document, component, default_from_dict, default_to_dict

from jv3search import knowledge_base
from jv3search.bridges import metadata
from jv3search.knowledge_base import KnowledgeBase
from jv3search.types import Mode


@component
class KnowledgeBaseRetriever:
    """The passages of a knowledge base that answer a query, as Haystack's documents, most relevant first.

    The query may hold operators (`lang:ja`, `-word`). A document's score is its relevance, 0 to 1.
    """

    def __init__(self, kb: KnowledgeBase, k: int = 10, mode: Mode = "hybrid") -> None:
        self.kb = kb
        self.k = k
        self.mode = mode

    @component.output_types(documents=list[Document])
    def run(self, query: str, k: int | None = None) -> dict[str, Any]:
        """Search; `k` is how many documents, in place of the retriever's own."""
        hits = self.kb.search(query, k=self.k if k is None else k, mode=self.mode)
        return {
            "documents": [
                Document(id=str(hit.chunk_id), content=hit.text, meta=metadata(hit), score=hit.relevance)
                for hit in hits
            ]
        }

    def to_dict(self) -> dict[str, Any]:
        """The retriever in a saved pipeline: its index by the folder, or by the URL without a password."""
        saved: dict[str, Any] = default_to_dict(
            self, index=str(self.kb.settings.index.resolved()), k=self.k, mode=self.mode
        )
        return saved

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> KnowledgeBaseRetriever:
        """The retriever of a saved pipeline; IndexNotFound if its index is gone."""
        given = dict(saved["init_parameters"])
        given["kb"] = knowledge_base.open(given.pop("index"))
        restored: KnowledgeBaseRetriever = default_from_dict(cls, saved | {"init_parameters": given})
        return restored
