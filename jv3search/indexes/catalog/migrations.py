"""How an index of an older format is brought up to date: a numbered function for each format, oldest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import inspect, update

from jv3search.indexes.catalog import keyword_index, schema
from jv3search.indexes.catalog.index_info import read_format, term_fingerprint
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.catalog.write_transaction import WriteTransaction
from jv3search.indexes.keywords.terms import FINGERPRINT


def m002_keywords_and_translations(transaction: WriteTransaction) -> None:
    """Format 1 had no keyword index, no vectors of documents and no links between translations."""
    tables = [schema.keyword_info, schema.document_embedding, schema.unlinked, schema.translation]
    schema.metadata.create_all(transaction.connection, tables)
    keyword_index.fill(transaction)


MIGRATIONS: Mapping[int, Callable[[WriteTransaction], None]] = {2: m002_keywords_and_translations}
"""By the format that each makes of the one before it."""


def reason(transaction: ReadTransaction) -> str | None:
    """Why an index, made by an older version or with other libraries, must be migrated; None if it need not be."""
    version = read_format(transaction)
    if version != schema.VERSION:
        return f"the index had format {version}, not {schema.VERSION}"
    if missing := _missing_tables(transaction):
        return f"the index lacked {', '.join(missing)}"
    if term_fingerprint(transaction) != FINGERPRINT:
        return "its keywords were made with other versions of the libraries"
    return None


def migrate(transaction: WriteTransaction) -> None:
    """Apply every migration that the index has not had, make tables that are missing, fill outdated keywords."""
    version = read_format(transaction) or 0
    transaction.connection.execute(update(schema.index_info).values(schema=schema.VERSION))  # writers queue at it
    for number, migration in MIGRATIONS.items():
        if number > version:
            migration(transaction)
    schema.metadata.create_all(transaction.connection)
    if term_fingerprint(transaction) != FINGERPRINT:
        keyword_index.fill(transaction)


def _missing_tables(transaction: ReadTransaction) -> list[str]:
    return sorted(set(schema.metadata.tables) - set(inspect(transaction.connection).get_table_names()))
