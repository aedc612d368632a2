"""How an index of an older format is brought up to date: a numbered function for each format, oldest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import MetaData, Table, update

from jv3search.indexes.catalog import pgvector, schema
from jv3search.indexes.catalog.index_info import read_format
from jv3search.indexes.catalog.transaction import ReadTransaction, table_names
from jv3search.indexes.catalog.write_transaction import WriteTransaction


def m002_translations(transaction: WriteTransaction) -> None:
    """Format 1 had no vectors of documents and no links between translations."""
    tables = [schema.document_embedding, schema.unlinked, schema.translation]
    schema.metadata.create_all(transaction.connection, tables)


def m003_keywords_outside(transaction: WriteTransaction) -> None:
    """Format 2 had the keyword index among its tables; since then it is made of the texts, beside the vectors."""
    for name in ("keywords", "keyword_info"):
        Table(name, MetaData()).drop(transaction.connection, checkfirst=True)


MIGRATIONS: Mapping[int, Callable[[WriteTransaction], None]] = {2: m002_translations, 3: m003_keywords_outside}
"""By the format that each makes of the one before it."""


def reason(transaction: ReadTransaction) -> str | None:
    """Why an index, made by an older version, must be migrated; None if it need not be."""
    version = read_format(transaction)
    if version != schema.VERSION:
        return f"the index had format {version}, not {schema.VERSION}"
    if missing := _missing_tables(transaction):
        return f"the index lacked {', '.join(missing)}"
    if transaction.on_server and pgvector.lacking(transaction):
        return "the index had no vectors in the database"
    return None


def migrate(transaction: WriteTransaction) -> None:
    """Apply every migration that the index has not had, make tables that are missing."""
    version = read_format(transaction) or 0
    transaction.connection.execute(update(schema.index_info).values(schema=schema.VERSION))  # writers queue at it
    for number, migration in MIGRATIONS.items():
        if number > version:
            migration(transaction)
    schema.metadata.create_all(transaction.connection)
    if transaction.on_server and pgvector.lacking(transaction):
        pgvector.create(transaction)


def _missing_tables(transaction: ReadTransaction) -> list[str]:
    return sorted(set(schema.metadata.tables) - set(table_names(transaction)))
