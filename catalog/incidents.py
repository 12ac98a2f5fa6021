"""Incidents: what happened to a run and was survived, written down for whoever reads the morning's report."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select

from catalog.dialect import clock
from catalog.ledger import Ledger
from catalog.tables import Incident

DAY_SECONDS = 86_400.0


class IncidentLedger(Ledger):
    """Writes of incidents."""

    def note_incident(
        self,
        code: str,
        message: str,
        *,
        run_id: str | None = None,
        batch_id: str | None = None,
        shot_id: str | None = None,
        worker: str | None = None,
        seconds: float | None = None,
    ) -> None:
        """Write down something survived: `code` is stable, `message` for people, `seconds` how long it lasted."""
        with self.database.write() as connection:
            write_incident(
                connection,
                code,
                message,
                run_id=run_id,
                batch_id=batch_id,
                shot_id=shot_id,
                worker=worker,
                seconds=seconds,
            )

    def note_daily(self, code: str, message: str, *, worker: str | None = None) -> None:
        """The same, unless it was noted within a day: for what is found again each minute until somebody mends it."""
        known = select(Incident.id).where(Incident.code == code, Incident.at > clock(-DAY_SECONDS))
        with self.database.read() as connection:
            if connection.scalar(known.where(Incident.message == message).limit(1)) is not None:
                return
        self.note_incident(code, message, worker=worker)


def write_incident(connection: Connection, code: str, message: str, **facts: Any) -> None:
    """The same, inside a transaction that does the thing itself; `facts` are the columns of `incidents`."""
    connection.execute(insert(Incident).values(code=code, message=message, **facts))
