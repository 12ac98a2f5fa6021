"""Statements of the way that every shot goes, built once: building one costs more than running it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult, Executable, Select, bindparam
from sqlalchemy.dialects import sqlite

from catalog.dialect import INSERTS


class Upsert:
    """An insert with its `on conflict`, once for each database."""

    def __init__(self, table: type[Any], finish: Callable[[sqlite.Insert], Executable]) -> None:
        self._built = {name: finish(insert(table)) for name, insert in INSERTS.items()}

    def on(self, connection: Connection) -> Executable:
        """The statement for this connection's database."""
        return self._built[connection.dialect.name]


class Lookup:
    """A select of rows by one value of a column, or by many: a list costs four times as much as a value."""

    def __init__(self, query: Select[*tuple[Any, ...]], column: Any) -> None:
        self._one = query.where(column == bindparam("value"))
        self._many = query.where(column.in_(bindparam("values", expanding=True)))

    def execute(self, connection: Connection, values: Sequence[str]) -> CursorResult[*tuple[Any, ...]]:
        """The rows; at most a chunk of values (catalog/ledger.py) at once."""
        if len(values) == 1:
            return connection.execute(self._one, {"value": values[0]})
        return connection.execute(self._many, {"values": values})


def execute_alike(connection: Connection, statement: Executable, rows: Sequence[dict[str, Any]]) -> None:
    """One statement for many rows: those that name the same columns together."""
    by_columns: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_columns[tuple(sorted(row))].append(row)
    for alike in by_columns.values():
        connection.execute(statement, alike)
