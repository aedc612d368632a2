"""The index at a glance, from the catalog and the folder."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from jv3search.indexes.catalog import pgvector
from jv3search.indexes.catalog.chunks import chunk_languages
from jv3search.indexes.catalog.documents import document_formats
from jv3search.indexes.catalog.index_info import IndexInfo, read_info
from jv3search.indexes.catalog.ledger import failures, last_checked
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.keywords.snapshot import KeywordSnapshot
from jv3search.indexes.rows import Kind, Status
from jv3search.indexes.vector_cache import fitting


def read_status(
    transaction: ReadTransaction, folder: Path, keywords: KeywordSnapshot, in_milvus: str | None = None
) -> Status:
    """What one state of the catalog says of the index in `folder`; `in_milvus` is said of vectors there."""
    info = read_info(transaction)
    formats = document_formats(transaction)
    languages = chunk_languages(transaction)
    return Status(
        documents=sum(formats.values()),
        chunks=sum(languages.values()),
        languages=languages,
        formats=formats,
        model=info.manifest.model,
        precision=info.manifest.precision,
        dimension=info.dimension,
        full_dimension=info.manifest.dimension,
        kind=cast(Kind, info.kind),
        size=_size(transaction, folder),
        last_ingest=last_checked(transaction),
        failures=tuple(failures(transaction)),
        generation=info.generation,
        vectors=in_milvus or ("up to date" if transaction.on_server else _vectors(folder, info)),
        wordless=keywords.wordless,
    )


def _size(transaction: ReadTransaction, folder: Path) -> int:
    """Of the database's tables, and of what is in the folder."""
    here = sum(path.stat().st_size for path in folder.glob("*") if path.is_file())
    return here + (pgvector.size(transaction) if transaction.on_server else 0)


def _vectors(folder: Path, info: IndexInfo) -> str:
    found = fitting(folder, info)
    if not found:
        return "none saved; built at the next search"
    behind = info.generation - found[0].generation
    return "up to date" if not behind else f"saved {behind} changes ago; updated at the next search"
