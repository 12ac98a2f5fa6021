"""Shots that are made of others of their run come after them."""

from __future__ import annotations

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import aliased

from catalog.tables import Shot

_OTHER = aliased(Shot)


def alone() -> ColumnElement[bool]:
    """Shots that wait for no other of their run."""
    unended = select(_OTHER.id).where(
        _OTHER.run_id == Shot.run_id, _OTHER.state.in_(("waiting", "claimed")), ~_OTHER.awaits
    )
    return or_(~Shot.awaits, ~unended.exists())
