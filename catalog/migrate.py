"""Bringing a database to this version's tables, beside workers of the version before.

A migration *expands* (adds tables and columns that older code need not know) or, a release later, *contracts* (takes
away what only older code needed). Each file says by `oldest_revision` which code may still work on the schema it makes,
and the table `compatibility` remembers that. So code meets a newer schema and works on, unless it has been contracted
past it; and opening a catalog expands it, but only `dailies migrate` contracts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select

from catalog import derived
from catalog.database import Database
from catalog.dialect import one_publisher
from catalog.errors import CatalogError
from catalog.patience import patiently
from catalog.tables import Compatibility

MIGRATIONS = Path(__file__).parent / "migrations"

_QUEUE_SECONDS = 120.0
"""How long a migration tries again that others' open transactions made PostgreSQL give up (a lock, a deadlock)."""


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's settings, from the package itself: works from a source tree and from an installed wheel."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def current_revision(connection: Connection) -> str | None:
    """The revision a database is at; None if it has no tables yet."""
    return MigrationContext.configure(connection).get_current_revision()


def known_revisions() -> list[str]:
    """The revisions this code knows, oldest first."""
    return _known(MIGRATIONS)[1]


@cache
def _known(folder: Path) -> tuple[ScriptDirectory, list[str]]:
    """Read once: every batch opens the catalog anew."""
    script = ScriptDirectory(str(folder))
    return script, [revision.revision for revision in script.walk_revisions()][::-1]


@dataclass(frozen=True)
class Standing:
    """Where a database stands (`found`, None: it is empty), seen from this code (`head`).

    `pending` are the revisions to come, oldest first, and `contracting` those of them that end the older code's work;
    `oldest` is the code, by the newest revision it knows, that may still work here.
    """

    found: str | None
    head: str
    oldest: str | None
    pending: tuple[str, ...]
    contracting: tuple[str, ...]

    @property
    def newer(self) -> bool:
        """A newer Dailies has been here, and this one may work on."""
        return self.found is not None and self.found != self.head and not self.pending


def standing(database: Database) -> Standing:
    """Where a database stands. Raises CatalogError (`CATALOG_NEWER`) if this code may not work on it."""
    with database.read() as connection:
        return _standing(connection, database.name)


def migrate(database: Database, *, contract: bool = False) -> Standing:
    """Upgrade a fresh or older database, once, however many processes do so at the same moment; says what was found.

    Raises CatalogError: `CATALOG_NEWER` as `standing`, `CATALOG_OLDER` where that would end the work of older code and
    `contract` does not say so.
    """
    before = standing(database)
    if before.contracting and not contract:
        raise CatalogError(
            f"catalog '{database.name}' is at revision '{before.found}'; {', '.join(before.contracting)} would end "
            "the work of older workers; stop or upgrade those, then `dailies migrate`",
            code="CATALOG_OLDER",
        )
    if before.pending:
        patiently(lambda: _upgrade(database, before.head), seconds=_QUEUE_SECONDS, told=database.told)
    elif not before.newer:
        _mend(database)
    return before


def _mend(database: Database) -> None:
    """Bring back what keeps derived tables, where something has lost it."""
    with database.read() as connection:
        if derived.whole(connection):
            return
    with database.write() as connection:
        one_publisher(connection)
        if not derived.whole(connection):
            derived.rebuild(connection)


def _upgrade(database: Database, head: str) -> None:
    with database.write() as connection:
        one_publisher(connection)  # the writing transaction waits for whoever upgrades now; then there is nothing left
        if _standing(connection, database.name).pending:
            command.upgrade(alembic_config(connection), head)


def _standing(connection: Connection, name: str) -> Standing:
    script, known = _known(MIGRATIONS)
    found, head = current_revision(connection), known[-1]
    oldest = None
    if found is not None and inspect(connection).has_table(Compatibility.__tablename__):
        oldest = connection.scalar(select(Compatibility.oldest_revision))
    if found is not None and found not in known:
        if oldest not in known:
            raise CatalogError(
                f"catalog '{name}' is at revision '{found}' and needs Dailies that know '{oldest or found}', "
                f"this one knows up to '{head}'; install the newer Dailies that upgraded it",
                code="CATALOG_NEWER",
            )
        return Standing(found, head, oldest, (), ())
    pending = known[known.index(found) + 1 :] if found is not None else known
    ends = [
        revision
        for revision in pending
        if found is not None and (getattr(script.get_revision(revision).module, "oldest_revision", found) > found)
    ]
    return Standing(found, head, oldest, tuple(pending), tuple(ends))
