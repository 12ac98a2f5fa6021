"""Schedules: when each starts next, how its last start went, and whether what it runs will be done in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, select

from catalog.dialect import clock
from catalog.facts.today import LIVE, eta
from catalog.keeping import GOING
from catalog.ledger import Ledger
from catalog.schedules import unknown_schedule
from catalog.tables import Run, Schedule


@dataclass(frozen=True)
class ScheduleFacts:
    """One schedule. Moments are UTC; `done_by` is a time of day in `timezone`; a start may be `late_seconds` late.

    `overdue_seconds`: for how long a start of an active one has been due and has come to nothing yet, by the database's
    clock; 0 otherwise, and where it `waits`, as its rules say, for a last run that goes on. `last_code` and `last_note`
    say why the last start came to no run, or what is wrong besides. `last_run_state` is `paused` where nothing of it is
    claimed. Of a run that goes on: `deadline`, `deadline_seconds` until then (below 0: missed), `eta_seconds` until its
    end at its pace, None while that is unknown.
    """

    name: str
    manifest: str
    kind: str
    cron: str
    timezone: str
    done_by: str | None
    budget_gpu_seconds: float | None
    budget_bytes: int | None
    late_seconds: float
    overlap: str
    shrink: float
    ping: str | None
    active: bool
    applied_at: datetime
    next_at: datetime | None
    overdue_seconds: float
    waits: bool
    last_run_id: str | None
    last_run_state: str | None
    last_started_at: datetime | None
    last_code: str | None
    last_note: str | None
    deadline: datetime | None
    deadline_seconds: float | None
    eta_seconds: float | None


def schedules(catalog: Ledger) -> Sequence[ScheduleFacts]:
    """All of them: the active ones first, by their next start."""
    return _schedules(catalog)


def schedule(catalog: Ledger, name: str) -> ScheduleFacts:
    """One schedule. Raises NotFound (`NO_SCHEDULE`)."""
    for found in _schedules(catalog, Schedule.name == name):
        return found
    raise unknown_schedule(name)


def _schedules(catalog: Ledger, *wanted: Any) -> list[ScheduleFacts]:
    paused = and_(Run.paused_code.is_not(None), Run.state.in_(GOING))
    query = (
        select(
            Schedule,
            case((paused, "paused"), else_=Run.state).label("run_state"),
            case((Run.state.in_(LIVE), Run.done_by)).label("deadline"),
            clock().label("now"),
        )
        .outerjoin(Run, Run.id == Schedule.last_run_id)
        .where(*wanted)
        .order_by(Schedule.active.desc(), Schedule.next_at, Schedule.name)
    )
    with catalog.database.read() as connection:
        rows = connection.execute(query).all()
    return [_facts(catalog, row) for row in rows]


def _facts(catalog: Ledger, row: Any) -> ScheduleFacts:
    due = (row.now - row.next_at).total_seconds() if row.active and row.next_at is not None else 0.0
    waits = due > 0 and row.overlap == "wait" and row.run_state in LIVE
    return ScheduleFacts(
        name=row.name,
        manifest=row.manifest,
        kind=row.kind,
        cron=row.cron,
        timezone=row.timezone,
        done_by=row.done_by,
        budget_gpu_seconds=row.budget_gpu_seconds,
        budget_bytes=row.budget_bytes,
        late_seconds=row.late_seconds,
        overlap=row.overlap,
        shrink=row.shrink,
        ping=row.ping,
        active=row.active,
        applied_at=row.applied_at,
        next_at=row.next_at,
        overdue_seconds=0.0 if waits else max(0.0, due),
        waits=waits,
        last_run_id=row.last_run_id,
        last_run_state=row.run_state,
        last_started_at=row.last_started_at,
        last_code=row.last_code,
        last_note=row.last_note,
        deadline=row.deadline,
        deadline_seconds=(row.deadline - row.now).total_seconds() if row.deadline is not None else None,
        eta_seconds=eta(catalog, row.last_run_id) if row.last_run_id and row.run_state in GOING else None,
    )
