"""What every part of the ledger stands on: the database, the store, and the audit line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, insert

from catalog.database import Database
from catalog.store import Store
from catalog.tables import Audit

T = TypeVar("T")

CHUNK = 2_000
"""Values per IN list: well below the bound parameters of SQLite (32,766) and PostgreSQL (65,535)."""


def chunks(values: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """`values` in slices of at most `size`."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


class Ledger:
    """One catalog: a database that says what happened, and a store that holds the files."""

    def __init__(self, database: Database, store: Store) -> None:
        self.database, self.store = database, store

    def audit(self, who: str, what: str, subject: str, detail: dict[str, Any] | None = None) -> None:
        """Write down who did what to what."""
        with self.database.write() as connection:
            write_audit(connection, who, what, subject, detail or {})


def write_audit(connection: Connection, who: str, what: str, subject: str, detail: dict[str, Any]) -> None:
    """The same, inside a transaction that does the thing itself."""
    connection.execute(insert(Audit).values(who=who, what=what, subject=subject, detail=detail))
