"""Restoring: a catalog from a backup, and then made true to the files that are in the store today.

Rows come back as they were, at the revision they were written at; then this version's migrations run. What happened
since is unknown: files made since stay in the store unlisted until `dailies gc`, and a file that is gone is no longer
promised. Every shot's fencing token jumps ahead, so that no worker of the lost days can publish under a number that
is given out again; leases and keepers of runs in flight are over by the clock, and whoever comes next goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from alembic import command
from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.types import TypeEngine

from catalog.artifacts import ArtifactLedger
from catalog.backup import PAGE, Backup, Heard, OpenBackup, opened
from catalog.crosscheck import files_and_rows
from catalog.database import Database
from catalog.derived import rebuild
from catalog.dialect import UtcDateTime, Word, clock, one_publisher
from catalog.errors import CatalogError
from catalog.ledger import write_audit
from catalog.migrate import alembic_config, known_revisions
from catalog.migrations import triggers_0006 as triggers
from catalog.tables import DERIVED, Artifact, Base, Shot

TOKENS_AHEAD = 1_000_000
"""More claims than any shot sees between a backup and its restoring."""

# Found out again by itself: a catalog with nothing else in it is as good as empty.
_LEARNT = {"audit", "benchmarks", "compatibility", "duties", "notice_targets", "pictures", "workers", *DERIVED}
_VERSION = "alembic_version"


def restore(database: Database, file: Path, *, who: str, replace: bool = False, heard: Heard | None = None) -> Backup:
    """Fill a catalog from a backup, all or nothing; `reconcile` it with its store afterwards.

    Raises CatalogError: `CATALOG_NOT_EMPTY` unless `replace`, `CATALOG_NEWER` (the backup's revision is not known
    here), `BACKUP_MISSING`, `BACKUP_DAMAGED`; StoreUnavailable. Then the catalog is what it was.
    """
    with opened(file) as source, database.write() as connection:
        facts = source.facts
        if facts.revision not in known_revisions():
            raise CatalogError(
                f"backup '{file}' is of revision '{facts.revision}', this Dailies knows up to "
                f"'{known_revisions()[-1]}'; restore it with the newer Dailies that wrote it",
                code="CATALOG_NEWER",
            )
        one_publisher(connection)
        if not replace:
            _check_empty(connection, database.name)
        _clear(connection, set(facts.tables))
        command.upgrade(alembic_config(connection), facts.revision)
        triggers.drop(connection)  # they come back with what they keep, made from the rows at once
        _fill(connection, source, heard)
        command.upgrade(alembic_config(connection), "head")
        rebuild(connection)
        connection.execute(update(Shot).values(lease_token=Shot.lease_token + TOKENS_AHEAD))
        write_audit(connection, who, "restore", file.name, {"made_at": facts.made_at, "rows": facts.rows})
    return facts


def _check_empty(connection: Connection, name: str) -> None:
    there = set(inspect(connection).get_table_names())
    for table in Base.metadata.sorted_tables:
        if table.name in there and table.name not in _LEARNT:
            rows = connection.scalar(select(func.count()).select_from(table))
            if rows:
                raise CatalogError(
                    f"catalog '{name}' is not empty: {rows} rows in '{table.name}'; back it up, then --replace it",
                    code="CATALOG_NOT_EMPTY",
                )


def _clear(connection: Connection, tables: set[str]) -> None:
    ours = {*Base.metadata.tables, *tables, _VERSION} & set(inspect(connection).get_table_names())
    found = MetaData()
    found.reflect(connection, only=sorted(ours))
    found.drop_all(connection)


def _fill(connection: Connection, source: OpenBackup, heard: Heard | None) -> None:
    wanted, done = source.facts.tables, 0
    schema = MetaData()
    schema.reflect(connection, only=sorted(wanted))
    for table in (table for table in schema.sorted_tables if table.name in wanted):
        for column in table.columns:
            column.type = _as_written(column.type)
        connection.execute(delete(table))  # what a migration has put in
        columns = wanted[table.name].columns
        later = _references_to_itself(table)
        for page in _pages(source, table, columns):
            connection.execute(insert(table), [row | dict.fromkeys(later) for row in page])
            done += len(page)
            if heard is not None:
                heard(done, source.facts.rows)
        if later:  # now that every row is there
            (key,) = table.primary_key.columns
            link = update(table).where(key == bindparam("_key")).values({name: bindparam(f"_{name}") for name in later})
            for page in _pages(source, table, columns):
                links = [
                    {"_key": row[key.name]} | {f"_{name}": row[name] for name in later}
                    for row in page
                    if any(row[name] is not None for name in later)
                ]
                if links:
                    connection.execute(link, links)
        _count_on(connection, table)


def _pages(source: OpenBackup, table: Table, columns: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    times = [isinstance(table.columns[name].type, UtcDateTime) for name in columns]
    rows = source.rows(table.name)
    while page := list(islice(rows, PAGE)):
        yield [
            {
                name: datetime.fromisoformat(value) if time and value is not None else value
                for name, time, value in zip(columns, times, row, strict=True)
            }
            for row in page
        ]


def _as_written(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """Reflected types as the catalog's own: aware times, no JSON null for NULL."""
    if isinstance(kind, DateTime):
        return UtcDateTime()
    if isinstance(kind, JSON):
        return JSON(none_as_null=True)
    return Word() if isinstance(kind, String) else kind


