"""Whether everything that has to be there is there: database, store, workers, duties; what was survived of late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from catalog.claims import expired
from catalog.dialect import clock
from catalog.errors import CatalogError
from catalog.ledger import Ledger
from catalog.migrate import current_revision
from catalog.queries.notices import TargetRow, notice_targets
from catalog.queries.workers import WorkerRow, workers, working
from catalog.rollups import rolled_until
from catalog.tables import Duty, Incident, Shot, StoreTally
from catalog.workers import LIVE_SECONDS

DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class WorkerHealth:
    """One worker that has not ended, and the batches in its hands. `lives`: it was heard of within a minute."""

    worker: WorkerRow
    lives: bool
    batches: tuple[str, ...]


@dataclass(frozen=True)
class DutyRow:
    """One duty: who has it now, until when, when it was last done and what it came to."""

    name: str
    holder: str | None
    expires_at: datetime | None
    done_at: datetime | None
    detail: Mapping[str, Any] | None


@dataclass(frozen=True)
class Health:
    """`store_fault` is why the store does not answer, or None; `database` has no password in it.

    `incidents` are of the last day by code; `rolled_up_seconds`: how long ago hours of work were added up (an hour and
    more: nobody does); `targets` are who is told what happens.
    """

    database: str
    dialect: str
    revision: str | None
    now: datetime
    store: str
    store_fault: str | None
    free_bytes: int | None
    workers: Sequence[WorkerHealth]
    duties: Sequence[DutyRow]
    targets: Sequence[TargetRow]
    incidents: Mapping[str, int]
    damaged: int
    expired_leases: int
    rolled_up_seconds: float


def health(catalog: Ledger) -> Health:
    """How the house is. The store is asked for its room, nothing of it is read. Raises StoreUnavailable (database)."""
    fault, free = None, None
    try:
        free = catalog.store.free_bytes()
        catalog.store.refuse_absence()
    except CatalogError as error:
        fault = str(error)
    batches, targets = working(catalog), notice_targets(catalog)
    of_a_day = workers(catalog, live=False, since_seconds=DAY_SECONDS)
    staff = [one for one in of_a_day if one.ended_at is None]
    of_late = select(Incident.code, func.count()).where(Incident.at > clock(-DAY_SECONDS)).group_by(Incident.code)
    duties = select(Duty.name, Duty.holder, Duty.expires_at, Duty.done_at, Duty.detail).order_by(Duty.name)
    damaged = select(func.sum(StoreTally.files)).where(StoreTally.state == "damaged")
    with catalog.database.read() as connection:
        now: datetime = connection.execute(select(clock())).scalar_one()
        return Health(
            database=catalog.database.name,
            dialect=connection.dialect.name,
            revision=current_revision(connection),
            now=now,
            store=catalog.store.url,
            store_fault=fault,
            free_bytes=free,
            workers=[
                WorkerHealth(one, one.silent_seconds <= LIVE_SECONDS, tuple(batches.get(one.id, ()))) for one in staff
            ],
            duties=[DutyRow(*row) for row in connection.execute(duties)],
            targets=targets,
            incidents=dict(sorted(connection.execute(of_late).all(), key=lambda row: (-row[1], row[0]))),
            damaged=int(connection.scalar(damaged) or 0),
            expired_leases=connection.scalar(select(func.count()).select_from(Shot).where(expired())) or 0,
            rolled_up_seconds=(now - rolled_until(connection, "executions")).total_seconds(),
        )
