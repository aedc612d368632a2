"""LlamaIndex: SimpleDirectoryReader, SentenceSplitter, HuggingFaceEmbedding, Chroma on disk."""

from __future__ import annotations

from pathlib import Path

import chromadb
from llama_index.core import SimpleDirectoryReader, StorageContext, VectorStoreIndex
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters
from llama_index.embeddings.huggingface import HuggingFaceEmbedding
from llama_index.vector_stores.chroma import ChromaVectorStore
from transformers import AutoTokenizer

from benchmarks.peers.merged import instruction_of
from benchmarks.peers.products import Found, Models, Rows, Search, language_of

_OVERLAP = 200 / 1024  # of the chunk, by default
_HIDDEN = ["file", "language"]  # from the model: by default metadata are embedded with each chunk


def ingest(documents: Path, index: Path, models: Models, chunk_tokens: int) -> None:
    """Load, split, embed, store."""

    def metadata(path: str) -> dict[str, str]:
        file = Path(path).relative_to(documents)
        return {"file": str(file), "language": language_of(file)}

    loaded = SimpleDirectoryReader(str(documents), recursive=True, file_metadata=metadata).load_data()
    for document in loaded:
        document.excluded_embed_metadata_keys = document.excluded_llm_metadata_keys = _HIDDEN
    tokenizer = AutoTokenizer.from_pretrained(models.passages)
    splitter = SentenceSplitter(
        chunk_size=chunk_tokens, chunk_overlap=round(_OVERLAP * chunk_tokens), tokenizer=tokenizer.tokenize
    )
    VectorStoreIndex.from_documents(
        loaded,
        storage_context=StorageContext.from_defaults(vector_store=_store(index)),
        embed_model=_embedding(models.passages),
        transformations=[splitter],
    )


def opened(index: Path, models: Models) -> Search:
    """The stored collection with the model for queries."""
    stored = VectorStoreIndex.from_vector_store(_store(index), embed_model=_embedding(models.queries))

    def search(query: str, k: int, language: str | None) -> list[Found]:
        filters = MetadataFilters(filters=[MetadataFilter(key="language", value=language)]) if language else None
        nodes = stored.as_retriever(similarity_top_k=k, filters=filters).retrieve(query)
        return [(node.metadata["file"], node.get_content()) for node in nodes]

    return search


def vectors(passages: list[str], queries: list[str], models: Models) -> tuple[Rows, Rows]:
    """By HuggingFaceEmbedding."""
    query = _embedding(models.queries)
    rows = _embedding(models.passages).get_text_embedding_batch(passages)
    return rows, [query.get_query_embedding(text) for text in queries]


def _embedding(folder: Path) -> HuggingFaceEmbedding:
    instruction = instruction_of(folder)
    return HuggingFaceEmbedding(str(folder), query_instruction=instruction, text_instruction=instruction)


def _store(index: Path) -> ChromaVectorStore:
    client = chromadb.PersistentClient(str(index), chromadb.Settings(anonymized_telemetry=False))
    return ChromaVectorStore(chroma_collection=client.get_or_create_collection("pages"))
