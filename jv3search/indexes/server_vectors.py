"""The vectors of an index on a server: searched there, kept up to date by every transaction that writes."""

from __future__ import annotations

from jv3search.indexes.catalog import pgvector, pgvector_search
from jv3search.indexes.catalog.catalog import Catalog
from jv3search.indexes.catalog.index_info import read_info
from jv3search.indexes.catalog.pgvector_search import ServerVectors
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.catalog.write_transaction import WriteTransaction
from jv3search.indexes.keywords.snapshot import OpenKeywords
from jv3search.indexes.manifest import Manifest
from jv3search.indexes.search_cache import SearchCache

_GRAPH_FROM = 50_000  # chunks, as in a folder: below, comparing all takes no longer than a walk
_DRAWN_UNTIL = 50_000  # chunks of which a searcher draws samples itself; of more, the last writer's serve


def opened(
    transaction: ReadTransaction, keywords: OpenKeywords, manifest: Manifest, cache: SearchCache
) -> ServerVectors:
    """The vectors of the state that a transaction sees; what was learned of them is read once and shared."""
    info, table = read_info(transaction), pgvector.current(transaction)
    info.manifest.require(manifest, transaction.where)  # it may have been made anew by another model
    centres, saved = cache.learned((info.identity, *table), lambda: pgvector.learned(transaction))
    languages = pgvector_search.languages(transaction)
    if len(languages) > _DRAWN_UNTIL and set(languages.names) <= set(saved.names):
        return ServerVectors(transaction, table, centres, saved, languages, keywords)
    samples = cache.language_samples(
        (info.identity, info.dimension),
        saved,
        languages,
        lambda: pgvector.samples(transaction, manifest.dimension, info.dimension),
    )
    return ServerVectors(transaction, table, centres, samples, languages, keywords)


def save(catalog: Catalog) -> None:
    """Make the graph where there are enough rows for one and there is none; sample the languages if need be."""
    with catalog.read() as transaction:
        graph = pgvector.current(transaction).graph
        wanted = _wants_graph(transaction)
    with catalog.write() as transaction:
        if wanted and not graph:
            build(transaction)
        else:
            pgvector.keep_samples(transaction)


def keep_samples(catalog: Catalog) -> None:
    """Sample the languages again if need be, so that no searcher of a large index has to."""
    with catalog.write() as transaction:
        pgvector.keep_samples(transaction)


def build(transaction: WriteTransaction) -> None:
    """Search another table from the end of the transaction on: all rows, as the index is to be searched now."""
    pgvector.fill(transaction, graph=_wants_graph(transaction))


def empty(transaction: WriteTransaction) -> None:
    """Search an empty table from the end of the transaction on, into which every document is to be put again."""
    pgvector.fill(transaction, graph=False, rows=False)


def clean(catalog: Catalog) -> None:
    """Delete the tables that are searched no more; of an index in a folder there are none."""
    if catalog.on_server:
        with catalog.write() as transaction:
            pgvector.clean(transaction)


def _wants_graph(transaction: ReadTransaction) -> bool:
    kind, count = read_info(transaction).kind, sum(pgvector.language_counts(transaction).values())
    return count > (_GRAPH_FROM if kind == "auto" else 0) and kind != "flat"
