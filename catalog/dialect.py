"""The one place that knows SQLite from PostgreSQL: the clock, upserts, and who publishes when.

Leases are timed by the database's clock, never by a worker's: a worker whose clock is ten minutes wrong must neither
keep a shot too long nor lose it too early.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Float,
    FunctionElement,
    String,
    and_,
    func,
    literal,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeDecorator, TypeEngine

_PUBLICATION_LOCK = 0x4461696C  # "Dail": any number all of us agree on


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC: `timestamptz` on PostgreSQL, sortable text on SQLite; always timezone-aware in Python."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store UTC; a naive datetime is refused because nobody can say which zone it meant."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; give an aware datetime")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Every stored moment is UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Word(TypeDecorator[str]):
    """Text that compares and sorts by its bytes on both databases, whatever the locale of a PostgreSQL.

    PostgreSQL has no zero byte in text and SQLite would cut there when it shows it: an engine's stray one becomes "�".
    """

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """With the collation that PostgreSQL calls "C"."""
        return dialect.type_descriptor(String(collation="C") if dialect.name == "postgresql" else String())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Take zero bytes out."""
        return value.replace("\0", "\ufffd") if value is not None and "\0" in value else value


class _Clock(FunctionElement[datetime]):
    type = UtcDateTime()
    inherit_cache = True


def clock(seconds: float = 0.0) -> _Clock:
    """The database's own time, `seconds` from now (negative: ago), as an SQL expression."""
    return _Clock(literal(float(seconds), Float())) if seconds else _Clock()


@compiles(_Clock, "sqlite")
def _sqlite_clock(element: _Clock, compiler: SQLCompiler, **kw: Any) -> str:  # pyright: ignore[reportUnusedFunction]
    # SQLAlchemy writes six decimals; strftime gives three, and text must compare as time does.
    shift = compiler.process(element.clauses, **kw)
    return (
        f"strftime('%Y-%m-%d %H:%M:%f000', 'now'{f', ({shift}) || ' + chr(39) + ' seconds' + chr(39) if shift else ''})"
    )


@compiles(_Clock, "postgresql")
def _postgresql_clock(element: _Clock, compiler: SQLCompiler, **kw: Any) -> str:  # pyright: ignore[reportUnusedFunction]
    # clock_timestamp() moves inside a transaction; now() stands still.
    shift = compiler.process(element.clauses, **kw)
    return f"(clock_timestamp() + make_interval(secs => {shift}))" if shift else "clock_timestamp()"


class _HourOf(FunctionElement[str]):
    type = Word()
    inherit_cache = True


def hour_of(moment: ColumnElement[datetime]) -> _HourOf:
    """The hour that a moment lies in, UTC, as text that sorts: `2026-11-21 07`."""
    return _HourOf(moment)


@compiles(_HourOf, "sqlite")
def _sqlite_hour(element: _HourOf, compiler: SQLCompiler, **kw: Any) -> str:  # pyright: ignore[reportUnusedFunction]
    return f"substr({compiler.process(element.clauses, **kw)}, 1, 13)"


@compiles(_HourOf, "postgresql")
def _postgresql_hour(element: _HourOf, compiler: SQLCompiler, **kw: Any) -> str:  # pyright: ignore[reportUnusedFunction]
    return f"to_char({compiler.process(element.clauses, **kw)} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24')"


def upsert(connection: Connection, table: type[Any]) -> sqlite.Insert:
    """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update` on both databases.

    Typed as SQLite's; PostgreSQL's has the same methods for what is used here.
    """
    return INSERTS[connection.dialect.name](table)


INSERTS: dict[str, Callable[[type[Any]], sqlite.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": lambda table: cast(sqlite.Insert, postgresql.insert(table)),
}


def starts_with(column: Any, prefix: str) -> ColumnElement[bool]:
    """`column` begins with `prefix`, by the key's index: text compares as bytes, and "~" sorts after all of an id's."""
    return and_(column >= prefix, column < prefix + "~")


def shots_of_run(column: Any, run_id: Any) -> ColumnElement[bool]:
    """`column` names a shot of the run (its id, or the column that has it), by any index that begins with it.

    Ids of shots begin with their run's and a point; "/" is what comes after a point.
    """
    begin, end = (
        (run_id + ".", run_id + "/") if isinstance(run_id, str) else (run_id + literal("."), run_id + literal("/"))
    )
    return and_(column >= begin, column < end)


def one_publisher(connection: Connection) -> None:
    """Hold every other publication until this transaction ends, so that looking and then acting is one step.

    SQLite has done it already: a writing transaction begins with BEGIN IMMEDIATE.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_PUBLICATION_LOCK)))
