"""Shots that are made of others of their run come after them."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, or_, select, update
from sqlalchemy.orm import aliased

from catalog.tables import Shot

_OTHER = aliased(Shot)
_AGAIN = {"state": "waiting", "attempts": 0, "deaths": 0, "error_code": None, "error_message": None, "ended_at": None}
_TAKEN = {"lease_owner": None, "lease_expires_at": None}


def alone() -> ColumnElement[bool]:
    """Shots that wait for no other of their run."""
    unended = select(_OTHER.id).where(
        _OTHER.run_id == Shot.run_id, _OTHER.state.in_(("waiting", "claimed")), ~_OTHER.awaits
    )
    return or_(~Shot.awaits, ~unended.exists())


def reopen_awaiting(connection: Connection, run_ids: Collection[str]) -> None:
    """Shots of these runs that are made of others wait again: there may be more of those now.

    Whoever works one holds an old claim from here on: what it makes is of too few, and refused.
    """
    made = Shot.run_id.in_(run_ids) & Shot.awaits & Shot.state.in_(("done", "claimed"))
    connection.execute(update(Shot).where(made).values(**_AGAIN, **_TAKEN, lease_token=Shot.lease_token + 1))
