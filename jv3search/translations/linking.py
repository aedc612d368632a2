"""Finds the translations of new documents and stores the links."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache, partial

import numpy as np

from jv3search.indexes import IndexWriter
from jv3search.indexes.catalog import links
from jv3search.indexes.catalog.documents import document_vectors
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.catalog.write_transaction import WriteTransaction
from jv3search.translations.bitext_mining import (
    Candidate,
    Corpus,
    candidates,
    compared,
    margin,
    numbers,
    rivals,
)
from jv3search.types import unit_rows

_COARSE = 256  # values of a document's vector that candidates are found by: 20 MB for 20,000 documents
_CACHED = 16  # documents kept in memory while they are compared
_AT_ONCE = 32  # documents in a transaction


def link_translations(writer: IndexWriter) -> None:
    """Find the translations of the documents that came since the last call; after a kill, the next one goes on."""
    dimension = writer.manifest.dimension
    with writer.reading() as transaction:
        keys = links.unlinked_documents(transaction)
        if not keys:
            return
        corpus = _corpus(transaction, dimension)
    for start in range(0, len(keys), _AT_ONCE):
        with writer.writing() as change:
            _link(change, corpus, keys[start : start + _AT_ONCE], dimension)


def _link(transaction: WriteTransaction, corpus: Corpus, keys: Sequence[int], dimension: int) -> None:
    load = lru_cache(_CACHED)(lambda key: _candidate(transaction, key, dimension))
    for one, other in candidates(corpus, keys):
        first, second = sorted((int(corpus.ids[one]), int(corpus.ids[other])))
        lead = partial(margin, corpus, one, other)
        found = compared(load(first), load(second), corpus.cosine(one, other), lead)
        if found is None:
            continue
        if found.exclusive:
            for own, against in ((one, other), (other, one)):
                against_ids = set(corpus.ids[rivals(corpus, against)].tolist())
                links.delete_links(transaction, int(corpus.ids[own]), against_ids)
        links.store_link(transaction, first, second, found.score, found.pairs)
    links.mark_linked(transaction, keys)


def _corpus(transaction: ReadTransaction, dimension: int) -> Corpus:
    """All documents, as candidates for translations are looked for among them."""
    found, rows = document_vectors(transaction, links.MATCHING, dimension)
    order = sorted(range(len(found)), key=lambda at: found[at][2])
    tags = [found[at][2] for at in order]
    languages = {tag: range(bisect_left(tags, tag), bisect_right(tags, tag)) for tag in dict.fromkeys(tags)}
    ids = [found[at][0] for at in order]
    sizes = defaultdict(lambda: (0, 0), links.document_sizes(transaction))  # a document may have no chunk
    chunks, tokens = [sizes[key][0] for key in ids], [sizes[key][1] for key in ids]
    coarse = unit_rows(rows[order], min(_COARSE, dimension))
    return Corpus(np.array(ids, np.int64), coarse, chunks, tokens, languages)


def _candidate(transaction: ReadTransaction, key: int, dimension: int) -> Candidate:
    stored = links.stored_document(transaction, key, dimension)
    return Candidate(unit_rows(stored.rows, dimension), stored.tokens, numbers(stored.text))
