"""LangChain: DirectoryLoader, RecursiveCharacterTextSplitter, HuggingFaceEmbeddings, FAISS."""

from __future__ import annotations

from pathlib import Path

from langchain_community.document_loaders import DirectoryLoader, TextLoader
from langchain_community.vectorstores import FAISS
from langchain_huggingface import HuggingFaceEmbeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter
from transformers import AutoTokenizer

from benchmarks.peers.products import Found, Models, Rows, Search, language_of

_OVERLAP = 200 / 4000  # of the chunk, by default


def ingest(documents: Path, index: Path, models: Models, chunk_tokens: int) -> None:
    """Load, split, embed, save."""
    loader = DirectoryLoader(
        str(documents), glob="**/*.txt", loader_cls=TextLoader, loader_kwargs={"encoding": "utf-8"}
    )
    loaded = loader.load()
    for document in loaded:
        file = Path(document.metadata["source"]).relative_to(documents)
        document.metadata = {"file": str(file), "language": language_of(file)}
    splitter = RecursiveCharacterTextSplitter.from_huggingface_tokenizer(
        AutoTokenizer.from_pretrained(models.passages),
        chunk_size=chunk_tokens,
        chunk_overlap=round(_OVERLAP * chunk_tokens),
    )
    store = FAISS.from_documents(splitter.split_documents(loaded), _embeddings(models.passages))
    store.save_local(str(index))


def opened(index: Path, models: Models) -> Search:
    """The saved store with the model for queries."""
    store = FAISS.load_local(str(index), _embeddings(models.queries), allow_dangerous_deserialization=True)

    def search(query: str, k: int, language: str | None) -> list[Found]:
        # A filter is applied to the nearest fetch_k chunks; of the default, 20, it would often leave none.
        options = {"filter": {"language": language}, "fetch_k": store.index.ntotal} if language else {}
        return [(d.metadata["file"], d.page_content) for d in store.similarity_search(query, k, **options)]

    return search


def vectors(passages: list[str], queries: list[str], models: Models) -> tuple[Rows, Rows]:
    """By HuggingFaceEmbeddings."""
    query = _embeddings(models.queries)
    return _embeddings(models.passages).embed_documents(passages), [query.embed_query(text) for text in queries]


def _embeddings(folder: Path) -> HuggingFaceEmbeddings:
    return HuggingFaceEmbeddings(model_name=str(folder))
