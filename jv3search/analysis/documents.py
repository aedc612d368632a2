"""Which documents of a knowledge base a filter admits."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from jv3search.types import Filter

if TYPE_CHECKING:
    from jv3search.indexes.rows import DocumentRow
    from jv3search.knowledge_base import KnowledgeBase


def filtered_documents(kb: KnowledgeBase, where: Filter) -> list[DocumentRow]:
    """The documents that a filter without phrases admits, sorted by uri.

    Of the languages of a document that of most of its text counts.
    """
    return [row for row in kb.documents() if _admits(where, row)]


def _admits(where: Filter, row: DocumentRow) -> bool:
    return (
        (not where.languages or row.language in where.languages)
        and (not where.formats or row.format in where.formats)
        and (not where.under or any(PurePath(row.uri).is_relative_to(folder) for folder in where.under))
        and (where.since is None or row.modified >= where.since)
        and (where.until is None or row.modified < where.until)
    )
