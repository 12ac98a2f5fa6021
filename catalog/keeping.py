"""Keeping a run: who cuts its batches and ends it, and whether anything of it may be claimed at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, and_, or_, select, update

from catalog.dialect import clock
from catalog.errors import NotFound
from catalog.incidents import write_incident
from catalog.ledger import Ledger, write_audit
from catalog.notices import notice_of_pause
from catalog.tables import Run

GOING = ("planned", "running")
"""States of a run whose shots may be claimed."""
UNPAUSED: Mapping[str, Any] = {"paused_code": None, "paused_why": None}
"""What a run that goes on has in those columns."""


class KeepLedger(Ledger):
    """Writes of who keeps a run, and of its pauses."""

    def keep_run(self, run_id: str, keeper: str, seconds: float) -> bool:
        """Be the one who cuts a run's batches and ends it, for `seconds` (database clock); False if another one is.

        Repeated by the same keeper, it stays so. Raises NotFound.
        """
        free = or_(Run.keeper.is_(None), Run.keeper == keeper, Run.keeper_expires_at < clock())
        with self.database.write() as connection:
            kept = connection.execute(
                update(Run)
                .where(Run.id == run_id, free)
                .values(keeper=keeper, keeper_expires_at=clock(seconds))
                .returning(Run.id)
            ).one_or_none()
            if kept is None and connection.scalar(select(Run.id).where(Run.id == run_id)) is None:
                raise NotFound(f"no run '{run_id}' in this catalog")
        return kept is not None

    def let_go(self, run_id: str, keeper: str) -> None:
        """Keep a run no longer; whoever looks next may."""
        with self.database.write() as connection:
            mine = and_(Run.id == run_id, Run.keeper == keeper)
            connection.execute(update(Run).where(mine).values(keeper=None, keeper_expires_at=None))

    def pause_run(self, run_id: str, code: str, why: str, who: str) -> None:
        """Have nothing more of a run claimed until a person resumes it; an incident says why. Not for ended runs."""
        with self.database.write() as connection:
            pause(connection, run_id, code, why, who)


def pause(connection: Connection, run_id: str, code: str, why: str, who: str) -> None:
    """Pause a run inside a transaction that found out why; one that is paused already keeps its first reason."""
    going = and_(Run.id == run_id, Run.state.in_(GOING), Run.paused_code.is_(None))
    paused = update(Run).where(going).values(paused_code=code, paused_why=why).returning(Run.id)
    if connection.execute(paused).all():
        write_incident(connection, "RUN_PAUSED", f"{code}: {why}", run_id=run_id)
        write_audit(connection, who, "pause", run_id, {"code": code, "why": why})
        notice_of_pause(connection, run_id)
