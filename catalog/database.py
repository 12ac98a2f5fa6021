"""The door to the database: transactions that read or write, waits while it is away, and faults told by type."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, nullcontext

from sqlalchemy import Connection, exc
from sqlalchemy.engine import RootTransaction

from catalog.connection import UnsafeDatabase, connect, told
from catalog.errors import CatalogError, StoreUnavailable
from catalog.patience import Told, patiently

__all__ = ["Database", "DatabaseRefused", "UnsafeDatabase"]

_SQLITE_AWAY = ("locked", "busy", "unable to open", "disk i/o error", "disk is full", "readonly database")

# SQLSTATE classes and codes after which the same transaction may go well: connections, rollbacks for others' sake
# (deadlock, serialization), resources, locks, operators, the system, a writer that slept, a standby before it leads.
_POSTGRESQL_AWAY = ("08", "40", "53", "55P03", "57", "58", "25P03", "25006")

# A connection that fails has no SQLSTATE, only libpq's words. These will not change by waiting.
_REFUSED = ("authentication failed", "does not exist", "pg_hba.conf", "permission denied", "certificate", "sslmode")

HELD = "claims held"
"""In a connection's `info`: the claims whose shots its transaction holds (catalog/claims.py)."""

_BEGIN_TO_WRITE = "BEGIN IMMEDIATE"
"""SQLite's lock is taken at once: a writer that reads first and then writes can fail with SQLITE_BUSY at any time."""

_READS = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""A reader sees one moment, however many statements it sends: SQLite's readers do anyway."""


class DatabaseRefused(CatalogError, PermissionError):
    """The database server answers, and will not let us in: waiting does not help."""

    code = "DATABASE_REFUSED"


class Database:
    """Transactions on one engine; safe to use from many threads.

    While the database is away, a transaction waits up to `patience_seconds` to begin; `told` hears of every try. One
    that breaks in its middle or at its end raises StoreUnavailable at once: its caller knows whether to repeat it.
    """

    def __init__(self, url: str, patience_seconds: float = 0.0, told: Told | None = None) -> None:
        self.url = url
        self.engine = connect(url)
        self._sqlite = self.engine.dialect.name == "sqlite"
        self._open = threading.local()
        # SQLite has one writer; another one sleeps and looks, longer each time. A queue wakes it at once.
        self._turn = threading.Lock() if self._sqlite else nullcontext()
        self.patience_seconds = patience_seconds
        self.told = told
        self._watching, self._watched = threading.Lock(), f"{os.getpid()}.{time.time_ns():x}"
        self._watch: Connection | None = None

    @property
    def name(self) -> str:
        """Its address as it may be printed: without a password."""
        return told(self.engine.url)

    @contextmanager
    def read(self) -> Generator[Connection]:
        """One consistent view; nothing is written. Inside this thread's `write` it sees what that one wrote."""
        if (outer := self._writing()) is not None:
            yield outer
            return
        with self._transaction(writes=False) as connection:
            yield connection

    @contextmanager
    def write(self) -> Generator[Connection]:
        """A writing transaction: all of it is committed at the end, or nothing.

        Inside another one of the same thread it joins that one.

        Raises StoreUnavailable when the database is locked for too long, full, or gone; if that was at the end, nobody
        can say whether it was committed.
        """
        if (outer := self._writing()) is not None:
            yield outer
            return
        with self._turn, self._transaction(writes=True) as connection:
            self._open.connection = connection
            try:
                yield connection
            finally:
                self._open.connection = None

    def version(self) -> str:
        """Text that is another one after every transaction that wrote, whoever's; sometimes without one.

        SQLite counts others' commits for each connection, so that one is kept for this; what it says holds in this
        process. PostgreSQL tells which transactions are over, of every database of the server.
        """
        with self._faults():
            if not self._sqlite:
                with self.engine.connect() as connection:
                    return str(connection.exec_driver_sql("SELECT CAST(pg_current_snapshot() AS text)").scalar_one())
            with self._watching:
                if self._watch is None:
                    self._watch = self.engine.connect()
                return f"{self._watched}.{self._watch.exec_driver_sql('PRAGMA data_version').scalar_one()}"

    def _writing(self) -> Connection | None:
        """The transaction this thread is writing in."""
        return getattr(self._open, "connection", None)

    @contextmanager
    def _transaction(self, *, writes: bool) -> Generator[Connection]:
        connection, transaction = patiently(
            lambda: self._begin(writes=writes), seconds=self.patience_seconds, told=self.told
        )
        with self._faults(), connection, transaction:
            yield connection

    def _begin(self, *, writes: bool) -> tuple[Connection, RootTransaction]:
        with self._faults():
            connection = self.engine.connect()
            try:
                connection.info[HELD] = {}
                if not writes and not self._sqlite:
                    connection = connection.execution_options(**_READS)
                transaction = connection.begin()
                if self._sqlite:  # not by an event: one that is listened to slows every statement
                    connection.exec_driver_sql(_BEGIN_TO_WRITE if writes else "BEGIN")
                return connection, transaction
            except BaseException:
                connection.close()
                raise

    @contextmanager
    def _faults(self) -> Generator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            fault = self._fault(error)
            if fault is None:
                raise
            raise fault from error
        except exc.TimeoutError as error:
            raise StoreUnavailable(
                f"no connection to the catalog database became free: {error}", code="DATABASE_AWAY"
            ) from error

    def _fault(self, error: exc.DBAPIError) -> CatalogError | None:
        """What a driver's error means: away for now, refused, or (None) what it says."""
        words, state = str(error.orig).strip(), str(getattr(error.orig, "sqlstate", None) or "")
        if self._sqlite:
            away = any(sign in words.lower() for sign in _SQLITE_AWAY)
        elif state:
            away = error.connection_invalidated or state.startswith(_POSTGRESQL_AWAY)
        elif any(sign in words for sign in _REFUSED) and isinstance(error, exc.OperationalError):
            return DatabaseRefused(
                f"catalog database '{self.name}' refuses us: {words}; check DAILIES_DATABASE_URL and the server's users"
            )
        else:
            away = error.connection_invalidated or isinstance(error, exc.OperationalError | exc.InterfaceError)
        if not away:
            return None
        return StoreUnavailable(
            f"catalog database '{self.name}' is away: {words}; try again when it is back", code="DATABASE_AWAY"
        )

    def close(self) -> None:
        """Close every connection."""
        with self._watching:
            if self._watch is not None:
                self._watch.close()
                self._watch = None
        self.engine.dispose()
