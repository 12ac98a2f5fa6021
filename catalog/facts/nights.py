"""Nights: what a run that a schedule began was to keep to, and what it has taken so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, exists, func, or_, select

from catalog.dialect import clock, shots_of_run
from catalog.facts.spent import spent
from catalog.keeping import GOING
from catalog.ledger import Ledger
from catalog.tables import Artifact, Execution, ExecutionOutput, Run, Shot


@dataclass(frozen=True)
class Night:
    """One run of a schedule. Moments are UTC; a budget of None is no limit.

    `gpu_seconds` and `bytes` (new files in the store) are what it has taken, with what others may have adopted of it.
    """

    run_id: str
    schedule: str
    created_at: datetime
    ended_at: datetime | None
    done_by: datetime | None
    reported_at: datetime | None
    budget_gpu_seconds: float | None
    budget_bytes: int | None
    gpu_seconds: float
    bytes: int


def night(catalog: Ledger, run_id: str) -> Night | None:
    """What a run of a schedule was to keep to and has taken; None for any other run."""
    columns = (Run.schedule, Run.created_at, Run.ended_at, Run.done_by, Run.reported_at)
    query = select(*columns, Run.budget_gpu_seconds, Run.budget_bytes).where(Run.id == run_id)
    with catalog.database.read() as connection:
        row = connection.execute(query).one_or_none()
        if row is None or row.schedule is None:
            return None
        used = spent(connection, ("run_id",), runs=[run_id]).get((run_id,))
        made = (
            select(ExecutionOutput.artifact_sha256)
            .join(Execution, Execution.id == ExecutionOutput.execution_id)
            .where(shots_of_run(Execution.shot_id, run_id))
        )
        new = select(func.sum(Artifact.bytes)).where(Artifact.sha256.in_(made), Artifact.created_at >= row.created_at)
        grown = connection.scalar(new)
    return Night(run_id, *row, gpu_seconds=used.gpu_seconds if used else 0.0, bytes=int(grown or 0))


def has_budget(catalog: Ledger, run_id: str) -> bool:
    """Whether there is anything that a run may not exceed."""
    limited = or_(Run.budget_gpu_seconds.is_not(None), Run.budget_bytes.is_not(None))
    query = select(Run.id).where(Run.id == run_id, Run.schedule.is_not(None), limited)
    with catalog.database.read() as connection:
        return connection.scalar(query) is not None


def unbegun(catalog: Ledger, run_id: str) -> int:
    """How many shots of a run wait, or are some worker's and nothing of them was ever begun."""
    begun = exists().where(Execution.shot_id == Shot.id)
    left = or_(Shot.state == "waiting", and_(Shot.state == "claimed", ~begun))
    with catalog.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(Shot).where(Shot.run_id == run_id, left)) or 0


def untold_nights(catalog: Ledger) -> Sequence[str]:
    """Runs of schedules that have ended or paused without a report, and that nobody keeps; oldest first."""
    alone = or_(Run.keeper.is_(None), Run.keeper_expires_at.is_(None), Run.keeper_expires_at < clock())
    over = or_(Run.ended_at.is_not(None), and_(Run.state.in_(GOING), Run.paused_code.is_not(None)))
    silent = (Run.schedule.is_not(None), over, Run.reported_at.is_(None), alone)
    with catalog.database.read() as connection:
        return list(connection.scalars(select(Run.id).where(*silent).order_by(Run.created_at)))
