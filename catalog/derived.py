"""Tables that are made of others: how they come back after a restore, or where something has lost their triggers.

They are in no backup. SQLite drops a table's triggers with the table, which is also how it alters one; a database that
was copied by other tools may lack them too.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete

from catalog.migrations import triggers_0006 as triggers
from catalog.reviews import settle
from catalog.tables import DERIVED, Base


def whole(connection: Connection) -> bool:
    """Whether what keeps the derived tables is there."""
    return not triggers.missing(connection)


def rebuild(connection: Connection) -> None:
    """Make all of them again, triggers and full text too; hours of work are added up anew by the next `roll_up`.

    200,000 shots take half a minute; nobody writes meanwhile.
    """
    triggers.drop(connection)
    for name in DERIVED:
        connection.execute(delete(Base.metadata.tables[name]))
    triggers.create(connection)
    triggers.fill(connection)
    settle(connection)
