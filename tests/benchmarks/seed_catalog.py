"""Fill an empty catalog with a believable past: `python -m tests.benchmarks.seed_catalog --url ... [--artifacts N]`.

    --url sqlite:////tmp/big/catalog.db --artifacts 1000000 --shots 200000 --runs 500

Only for databases that may be lost: rows are written without flushing, without foreign keys being checked and without
triggers; what is derived is made of them at the end. On PostgreSQL that takes a superuser.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from sqlalchemy import text

from catalog import Catalog
from catalog.derived import rebuild
from catalog.migrations import triggers_0006 as triggers
from tests.benchmarks.seeded import COLUMNS, Studio, Tables

ARTIFACTS, SHOTS, RUNS = 1_000_000, 200_000, 500


def seed(catalog: Catalog, *, artifacts: int = ARTIFACTS, shots: int = SHOTS, runs: int = RUNS) -> None:
    """Write all rows, make what is derived, add up hours of work, and let the database count what it has."""
    engine = catalog.database.engine
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        if sqlite:
            raw.execute("PRAGMA foreign_keys = OFF")
            raw.execute("PRAGMA synchronous = OFF")
            raw.execute("PRAGMA cache_size = -1000000")  # keys are digests: they fall everywhere
        else:
            raw.rollback()
            raw.autocommit = True
            raw.execute("SET session_replication_role = replica")  # neither foreign keys nor triggers
        if sqlite:
            triggers.drop(connection)
        seen: set[str] = set()
        for tables in Studio(artifacts, shots, runs).chunks():
            once = [row for row in tables.get("artifacts", ()) if row[0] not in seen]
            seen.update(row[0] for row in once)
            raw.execute("BEGIN")
            _write(raw, tables | {"artifacts": once}, sqlite=sqlite)
            raw.execute("COMMIT")
        if sqlite:
            raw.execute("PRAGMA foreign_keys = ON")
            raw.execute("PRAGMA synchronous = FULL")
            raw.execute("PRAGMA cache_size = -2000")
        else:
            _count_on(raw)
            raw.execute("SET session_replication_role = origin")
            raw.autocommit = False
    with catalog.database.write() as connection:
        rebuild(connection)
    catalog.roll_up()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if sqlite else "VACUUM ANALYZE"))


def _write(raw: Any, tables: Tables, *, sqlite: bool) -> None:
    for name, columns in COLUMNS.items():
        rows = tables.get(name)
        if not rows:
            continue
        names = columns.split()
        if sqlite:
            places = ", ".join("?" * len(names))
            raw.executemany(f"INSERT INTO {name} ({', '.join(names)}) VALUES ({places})", rows)
            continue
        with raw.cursor().copy(f"COPY {name} ({', '.join(names)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def _count_on(raw: Any) -> None:
    """Numbers go on after those that were given."""
    for table in ("measurements", "reviews", "incidents", "audit"):
        raw.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) + 1 FROM {table}))")


def main() -> None:
    """Fill it, and say how long that took."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--url", required=True, help="of an empty database: sqlite:///... or postgresql+psycopg://...")
    options.add_argument("--store", type=Path, default=Path("/tmp/dailies-seeded-store"), help="stays empty")
    options.add_argument("--artifacts", type=int, default=ARTIFACTS)
    options.add_argument("--shots", type=int, default=SHOTS)
    options.add_argument("--runs", type=int, default=RUNS)
    asked = options.parse_args()
    began = time.monotonic()
    with Catalog.open(asked.url, asked.store) as catalog:
        seed(catalog, artifacts=asked.artifacts, shots=asked.shots, runs=asked.runs)
    print(f"{asked.runs} runs, {asked.shots} shots in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
