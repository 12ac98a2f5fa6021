"""`dailies backup`, `restore` and `migrate`: the catalog in one file and back, and brought to this version's tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from catalog.backup import Backup
from catalog.backup import backup as write_backup
from catalog.catalog import Catalog
from catalog.database import Database
from catalog.migrate import migrate as upgrade
from catalog.migrate import standing
from catalog.restore import reconcile
from catalog.restore import restore as read_backup
from flows.json_output import JSON, print_json
from flows.live import TerminalListener
from flows.settings import Settings
from flows.terminal import counted, said, size
from flows.worker_name import worker_name

FILE = Annotated[Path, typer.Argument(help="The backup, one file.", show_default=False)]
REPLACE = Annotated[bool, typer.Option("--replace", help="Restore into a catalog that has something in it: that goes.")]
CHECK = Annotated[bool, typer.Option("--check", help="Only say what there is to do; exit status 1 if anything.")]


def backup(file: FILE, as_json: JSON = False) -> int:
    """Write the whole catalog to one file while it is in use; it restores into SQLite and PostgreSQL."""
    settings = Settings()
    with _database(settings) as database, TerminalListener(settings, quiet=as_json) as told:
        upgrade(database)
        made = write_backup(database, file, lambda done, total: told.step("rows", done, total))
    if as_json:
        print_json({"file": file, "bytes": file.stat().st_size} | _facts(made))
    else:
        written = size(file.stat().st_size)
        said(f"{file} has {counted(made.rows, 'row')} of the catalog, revision {made.revision}, in {written}")
    return 0


def restore(file: FILE, replace: REPLACE = False, as_json: JSON = False) -> int:
    """Fill the catalog from a backup, then promise only what is in the store. Stop runs and workers first."""
    settings = Settings()
    with TerminalListener(settings, quiet=as_json) as told:
        with _database(settings) as database:
            made = read_backup(
                database,
                file,
                who=worker_name(),
                replace=replace,
                heard=lambda done, total: told.step("rows", done, total),
            )
        with Catalog.open(settings.catalog_url, settings.store) as catalog:
            found = reconcile(catalog, lambda done, total: told.step("files", done, total))
    if as_json:
        print_json({"file": file, "restored": _facts(made), "store": found})
        return 0
    said(f"the catalog is as {file} has it: {counted(made.rows, 'row')} of {made.made_at}")
    files = f"{counted(found.whole, 'file')} as promised, {len(found.gone)} gone, {len(found.cut)} cut"
    said(f"in the store: {files}, {found.unknown} that it does not know")
    if found.gone or found.cut:
        said("what is gone or cut is made again by the next run that needs it")
    return 0


def migrate(check: CHECK = False, as_json: JSON = False) -> int:
    """Bring the catalog's tables to this version; asks nothing, and any number of machines may do so at once."""
    with _database(Settings()) as database:
        found = standing(database) if check else upgrade(database, contract=True)
        name = database.name
    before, after = found.found or "empty", found.found if found.newer else found.head
    if as_json:
        done = bool(found.pending) and not check
        print_json({"catalog": name, "from": found.found, "to": after, "pending": found.pending, "migrated": done})
    elif found.newer:
        said(f"{name} is at {before}, newer than this version ({found.head}), which may work on; nothing to do")
    elif not found.pending:
        said(f"{name} is at {before}: nothing to do")
    else:
        ends = f"; {', '.join(found.contracting)} ends the work of older workers" if found.contracting else ""
        said(f"{name}: {'to be migrated ' if check else 'migrated '}from {before} to {after}{ends}")
    return 1 if check and found.pending else 0


@contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    settings.home.mkdir(parents=True, exist_ok=True)
    database = Database(settings.catalog_url, patience_seconds=5.0)
    try:
        yield database
    finally:
        database.close()


def _facts(made: Backup) -> dict[str, object]:
    tables = {name: table.rows for name, table in made.tables.items()}
    return {"revision": made.revision, "made_at": made.made_at, "rows": tables}
