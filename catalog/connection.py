"""What every connection to a catalog's database is like: which databases may hold one, and how they are tuned.

A process keeps up to 8 connections open and opens up to 24 more when its threads ask for them at once (a worker has a
handful: the line, its copies, the heartbeat). PostgreSQL hears from us as `dailies <program> <host>:<pid>`.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, exc, make_url
from sqlalchemy.engine import URL

from catalog.errors import CatalogError
from catalog.json_text import dumps

BUSY_TIMEOUT_MS = 60_000
"""How long a writer waits for the one before it; a write takes milliseconds, a full disk's retries seconds."""
POOL_SIZE = 8
POOL_OVERFLOW = 24
POOL_TIMEOUT_SECONDS = 60
CONNECT_TIMEOUT_SECONDS = 10
SILENCE_SECONDS = 60
"""A host that says nothing for so long is gone, whatever TCP believes; so is a writer stopped in mid-transaction."""

# SQLite's WAL needs one kernel's shared memory and honest locks. 9p is missing on purpose: sandboxes use it as a local
# root; where it lacks shared memory, journal_mode=WAL is refused by SQLite itself and `_tune_sqlite` says so.
_NETWORK_FILESYSTEMS = frozenset(
    "nfs nfs4 cifs smb2 smb3 smbfs ceph lustre glusterfs gpfs beegfs afs ncpfs ocfs2 gfs2 fuse.sshfs fuse.s3fs "  # noqa: SIM905
    "fuse.rclone fuse.glusterfs fuse.goofys fuse.gcsfuse fuse.ceph fuse.juicefs fuse.davfs fuse.mountpoint-s3".split()
)
_SECRETS = ("password", "sslpassword", "passfile")


class UnsafeDatabase(CatalogError, ValueError):
    """This place or address cannot hold a catalog safely."""

    code = "DATABASE_UNSAFE"


def parse(url: str) -> URL:
    """A database's address. Raises UnsafeDatabase, without repeating what may hold a password."""
    wanted = "wanted sqlite:///path or postgresql+psycopg://user@host/name"
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError) as error:
        raise UnsafeDatabase(f"the catalog's database URL cannot be read; {wanted}") from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise UnsafeDatabase(f"database '{told(parsed)}' is {parsed.get_backend_name()}; {wanted}")
    return parsed


def told(url: URL) -> str:
    """The address as it may be printed: no password, wherever in it that is written."""
    hidden = {name: "***" for name in _SECRETS if name in url.query}
    return url.update_query_dict(hidden).render_as_string(hide_password=True)


def connect(url: str) -> Engine:
    """An engine for `sqlite:///path` or `postgresql+psycopg://...`.

    SQLite gets WAL, `synchronous=FULL`, foreign keys and patience with other writers; PostgreSQL a pool that looks at a
    connection before it hands it out, time-outs and keepalives (what the URL says itself stands). Raises UnsafeDatabase
    (`SQLITE_ON_NETWORK`, `DRIVER_MISSING`, `DATABASE_UNSAFE`) for a place that would lose data or cannot be reached.
    """
    parsed = parse(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    if sqlite:
        _check_sqlite_place(parsed)
    try:
        engine = create_engine(
            parsed,
            json_serializer=dumps,
            pool_size=POOL_SIZE,
            max_overflow=POOL_OVERFLOW,
            pool_timeout=POOL_TIMEOUT_SECONDS,
            pool_pre_ping=not sqlite,
            connect_args={} if sqlite else _postgresql_arguments(parsed),
        )
    except ModuleNotFoundError as error:
        raise UnsafeDatabase(
            f"database '{told(parsed)}' needs a driver that is not installed ({error.name}); "
            "pip install 'dailies[postgres]'",
            code="DRIVER_MISSING",
        ) from error
    if sqlite:
        event.listen(engine, "connect", _tune_sqlite)
    return engine


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
    connection.isolation_level = None  # the driver must not begin transactions of its own: `Database` does
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    mode = cursor.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise UnsafeDatabase(f"SQLite refuses write-ahead logging here (journal mode '{mode}'); use a local disk")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _postgresql_arguments(url: URL) -> dict[str, Any]:
    """libpq's connection parameters, less those the URL gives itself."""
    settings = {
        "timezone": "UTC",
        "lock_timeout": f"{BUSY_TIMEOUT_MS}ms",
        "idle_in_transaction_session_timeout": f"{SILENCE_SECONDS}s",
    }
    ours: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "keepalives": 1,
        "keepalives_idle": SILENCE_SECONDS // 2,
        "keepalives_interval": SILENCE_SECONDS // 6,
        "keepalives_count": 3,
        "tcp_user_timeout": SILENCE_SECONDS * 1000,
        "application_name": f"dailies {Path(sys.argv[0]).name or 'python'} {platform.node()}:{os.getpid()}"[-63:],
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
    }
    # Statements are not prepared: a plan for any value cannot use an index on one state, and poolers in between
    # (PgBouncer) lose them.
    return {name: value for name, value in ours.items() if name not in url.query} | {"prepare_threshold": None}
