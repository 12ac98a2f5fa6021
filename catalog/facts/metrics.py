"""What a monitoring system counts. Counters only grow: they are of what is added up (catalog/rollups.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from sqlalchemy import func, select

from catalog.claims import expired
from catalog.dialect import clock
from catalog.facts.today import LIVE, QueueDepth, StoreUse, queue_depth, store_use
from catalog.ledger import Ledger
from catalog.rollups import EDGES
from catalog.tables import Incident, Run, Shot, ShotHour, StageHour, Worker
from catalog.workers import LIVE_SECONDS


@dataclass(frozen=True)
class StageCounter:
    """Executions of one stage by one engine that have ended. `buckets`: (seconds, how many took at most that), to +inf.

    The last bucket counts those whose time is known, and `seconds` are theirs. `void`: what they made counts no more,
    another's of the same was taken, or it was lost.
    """

    stage: str
    engine: str
    executions: int
    failed: int
    void: int
    seconds: float
    gpu_seconds: float
    buckets: tuple[tuple[float, int], ...]


@dataclass(frozen=True)
class Counters:
    """`shots` are those of runs that have not ended, by state, and go up and down; `shots_ended` only grow.

    So do `stages` and `incidents` (by code). `runs` are those that have not ended, by state (a paused one as `paused`);
    `workers` those that live, by pool. `deadlines`: when runs that have not ended are to be done by, where one was set.
    """

    shots: Mapping[str, int]
    shots_ended: Mapping[str, int]
    stages: Sequence[StageCounter]
    runs: Mapping[str, int]
    queues: Sequence[QueueDepth]
    workers: Mapping[str, int]
    incidents: Mapping[str, int]
    expired_leases: int
    store: StoreUse
    deadlines: Mapping[str, datetime]


def counters(catalog: Ledger) -> Counters:
    """Everything at once; call `roll_up` before, or the counters stand still."""
    live = select(Run.id).where(Run.state.in_(LIVE))
    shots = select(Shot.state, func.count()).where(Shot.run_id.in_(live)).group_by(Shot.state)
    ended = select(ShotHour.state, func.sum(ShotHour.shots)).group_by(ShotHour.state)
    runs = select(Run.state, Run.paused_code).where(Run.state.in_(LIVE))
    alive = (Worker.heartbeat_at > clock(-LIVE_SECONDS)) & Worker.ended_at.is_(None)
    workers = select(Worker.pool, func.count()).where(alive).group_by(Worker.pool)
    incidents = select(Incident.code, func.count()).group_by(Incident.code)
    with catalog.database.read() as connection:
        states: dict[str, int] = {}
        for state, paused in connection.execute(runs):
            told = "paused" if paused is not None and state != "cancelling" else state
            states[told] = states.get(told, 0) + 1
        found = (
            dict[str, int](connection.execute(shots).all()),
            {state: int(count) for state, count in connection.execute(ended)},
            dict[str, int](connection.execute(workers).all()),
            dict[str, int](connection.execute(incidents).all()),
        )
        stages = _stages(connection.execute(_STAGES).all())
        due = select(Run.id, Run.done_by).where(Run.state.in_(LIVE), Run.done_by.is_not(None))
        deadlines = {run: at for run, at in connection.execute(due) if at is not None}
        leases = connection.scalar(select(func.count()).select_from(Shot).where(expired())) or 0
    return Counters(
        shots=found[0],
        shots_ended=found[1],
        stages=stages,
        runs=states,
        queues=queue_depth(catalog),
        workers=found[2],
        incidents=found[3],
        expired_leases=leases,
        store=store_use(catalog),
        deadlines=deadlines,
    )


_STAGES = select(
    StageHour.stage,
    StageHour.engine,
    StageHour.state,
    StageHour.bucket,
    func.sum(StageHour.executions),
    func.sum(StageHour.seconds),
    func.sum(StageHour.gpu_seconds),
).group_by(StageHour.stage, StageHour.engine, StageHour.state, StageHour.bucket)


def _stages(rows: Sequence[tuple[str, str, str, int, int, float, float]]) -> list[StageCounter]:
    by_stage: dict[tuple[str, str], list[tuple[str, int, int, float, float]]] = {}
    for stage, engine, state, bucket, executions, seconds, gpu in rows:
        by_stage.setdefault((stage, engine), []).append((state, bucket, int(executions), seconds, gpu))
    counters: list[StageCounter] = []
    for (stage, engine), lines in sorted(by_stage.items()):
        counts = [sum(count for _, bucket, count, _, _ in lines if bucket == place) for place in range(len(EDGES))]
        counters.append(
            StageCounter(
                stage=stage,
                engine=engine,
                executions=sum(count for _, _, count, _, _ in lines),
                failed=sum(count for state, _, count, _, _ in lines if state == "failed"),
                void=sum(count for state, _, count, _, _ in lines if state == "void"),
                seconds=sum(seconds for _, _, _, seconds, _ in lines),
                gpu_seconds=sum(gpu for _, _, _, _, gpu in lines),
                buckets=tuple(zip(EDGES, accumulate(counts), strict=True)),
            )
        )
    return counters
