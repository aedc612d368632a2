"""The keyword index inside the catalog: filled, checked and matched."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, insert, select

from jv3search.indexes.catalog.chunks import chunk_texts
from jv3search.indexes.catalog.embeddings import chunk_count
from jv3search.indexes.catalog.filters import admitted_chunks
from jv3search.indexes.catalog.index_info import require_terms
from jv3search.indexes.catalog.schema import document, keyword_info
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.keywords import terms
from jv3search.indexes.keywords.coverage import WeightedTerms, weighted
from jv3search.indexes.keywords.phrases import query_terms
from jv3search.indexes.keywords.port import Entry
from jv3search.indexes.keywords.stopwords import without_stopwords
from jv3search.types import Filter


def match(
    transaction: ReadTransaction, words: str, k: int, where: Filter, languages: tuple[str, ...], language: str
) -> tuple[list[tuple[int, float]], WeightedTerms]:
    """The k best (chunk id, BM25) that `where` admits and that hold some of the words, and the words' weights.

    Words are looked for inflected as in `languages`; stop words of `language` only if there are no others.
    IndexMismatch if another term function filled the index.
    """
    require_terms(transaction)
    query = without_stopwords(query_terms(words, languages), language)
    frequencies = dict(zip(query.phrases, transaction.keywords.frequencies(query.phrases), strict=True))
    best = transaction.keywords.match(frequencies, k, admitted_chunks(transaction, where) if where else None)
    return best, weighted(query, frequencies, chunk_count(transaction))


def fill(transaction: ReadTransaction) -> None:
    """Fill the keyword index anew from the stored texts."""
    transaction.keywords.create()
    for document_id in transaction.connection.scalars(select(document.c.id)).all():
        add_document(transaction, document_id)
    transaction.connection.execute(delete(keyword_info))
    transaction.connection.execute(insert(keyword_info).values(terms=terms.FINGERPRINT))


def add_document(transaction: ReadTransaction, document_id: int) -> None:
    """Put the chunks of a stored document in."""
    transaction.keywords.add(_entries(chunk_texts(transaction, document_id)))


def remove_document(transaction: ReadTransaction, document_id: int) -> None:
    """Take the chunks of a document out that is still stored."""
    transaction.keywords.remove(_entries(chunk_texts(transaction, document_id)))


def _entries(texts: Iterable[tuple[int, str, str]]) -> list[Entry]:
    return [Entry(key, terms.terms(text, language)) for key, text, language in texts]
