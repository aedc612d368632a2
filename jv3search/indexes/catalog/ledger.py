"""The ledger: what came of each file the last time it was looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select

from jv3search.indexes.catalog.errors import decoded
from jv3search.indexes.catalog.schema import Moment, ledger
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.rows import FAILURES, LedgerRow


def ledger_rows(transaction: ReadTransaction, uris: Sequence[str] | None = None) -> list[LedgerRow]:
    """The whole ledger, or the rows of some files, sorted by uri."""
    wanted = select(ledger)
    return _rows(transaction, wanted if uris is None else wanted.where(ledger.c.uri.in_(uris)))


def failures(transaction: ReadTransaction) -> list[LedgerRow]:
    """The files that are not in the index, sorted by uri."""
    return _rows(transaction, select(ledger).where(ledger.c.state.in_(sorted(FAILURES))))


def last_checked(transaction: ReadTransaction) -> Any:
    """When a file was last looked at, None if none was."""
    return transaction.connection.scalar(select(func.max(ledger.c.checked_at, type_=Moment)))


def _rows(transaction: ReadTransaction, wanted: Select[Any]) -> list[LedgerRow]:
    rows = transaction.connection.execute(wanted).all()
    read = [decoded(transaction.where, lambda row: LedgerRow(**row._mapping), row) for row in rows]
    return sorted(read, key=lambda row: row.uri)
