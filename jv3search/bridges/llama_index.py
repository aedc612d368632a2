"""A retriever for LlamaIndex's query engines."""

from __future__ import annotations

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from jv3search.bridges import metadata
from jv3search.knowledge_base import KnowledgeBase
from jv3search.types import Hit, Mode


class KnowledgeBaseRetriever(BaseRetriever):
    """The passages of a knowledge base that answer a query, as LlamaIndex's nodes, most relevant first.

    The query may hold operators (`lang:ja`, `-word`). A node's score is its relevance, 0 to 1.
    """

    def __init__(self, kb: KnowledgeBase, k: int = 10, mode: Mode = "hybrid") -> None:
        super().__init__()
        self._kb = kb
        self._k = k
        self._mode = mode

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [_node(hit) for hit in self._kb.search(query_bundle.query_str, k=self._k, mode=self._mode)]


def _node(hit: Hit) -> NodeWithScore:
    node = TextNode(
        id_=str(hit.chunk_id),
        text=hit.text,
        metadata=metadata(hit),
        start_char_idx=hit.span.start,
        end_char_idx=hit.span.end,
    )
    return NodeWithScore(node=node, score=hit.relevance)
