"""How a run is doing: failures by reason, stages under way, what was made and what was there already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import aliased

from catalog.ledger import Ledger
from catalog.queries.incidents import IncidentRow, incident_counts, incidents_of
from catalog.queries.runs import RunRow, run
from catalog.tables import Execution, Shot, ShotDelivery, ShotExecution

INCIDENTS = 50
"""Incidents that a status shows; all of them are in `incidents_of`."""


@dataclass(frozen=True)
class Failure:
    """Shots that ended for one reason; `example` is one of the messages."""

    code: str
    state: str
    shots: tuple[str, ...]
    example: str


@dataclass(frozen=True)
class Running:
    """A stage under way."""

    execution_id: str
    shot_id: str | None
    stage: str
    engine: str
    host: str
    device: str
    progress: float
    started_at: datetime


@dataclass(frozen=True)
class StageTotal:
    """What a run's shots stand on, by stage and engine: made by this run, or there before."""

    stage: str
    engine: str
    made: int
    reused: int
    seconds: float
    gpu_seconds: float


def _none() -> Mapping[str, int]:
    return {}


@dataclass(frozen=True)
class RunStatus:
    """Everything a status line or page shows about a run."""

    run: RunRow
    failures: tuple[Failure, ...]
    running: tuple[Running, ...]
    stages: tuple[StageTotal, ...]
    deliveries: int
    incidents: tuple[IncidentRow, ...] = ()
    """The latest that it survived, in the order they happened."""
    incident_counts: Mapping[str, int] = field(default_factory=_none)
    """All of them by code."""


def run_status(catalog: Ledger, run_id: str) -> RunStatus:
    """Shots by state, failures by code, stages under way, what was made and what was there already. Raises NotFound."""
    found = run(catalog, run_id)
    with catalog.database.read() as connection:
        bad = (
            select(Shot.id, Shot.state, Shot.error_code, Shot.error_message)
            .where(Shot.run_id == run_id, Shot.state.in_(("failed", "quarantined")))
            .order_by(Shot.id)
        )
        reasons: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for shot, state, code, message in connection.execute(bad):
            reasons.setdefault((code or "UNKNOWN", state), []).append((shot, message or ""))
        live = (
            select(Execution)
            .join(Shot, Shot.id == Execution.shot_id)
            .where(Shot.run_id == run_id, Execution.state.in_(("running", "publishing")))
            .order_by(Execution.id)
        )
        running = [
            Running(x.id, x.shot_id, x.stage, x.engine, x.host, x.device, x.progress, x.started_at)
            for x in connection.execute(live)
        ]
        # One execution may serve several shots or renditions of the run: count it, and its seconds, once.
        made_here = func.max(case((ShotExecution.made, 1), else_=0)).label("made")
        stood_on = (
            select(ShotExecution.execution_id, made_here)
            .join(Shot, Shot.id == ShotExecution.shot_id)
            .where(Shot.run_id == run_id)
            .group_by(ShotExecution.execution_id)
            .subquery()
        )
        rows = connection.execute(
            select(Execution.stage, Execution.engine, stood_on.c.made, Execution.seconds, Execution.gpu_seconds).join(
                stood_on, stood_on.c.execution_id == Execution.id
            )
        )
        totals: dict[tuple[str, str], list[float]] = {}
        for stage, engine, made, seconds, gpu_seconds in rows:
            total = totals.setdefault((stage, engine), [0, 0, 0.0, 0.0])
            total[0 if made else 1] += 1
            if made:
                total[2] += seconds or 0.0
                total[3] += gpu_seconds or 0.0
        served = select(func.count()).select_from(ShotDelivery).join(Shot, Shot.id == ShotDelivery.shot_id)
        deliveries = connection.scalar(served.where(Shot.run_id == run_id)) or 0
    return RunStatus(
        run=found,
        failures=tuple(
            Failure(code, state, tuple(shot for shot, _ in shots), shots[0][1])
            for (code, state), shots in sorted(reasons.items(), key=lambda entry: -len(entry[1]))
        ),
        running=tuple(running),
        stages=tuple(
            StageTotal(stage, engine, int(made), int(reused), seconds, gpu)
            for (stage, engine), (made, reused, seconds, gpu) in sorted(totals.items())
        ),
        deliveries=deliveries,
        incidents=tuple(incidents_of(catalog, run_id, latest=INCIDENTS)),
        incident_counts=incident_counts(catalog, run_id),
    )


def remade_from_damage(catalog: Ledger, run_id: str) -> list[tuple[str, str]]:
    """What a run made again because the stored file had changed: (shot key, the delivery's preset or the stage)."""
    lost = aliased(Execution)
    query = (
        select(Shot.key, Execution.stage, Execution.recipe)
        .join(ShotExecution, ShotExecution.shot_id == Shot.id)
        .join(Execution, Execution.id == ShotExecution.execution_id)
        .join(lost, (lost.recipe_sha256 == Execution.recipe_sha256) & (lost.error_code == "ARTIFACT_DAMAGED"))
        .where(Shot.run_id == run_id, ShotExecution.made, lost.id < Execution.id)
        .order_by(Shot.position, Execution.id)
    )
    with catalog.database.read() as connection:
        rows = connection.execute(query).all()
    told = [(key, str(recipe["preset"]) if stage == "encode" else stage) for key, stage, recipe in rows]
    return list(dict.fromkeys(told))
