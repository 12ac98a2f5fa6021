"""Runs as pages show them: one card each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, literal_column, select

from catalog.dialect import shots_of_run
from catalog.facts.spent import spent
from catalog.tables import Run, Shot, ShotDelivery


@dataclass(frozen=True)
class RunCard:
    """One run. `shots` counts them by state; seconds are those of the stages that it ran, not of what it reused.

    A run with `paused_code` is paused while its state is planned or running.
    """

    id: str
    name: str
    kind: str
    state: str
    priority: str
    triggered_by: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    paused_code: str | None
    paused_why: str | None
    error_code: str | None
    error_message: str | None
    shots: Mapping[str, int]
    stage_seconds: float
    gpu_seconds: float
    deliveries: int


CARD: tuple[Any, ...] = (
    Run.id,
    Run.name,
    Run.kind,
    Run.state,
    Run.priority,
    Run.triggered_by,
    Run.created_at,
    Run.started_at,
    Run.ended_at,
    Run.paused_code,
    Run.paused_why,
    Run.error_code,
    Run.error_message,
)
"""Columns of a `RunCard`, in its order."""


REFUSED: ColumnElement[bool] = literal_column("shots.state IN ('failed', 'quarantined')")
"""Shots that ended badly: spelled out, so that SQLite sees that an index of nothing else will do."""


def run_cards(connection: Connection, rows: Sequence[Any]) -> list[RunCard]:
    """Cards of rows of `CARD`, in their order."""
    ids = [row.id for row in rows]
    counts: dict[str, dict[str, int]] = {}
    states = select(Shot.run_id, Shot.state, func.count()).where(Shot.run_id.in_(ids))
    for run_id, state, count in connection.execute(states.group_by(Shot.run_id, Shot.state)):
        counts.setdefault(run_id, {})[state] = count
    served = select(func.count()).select_from(ShotDelivery).where(shots_of_run(ShotDelivery.shot_id, Run.id))
    query = select(Run.id, served.correlate(Run).scalar_subquery()).where(Run.id.in_(ids))
    deliveries = dict[str, int](connection.execute(query).all())
    used = spent(connection, ("run_id",), runs=ids)
    return [
        RunCard(
            *row,
            shots=counts.get(row.id, {}),
            stage_seconds=used[row.id,].seconds if (row.id,) in used else 0.0,
            gpu_seconds=used[row.id,].gpu_seconds if (row.id,) in used else 0.0,
            deliveries=deliveries.get(row.id, 0),
        )
        for row in rows
    ]
