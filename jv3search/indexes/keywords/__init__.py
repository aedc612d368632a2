"""The keyword leg: terms for every script, and an index of them inside the catalog's database."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from jv3search.indexes.keywords.port import Keywords


def keywords_of(connection: Connection) -> Keywords:
    """The keyword index of a catalog."""
    if connection.dialect.name == "postgresql":
        from jv3search.indexes.keywords.postgres import PostgresKeywords

        return PostgresKeywords(connection)
    from jv3search.indexes.keywords.sqlite import SQLiteKeywords

    return SQLiteKeywords(connection)
