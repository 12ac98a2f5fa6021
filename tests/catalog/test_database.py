"""The door to the database: safe pragmas, refused places, faults told by type."""

from __future__ import annotations

import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Column, MetaData, Table, select, text

from catalog import connection as connection_module
from catalog.connection import UnsafeDatabase, connect, filesystem_of
from catalog.database import Database
from catalog.dialect import UtcDateTime, clock
from catalog.errors import StoreUnavailable


def test_sqlite_keeps_what_it_was_told(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new' / 'c.db'}")
    with database.read() as connection:
        got = {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in PRAGMAS}
    database.close()
    assert got == PRAGMAS


PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 60_000}


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://host/db"])
def test_a_database_that_loses_data_is_refused(url: str) -> None:
    with pytest.raises(UnsafeDatabase):
        connect(url)


def test_sqlite_on_a_network_filesystem_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "filesystem_of", lambda _path: "nfs4")
    with pytest.raises(UnsafeDatabase, match="PostgreSQL") as refused:
        connect(f"sqlite:///{tmp_path / 'c.db'}")
    assert refused.value.code == "SQLITE_ON_NETWORK"
    assert not (tmp_path / "c.db").exists()


def test_a_missing_driver_is_said_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UnsafeDatabase, match="dailies\\[postgres\\]") as refused:
        connect("postgresql+psycopg://host/db")
    assert refused.value.code == "DRIVER_MISSING"


def test_the_nearest_mount_decides() -> None:
    mounts = "/dev/sda / ext4 rw 0 0\nnas:/x /srv/my\\040films nfs4 rw 0 0\n/dev/b /srv/my\\040films/local xfs rw 0 0\n"
    assert filesystem_of(Path("/home/a"), mounts) == "ext4"
    assert filesystem_of(Path("/srv/my films/a/b"), mounts) == "nfs4"
    assert filesystem_of(Path("/srv/my films/local/b"), mounts) == "xfs"
    assert filesystem_of(Path("/srv/my films too"), mounts) == "ext4"


def test_the_clock_is_utc_and_compares_with_what_python_writes(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'c.db'}")
    table = Table("moments", MetaData(), Column("at", UtcDateTime()))
    with database.write() as connection:
        table.create(connection)
        connection.execute(table.insert().values(at=clock()))
        connection.execute(table.insert().values(at=clock(90)))
        now = datetime.now(UTC)
        early, late = connection.execute(select(table.c.at).order_by(table.c.at)).scalars()
        assert early is not None and late is not None
        assert abs((early - now).total_seconds()) < 30
        assert 60 < (late - early).total_seconds() < 120
        assert connection.scalars(select(table.c.at).where(table.c.at > clock(45))).all() == [late]
        assert connection.scalars(select(table.c.at).where(table.c.at <= now)).all() == [early]
        with pytest.raises(Exception, match="time zone"):
            connection.execute(table.insert().values(at=datetime(2026, 1, 1)))
    database.close()


def test_a_locked_database_is_away_not_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "BUSY_TIMEOUT_MS", 50)
    database = Database(f"sqlite:///{tmp_path / 'c.db'}")
    other = sqlite3.connect(tmp_path / "c.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"), database.write():
        pass
    other.execute("ROLLBACK")
    other.close()
    with database.write() as connection:
        connection.execute(text("CREATE TABLE t (a)"))
    database.close()


def test_a_failed_writer_leaves_nothing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'c.db'}")
    with pytest.raises(RuntimeError), database.write() as connection:
        connection.execute(text("CREATE TABLE t (a)"))
        raise RuntimeError
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM sqlite_master")).scalar() == 0
    database.close()
