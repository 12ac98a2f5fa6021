"""Duties: what one machine at a time does for all, and not more often than it is wanted."""

from __future__ import annotations

from typing import Any

from sqlalchemy import or_, update

from catalog.dialect import clock, upsert
from catalog.ledger import Ledger
from catalog.tables import Duty


class DutyLedger(Ledger):
    """Taking a duty for a while, and saying that it is done."""

    def take_duty(self, name: str, holder: str, seconds: float, *, every_seconds: float = 0.0) -> bool:
        """Take the duty, or keep it, for `seconds`; whoever stays silent for longer has lost it.

        False while another holds it, and where it was done less than `every_seconds` ago (database clock).
        """
        free = or_(Duty.holder.is_(None), Duty.holder == holder, Duty.expires_at < clock())
        due = or_(Duty.done_at.is_(None), Duty.holder == holder, Duty.done_at <= clock(-every_seconds))
        with self.database.write() as connection:
            connection.execute(upsert(connection, Duty).values(name=name).on_conflict_do_nothing())
            taken = update(Duty).where(Duty.name == name, free, due).values(holder=holder, expires_at=clock(seconds))
            return connection.execute(taken.returning(Duty.name)).one_or_none() is not None

    def end_duty(self, name: str, holder: str, detail: dict[str, Any] | None) -> None:
        """Give the duty back; with `detail` it is done, with None it was left undone and anybody may take it up."""
        done = {} if detail is None else {"done_at": clock(), "detail": detail}
        with self.database.write() as connection:
            mine = update(Duty).where(Duty.name == name, Duty.holder == holder)
            connection.execute(mine.values(holder=None, expires_at=None, **done))
