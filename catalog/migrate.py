"""Bringing a database to this version's tables; also the door for whoever writes the next migration."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from catalog.database import Database
from catalog.dialect import one_publisher
from catalog.errors import CatalogError

MIGRATIONS = Path(__file__).parent / "migrations"


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's settings, from the package itself: works from a source tree and from an installed wheel."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def current_revision(connection: Connection) -> str | None:
    """The revision a database is at; None if it has no tables yet."""
    return MigrationContext.configure(connection).get_current_revision()


def migrate(database: Database) -> None:
    """Upgrade a fresh or older database, once, however many processes open it at the same moment.

    Raises CatalogError (`CATALOG_NEWER`) if its revision is unknown here.
    """
    script = ScriptDirectory.from_config(alembic_config())
    head = script.get_current_head()
    with database.read() as connection:
        found = current_revision(connection)
    if found == head:
        return
    if found is not None and found not in {revision.revision for revision in script.walk_revisions()}:
        raise CatalogError(
            f"catalog '{database.engine.url.render_as_string()}' is at revision '{found}', this Dailies knows up to "
            f"'{head}'; install the newer Dailies that upgraded it",
            code="CATALOG_NEWER",
        )
    with database.write() as connection:
        one_publisher(connection)  # the writing transaction waits for whoever upgrades now; then there is nothing left
        command.upgrade(alembic_config(connection), "head")
