"""What a run survived."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from catalog.ledger import Ledger
from catalog.tables import Incident


@dataclass(frozen=True)
class IncidentRow:
    """One incident; `seconds` is how long it lasted, where it lasted."""

    at: datetime
    code: str
    message: str
    shot_id: str | None
    worker: str | None
    seconds: float | None
    batch_id: str | None


def incidents_of(catalog: Ledger, run_id: str, *, latest: int | None = None) -> list[IncidentRow]:
    """A run's incidents in the order they happened: all, or the `latest` ones."""
    query = (
        select(
            Incident.at,
            Incident.code,
            Incident.message,
            Incident.shot_id,
            Incident.worker,
            Incident.seconds,
            Incident.batch_id,
        )
        .where(Incident.run_id == run_id)
        .order_by(Incident.id.desc())
        .limit(latest)
    )
    with catalog.database.read() as connection:
        return [IncidentRow(*row) for row in reversed(connection.execute(query).all())]


def incident_counts(catalog: Ledger, run_id: str) -> dict[str, int]:
    """How often each kind of incident happened in a run, by code."""
    query = select(Incident.code, func.count()).where(Incident.run_id == run_id).group_by(Incident.code)
    with catalog.database.read() as connection:
        rows = connection.execute(query.order_by(Incident.code)).all()
    return {row[0]: row[1] for row in rows}
