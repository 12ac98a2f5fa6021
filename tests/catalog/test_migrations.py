"""A database gets exactly the tables the code declares, once, however many open it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from catalog import Catalog, migrate
from catalog.database import Database
from catalog.errors import CatalogError
from catalog.migrations import triggers_0006
from catalog.tables import Base
from tests.catalog.conftest import Workplace


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


def as_postgresql_has_it(url: str) -> dict[str, list[str]]:
    """Columns (type, collation, default), constraints and indexes, as PostgreSQL writes them down."""
    asked = {
        "column": "SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default "
        "FROM information_schema.columns WHERE table_schema = 'public'",
        "constraint": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace",
        "index": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "trigger": "SELECT event_object_table, trigger_name, event_manipulation, action_condition, action_statement "
        "FROM information_schema.triggers",
    }
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = {kind: connection.execute(text(query)).all() for kind, query in asked.items()}
    engine.dispose()
    # How casts are written depends on whether a column was altered after its CHECK.
    casts = re.compile(r"::(text|character varying)(\[\])?|[()]")
    return {
        kind: sorted(casts.sub("", " ".join(map(str, row))) for row in found if row[0] != "alembic_version")
        for kind, found in rows.items()
    }


def _of_tables(_thing: object, name: str, *_: object) -> bool:
    """All but full text, which is the databases' own."""
    return not name.startswith(("shot_words", "ix_shot_cards_words"))


def test_migrated_schema_equals_the_declared_tables(backend: str, fresh_url: Callable[[], str], tmp_path: Path) -> None:
    migrated, declared = fresh_url(), fresh_url()
    with Catalog.open(migrated, tmp_path / "store") as catalog, catalog.database.read() as connection:
        compared = {"compare_type": True, "compare_server_default": True, "include_object": _of_tables}
        context = MigrationContext.configure(connection, opts=compared)
        assert compare_metadata(context, Base.metadata) == []

    # Alembic does not look at CHECKs, collations and partial indexes; the databases' own memory of them does.
    engine = create_engine(declared)
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        triggers_0006.create(connection)
    engine.dispose()
    whole = schema if backend == "sqlite" else as_postgresql_has_it
    assert whole(migrated) == whole(declared)


def test_every_table_can_be_written_for_postgresql() -> None:
    for table in Base.metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=postgresql.dialect()))
        for index in table.indexes:
            assert str(CreateIndex(index).compile(dialect=postgresql.dialect()))


def test_many_processes_open_a_fresh_catalog_at_once(fresh_url: Callable[[], str], tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from catalog import Catalog; Catalog.open(sys.argv[1], pathlib.Path(sys.argv[2])).close()"
    )
    arguments = [sys.executable, "-c", code, fresh_url(), str(tmp_path / "store")]
    openers = [subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) for _ in range(5)]
    for opener in openers:
        _, errors = opener.communicate(timeout=120)
        assert opener.returncode == 0, errors


class Tomorrow:
    """The same code with one migration more, in a folder of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder / "migrations"
        self._monkeypatch = monkeypatch
        self.newest = migrate.known_revisions()[-1]
        shutil.copytree(migrate.MIGRATIONS, self._folder, ignore=shutil.ignore_patterns("__pycache__"))

    def writes(self, change: str, oldest: str) -> None:
        """Give it a revision 9999 on top of ours."""
        (self._folder / "versions" / "9999_tomorrow.py").write_text(
            "import sqlalchemy as sa\nfrom alembic import op\n"
            f"revision, down_revision, oldest_revision = '9999', {self.newest!r}, {oldest!r}\n"
            "branch_labels = depends_on = None\n\n\n"
            f"def upgrade():\n    {change}\n"
            f"    op.execute(\"UPDATE compatibility SET oldest_revision = '{oldest}'\")\n",
            encoding="utf-8",
        )

    def migrates(self, url: str, *, contract: bool = False) -> migrate.Standing:
        """Upgrade as the newer version would; the code of today is back afterwards."""
        database = Database(url)
        with self._monkeypatch.context() as patch:
            patch.setattr(migrate, "MIGRATIONS", self._folder)
            found = migrate.migrate(database, contract=contract)
        database.close()
        return found


@pytest.fixture
def tomorrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tomorrow:
    return Tomorrow(tmp_path, monkeypatch)


def test_older_code_works_on_beside_a_newer_one_that_only_added(place: Workplace, tomorrow: Tomorrow) -> None:
    added = (
        "op.add_column('shots', sa.Column('mood', sa.String())); op.create_table('moods', sa.Column('m', sa.JSON()))"
    )
    tomorrow.writes(added, oldest="0001")
    (claim,) = place.claim()
    running = place.begin("recipe", claim=claim)
    tomorrow.migrates(place.url)  # while this code is at work

    made = place.catalog.publish(running, [place.stage(b"clip")], ran={}, seconds=1, claim=claim)
    place.catalog.finish_shot(claim, "done")
    assert made.whole
    with Catalog.open(place.url, place.root) as again:  # and another of its workers starts
        assert migrate.standing(again.database).newer
        assert again.find_done("recipe") == made
        columns = {column["name"] for column in inspect(again.database.engine).get_columns("shots")}
        assert "mood" in columns
    assert place.claim()[0].token > 0


def test_code_that_lacks_what_was_taken_away_is_refused_and_leaves_it_alone(
    place: Workplace, tomorrow: Tomorrow
) -> None:
    tomorrow.writes("op.drop_table('benchmarks')", oldest="9999")
    with pytest.raises(CatalogError, match="older workers") as refused:
        tomorrow.migrates(place.url)  # opening it would end the work of those at it
    assert refused.value.code == "CATALOG_OLDER"
    assert inspect(place.catalog.database.engine).has_table("benchmarks")

    tomorrow.migrates(place.url, contract=True)
    with pytest.raises(CatalogError, match="install the newer Dailies") as newer:
        Catalog.open(place.url, place.root)
    assert newer.value.code == "CATALOG_NEWER" and "9999" in str(newer.value)
    assert tomorrow.migrates(place.url).found == "9999"
    assert not inspect(place.catalog.database.engine).has_table("benchmarks")
