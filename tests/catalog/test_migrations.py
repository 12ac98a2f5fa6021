"""A database gets exactly the tables the code declares, once, however many open it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from catalog import Catalog
from catalog.errors import CatalogError
from catalog.tables import Base


def schema(url: str) -> dict[str, str]:
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")).all()
    engine.dispose()
    # Neither the order in which constraints are written is a difference, nor a reference written beside its column.
    inline = re.compile(r"(\w+) VARCHAR (CONSTRAINT \w+) (REFERENCES \w+ \(\w+\))")
    apart = r"\1 VARCHAR \2 FOREIGN KEY(\1) \3"
    return {
        name: " ".join(sorted(re.sub(r"(\W)", r" \1 ", inline.sub(apart, sql)).replace(",", " ").split()))
        for name, sql in rows
        if name != "alembic_version"
    }


def test_migrated_schema_equals_the_declared_tables(tmp_path: Path) -> None:
    migrated = f"sqlite:///{tmp_path / 'migrated.db'}"
    with Catalog.open(migrated, tmp_path / "store") as catalog, catalog.database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []

    # Alembic does not look at CHECKs and partial indexes; SQLite's own memory of them does.
    declared = f"sqlite:///{tmp_path / 'declared.db'}"
    engine = create_engine(declared)
    Base.metadata.create_all(engine)
    engine.dispose()
    assert schema(migrated) == schema(declared)


def test_every_table_can_be_written_for_postgresql() -> None:
    for table in Base.metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=postgresql.dialect()))
        for index in table.indexes:
            assert str(CreateIndex(index).compile(dialect=postgresql.dialect()))


def test_many_processes_open_a_fresh_catalog_at_once(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from catalog import Catalog; Catalog.open(sys.argv[1], pathlib.Path(sys.argv[2])).close()"
    )
    arguments = [sys.executable, "-c", code, f"sqlite:///{tmp_path / 'c.db'}", str(tmp_path / "store")]
    openers = [subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) for _ in range(6)]
    for opener in openers:
        _, errors = opener.communicate(timeout=120)
        assert opener.returncode == 0, errors


def test_a_catalog_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'c.db'}"
    with Catalog.open(url, tmp_path / "store") as catalog, catalog.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = schema(url)
    with pytest.raises(CatalogError, match="9999") as refused:
        Catalog.open(url, tmp_path / "store")
    assert refused.value.code == "CATALOG_NEWER"
    assert schema(url) == before
