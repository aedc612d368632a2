"""A retriever for LangChain's chains."""

from __future__ import annotations

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from jv3search.bridges import metadata
from jv3search.knowledge_base import KnowledgeBase
from jv3search.types import Mode


class KnowledgeBaseRetriever(BaseRetriever):
    """The passages of a knowledge base that answer a query, as LangChain's documents, most relevant first.

    The query may hold operators (`lang:ja`, `-word`). `source` in the metadata is the file, as in `uri`.
    """

    kb: KnowledgeBase
    k: int = 10
    mode: Mode = "hybrid"

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        return [
            Document(id=str(hit.chunk_id), page_content=hit.text, metadata=metadata(hit) | {"source": hit.uri})
            for hit in self.kb.search(query, k=self.k, mode=self.mode)
        ]