def _references_to_itself(table: Table) -> list[str]:
    return [key.parent.name for key in table.foreign_keys if key.column.table is table]


def _count_on(connection: Connection, table: Table) -> None:
    """PostgreSQL's sequences do not see ids that were given to them."""
    if connection.dialect.name != "postgresql":
        return
    for column in table.primary_key.columns:
        named = text("SELECT pg_get_serial_sequence(:table, :column)")
        sequence = connection.scalar(named, {"table": table.name, "column": column.name})
        if sequence is not None:
            last = connection.scalar(select(func.max(column)))
            set_to = text("SELECT setval(CAST(:sequence AS regclass), :last, :used)")
            connection.execute(set_to, {"sequence": sequence, "last": last or 1, "used": last is not None})


@dataclass(frozen=True)
class Reconciled:
    """What today's store had for the catalog's rows: digests that are `gone`, those `cut`, and files it knows not."""

    whole: int
    gone: list[str]
    cut: list[str]
    unknown: int


def reconcile(catalog: ArtifactLedger, heard: Heard | None = None) -> Reconciled:
    """Let the catalog promise only what is in the store: files that are gone become `collected`, cut ones `damaged`.

    Sizes are compared, bytes are not read again (`dailies verify` does that).
    """
    whole, unknown, gone, cut, looked = 0, 0, list[str](), list[str](), 0
    with catalog.database.read() as connection:
        total = connection.scalar(select(func.count()).where(Artifact.state == "present")) or 0
    for row, file in files_and_rows(catalog):
        if row is None:
            unknown += 1
            continue
        looked += 1
        if file is None:
            gone.append(row.sha256)
        elif file.bytes != row.bytes:
            cut.append(row.sha256)
        else:
            whole += 1
        if heard is not None and (looked % PAGE == 0 or looked == total):
            heard(looked, total)
    with catalog.database.write() as connection:
        one_publisher(connection)
        for start in range(0, len(gone), PAGE):
            lost = [sha256 for sha256 in gone[start : start + PAGE] if not catalog.store.has(sha256)]
            values = {"state": "collected", "collected_at": clock()}
            connection.execute(update(Artifact).where(Artifact.sha256.in_(lost)).values(values))
    for sha256 in cut:
        catalog.mark_damaged(sha256, "its size is not what the restored catalog knows")
    return Reconciled(whole, gone, cut, unknown)
