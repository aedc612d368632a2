"""A transaction that reads: the modules beside this one put their questions to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, inspect

from jv3search.indexes.catalog.schema import index_info

_AT_ONCE = 5_000  # ids in one statement; SQLite takes 32,766 values, PostgreSQL 65,535


@dataclass(frozen=True)
class ReadTransaction:
    """One state of the catalog, whatever is written meanwhile. `where` names the catalog in messages."""

    connection: Connection
    where: str

    @property
    def on_server(self) -> bool:
        """Whether a server keeps the catalog, and the searched vectors with it."""
        return self.connection.dialect.name == "postgresql"


def has_table(transaction: ReadTransaction, table: Table) -> bool:
    """Whether a table is there; one of the same name in another schema does not count."""
    connection = transaction.connection
    return inspect(connection).has_table(table.name, connection.schema_for_object(table))


def table_names(transaction: ReadTransaction) -> list[str]:
    """The tables of the index's schema, whoever made them."""
    connection = transaction.connection
    return inspect(connection).get_table_names(connection.schema_for_object(index_info))


def id_batches(ids: Sequence[int] | NDArray[np.int64]) -> Iterator[list[int]]:
    """The ids, in lists that a statement can take."""
    plain = [int(key) for key in ids]
    for start in range(0, len(plain), _AT_ONCE):
        yield plain[start : start + _AT_ONCE]
