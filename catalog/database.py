"""The door to the database: one engine per catalog, transactions that read or write, and faults told by type."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc, make_url
from sqlalchemy.engine import URL

from catalog.errors import CatalogError, StoreUnavailable

BUSY_TIMEOUT_MS = 60_000
"""How long a SQLite writer waits for the one before it; a write takes milliseconds, a full disk's retries seconds."""

# SQLite's WAL needs one kernel's shared memory and honest locks. 9p is missing on purpose: sandboxes use it as a local
# root; where it lacks shared memory, journal_mode=WAL is refused by SQLite itself and `_tune_sqlite` says so.
_NETWORK_FILESYSTEMS = frozenset(
    "nfs nfs4 cifs smb2 smb3 smbfs ceph lustre glusterfs gpfs beegfs afs ncpfs ocfs2 gfs2 fuse.sshfs fuse.s3fs "  # noqa: SIM905
    "fuse.rclone fuse.glusterfs fuse.goofys fuse.gcsfuse fuse.ceph fuse.juicefs fuse.davfs fuse.mountpoint-s3".split()
)

_SQLITE_AWAY = ("locked", "busy", "unable to open", "disk i/o error", "disk is full", "readonly database")


class UnsafeDatabase(CatalogError, ValueError):
    """This place or address cannot hold a catalog safely."""

    code = "DATABASE_UNSAFE"


def filesystem_of(path: Path, mounts: str | None = None) -> str:
    """Type of the filesystem that holds `path` (`ext4`, `nfs4` ...), from the longest mount point above it.

    `mounts` is text in the form of /proc/mounts, which is read when none is given; "" where there is none.
    """
    if mounts is None:
        proc = Path("/proc/mounts")
        mounts = proc.read_text(errors="replace") if proc.exists() else ""
    found, kind = -1, ""
    place = path.resolve()
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(fields[1].replace("\\040", " "))
        # >= : what was mounted last over the same point is what one sees.
        if place.is_relative_to(point) and len(point.parts) >= found:
            found, kind = len(point.parts), fields[2]
    return kind


def _check_sqlite_place(url: URL) -> None:
    if not url.database or url.database == ":memory:":
        raise UnsafeDatabase(f"database '{url}' is kept in memory and dies with the process; name a file")
    folder = Path(url.database).absolute().parent
    kind = filesystem_of(folder)
    if kind in _NETWORK_FILESYSTEMS:
        raise UnsafeDatabase(
            f"database '{url.database}' lies on a network filesystem ({kind}), where SQLite loses data without a word; "
            "use a local disk, or PostgreSQL: DAILIES_DATABASE_URL=postgresql+psycopg://...",
            code="SQLITE_ON_NETWORK",
        )
    folder.mkdir(parents=True, exist_ok=True)


def _tune_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own: `_begin_sqlite` does
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    mode = cursor.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise UnsafeDatabase(f"SQLite refuses write-ahead logging here (journal mode '{mode}'); use a local disk")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: one that reads first and then writes can fail with SQLITE_BUSY at any time.
    writes = connection.get_execution_options().get("catalog_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def connect(url: str) -> Engine:
    """An engine for `sqlite:///path` or `postgresql+psycopg://...`.

    SQLite gets WAL, `synchronous=FULL`, foreign keys and patience with other writers. Raises UnsafeDatabase
    (`SQLITE_ON_NETWORK`, `DATABASE_UNSAFE`) for a place that would lose data and for any other kind of database.
    """
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise UnsafeDatabase(f"database '{parsed}' is {backend}; wanted sqlite:///path or postgresql+psycopg://...")
    if backend == "sqlite":
        _check_sqlite_place(parsed)
    # NaN is not JSON: SQLite would keep it, PostgreSQL refuses it; refuse it everywhere.
    dumps = partial(json.dumps, ensure_ascii=False, allow_nan=False)
    try:
        engine = create_engine(parsed, json_serializer=dumps, pool_pre_ping=backend == "postgresql")
    except ModuleNotFoundError as error:
        raise UnsafeDatabase(
            f"database '{parsed}' needs a driver that is not installed ({error.name}); pip install 'dailies[postgres]'",
            code="DRIVER_MISSING",
        ) from error
    if backend == "sqlite":
        event.listen(engine, "connect", _tune_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _is_away(error: exc.DBAPIError, dialect: str) -> bool:
    if error.connection_invalidated or dialect == "postgresql":
        return True
    return any(sign in str(error.orig).lower() for sign in _SQLITE_AWAY)


class Database:
    """Transactions on one engine; safe to use from many threads."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = connect(url)

    @contextmanager
    def read(self) -> Generator[Connection]:
        """One consistent view; nothing is written."""
        with self._transaction(writes=False) as connection:
            yield connection

    @contextmanager
    def write(self) -> Generator[Connection]:
        """A writing transaction: all of it is committed at the end, or nothing.

        Raises StoreUnavailable when the database is locked for too long, full, or gone.
        """
        with self._transaction(writes=True) as connection:
            yield connection

    @contextmanager
    def _transaction(self, *, writes: bool) -> Generator[Connection]:
        try:
            with self.engine.connect() as connection:
                connection = connection.execution_options(catalog_writes=writes)
                with connection.begin():
                    yield connection
        except (exc.OperationalError, exc.InterfaceError) as error:
            if not _is_away(error, self.engine.dialect.name):
                raise
            raise StoreUnavailable(f"catalog database is away: {error.orig}; try again when it is back") from error
        except exc.TimeoutError as error:
            raise StoreUnavailable(f"no connection to the catalog database became free: {error}") from error

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()
