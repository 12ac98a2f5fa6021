"""Backups: the whole catalog in one file, from either database and for either.

A zip archive: `tables/<name>.jsonl`, one row a line, in the order of the primary key, as a JSON array (times in ISO
8601, UTC); then `catalog.json` with the revision and, for every table, its columns, how many rows it has and the
SHA-256 of its lines. All of it is read in one transaction that sees one moment, while others write; memory stays flat.
A file without `catalog.json` was never finished, and none is left under the wanted name until it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, func, select

from catalog.database import Database
from catalog.errors import CatalogError
from catalog.migrate import standing
from catalog.tables import DERIVED, Base

FORMAT = 1
PAGE = 1_000
"""Rows held at once."""
_HEADER = "catalog.json"

Heard = Callable[[int, int], None]
"""Hears of progress: rows done, rows in all."""


@dataclass(frozen=True)
class TableFacts:
    """One table in a backup; `sha256` is of its lines."""

    columns: list[str]
    rows: int
    sha256: str


@dataclass(frozen=True)
class Backup:
    """What a backup holds."""

    revision: str
    made_at: str
    tables: dict[str, TableFacts]

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables.values())


def backup(database: Database, file: Path, heard: Heard | None = None) -> Backup:
    """Write the catalog to `file`, replacing what was there only when the new one is whole and on the disk.

    Raises CatalogError: `CATALOG_NEWER` where a newer Dailies knows more about this catalog than this one,
    `BACKUP_UNWRITABLE`; StoreUnavailable.
    """
    found = standing(database)
    if found.newer or found.pending:
        raise CatalogError(
            f"catalog '{database.name}' is at revision '{found.found}', this Dailies knows '{found.head}' and would "
            "leave something out; take the backup with the Dailies of the catalog's own revision",
            code="CATALOG_NEWER" if found.newer else "CATALOG_OLDER",
        )
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        part.touch(mode=0o600)  # before anything is in it: a catalog tells who works on what
        with part.open("r+b") as raw:
            with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
                made = _write(database, archive, found.head, heard)
            raw.flush()
            os.fsync(raw.fileno())
        part.replace(file)
    except OSError as error:
        if isinstance(error, CatalogError):
            raise
        raise CatalogError(
            f"backup '{file}' cannot be written: {error}; choose another place or free some space",
            code="BACKUP_UNWRITABLE",
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return made


def _write(database: Database, archive: zipfile.ZipFile, revision: str, heard: Heard | None) -> Backup:
    tables: dict[str, TableFacts] = {}
    with database.read() as connection:
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        counts = {table: connection.scalar(select(func.count()).select_from(table)) or 0 for table in _tables()}
        done, total = 0, sum(counts.values())
        for table in _tables():
            digest, rows = hashlib.sha256(), 0
            with archive.open(_entry(table.name), "w", force_zip64=True) as entry:
                for line in _lines(connection, table):
                    entry.write(line)
                    digest.update(line)
                    rows += 1
                    if heard is not None and rows % PAGE == 0:
                        heard(done + rows, total)
            done += rows
            tables[table.name] = TableFacts([column.name for column in table.columns], rows, digest.hexdigest())
        if heard is not None:
            heard(total, total)
    made = Backup(revision, made_at, tables)
    archive.writestr(_HEADER, json.dumps({"format": FORMAT} | asdict(made), indent=1))
    return made


def _tables() -> list[Table]:
    """Every table that is not made of others, those before that others refer to."""
    return [table for table in Base.metadata.sorted_tables if table.name not in DERIVED]


def _entry(table: str) -> str:
    return f"tables/{table}.jsonl"


def _lines(connection: Connection, table: Table) -> Iterator[bytes]:
    query = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=PAGE)
    for row in connection.execute(query):
        values = [value.isoformat() if isinstance(value, datetime) else value for value in row]
        yield json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


class OpenBackup:
    """A backup being read. Use `opened`."""

    def __init__(self, archive: zipfile.ZipFile, file: Path) -> None:
        self._archive = archive
        self.file = file
        header = json.loads(archive.read(_HEADER))
        if header.pop("format") != FORMAT:
            raise CatalogError(f"backup '{file}' was written by a newer Dailies; restore it with that")
        tables = {name: TableFacts(**facts) for name, facts in header.pop("tables").items()}
        self.facts = Backup(tables=tables, **header)

    def rows(self, table: str) -> Iterator[list[Any]]:
        """A table's rows, values in the order of its columns; at the end, that it was all of them and unchanged.

        Raises CatalogError (`BACKUP_DAMAGED`).
        """
        wanted, digest, found = self.facts.tables[table], hashlib.sha256(), 0
        with self._archive.open(_entry(table)) as entry:
            for line in entry:
                digest.update(line)
                found += 1
                yield json.loads(line)
        if (found, digest.hexdigest()) != (wanted.rows, wanted.sha256):
            raise CatalogError(
                f"backup '{self.file}': table '{table}' has {found} rows with digest {digest.hexdigest()[:12]}, "
                f"wanted {wanted.rows} with {wanted.sha256[:12]}; use another backup",
                code="BACKUP_DAMAGED",
            )


@contextmanager
def opened(file: Path) -> Generator[OpenBackup]:
    """A backup for reading. Raises CatalogError: `BACKUP_MISSING`, or `BACKUP_DAMAGED` whenever that is found out."""
    try:
        with zipfile.ZipFile(file) as archive:
            yield OpenBackup(archive, file)
    except OSError as error:
        if isinstance(error, CatalogError):  # the database went away, not the file
            raise
        raise CatalogError(f"backup '{file}' cannot be read: {error}; check the path", code="BACKUP_MISSING") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise CatalogError(
            f"'{file}' is no whole backup of a catalog: {error}; use another one", code="BACKUP_DAMAGED"
        ) from error
