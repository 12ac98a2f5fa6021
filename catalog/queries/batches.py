"""What a run still has to hand out, what is handed out, and when something becomes due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, exists, func, or_, select

from catalog.batches import OPEN
from catalog.dialect import clock
from catalog.errors import NotFound
from catalog.ledger import Ledger
from catalog.shot_order import alone
from catalog.tables import Batch, BatchShot, Shot, Worker

CLAIM_SECONDS = 60.0
"""A batch that runs has claimed by then whatever it is going to."""


@dataclass(frozen=True)
class IdleShot:
    """A shot to hand out; at `catalog.deaths.LONE` deaths it is to have a batch of its own."""

    id: str
    plan: Mapping[str, Any]
    deaths: int


@dataclass(frozen=True)
class BatchRow:
    """One batch; `needs` is what a worker must have to work it."""

    id: str
    run_id: str
    state: str
    pool: str
    queue: str
    needs: Mapping[str, Any] | None
    flow_run_id: str | None


@dataclass(frozen=True)
class OpenBatch:
    """A batch planned or running. Ages are by the database's clock.

    `age_seconds`: since it was cut; `silent_seconds`: since its state was last set or its leases renewed. `worker` is
    the name of the worker that has it.
    """

    id: str
    state: str
    pool: str
    queue: str
    flow_run_id: str | None
    age_seconds: float
    silent_seconds: float
    worker: str | None


def batch(catalog: Ledger, batch_id: str) -> BatchRow:
    """One batch. Raises NotFound."""
    query = select(Batch.id, Batch.run_id, Batch.state, Batch.pool, Batch.queue, Batch.needs, Batch.flow_run_id).where(
        Batch.id == batch_id
    )
    with catalog.database.read() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"no batch '{batch_id}' in this catalog")
    return BatchRow(*row)


def idle_shots(catalog: Ledger, run_id: str) -> list[IdleShot]:
    """A run's shots that wait, are due, and are in no batch that may still claim them, in the order of the manifest.

    What came back from a running batch is idle at once; what it did not claim, CLAIM_SECONDS after it began.
    """
    planned = Batch.state == "planned"
    begins = and_(Batch.state == "running", Batch.started_at > clock(-CLAIM_SECONDS))
    coming = and_(begins, or_(Shot.batch_id.is_(None), Shot.batch_id != Batch.id))
    handed_out = exists().where(BatchShot.shot_id == Shot.id, Batch.id == BatchShot.batch_id, or_(planned, coming))
    due = or_(Shot.not_before.is_(None), Shot.not_before <= clock())
    query = (
        select(Shot.id, Shot.plan, Shot.deaths)
        .where(Shot.run_id == run_id, Shot.state == "waiting", due, ~handed_out, alone())
        .order_by(Shot.position)
    )
    with catalog.database.read() as connection:
        return [IdleShot(*row) for row in connection.execute(query)]


def open_batches(catalog: Ledger, run_id: str) -> list[OpenBatch]:
    """A run's batches that are planned or running, oldest first."""
    query = (
        select(
            Batch.id,
            Batch.state,
            Batch.pool,
            Batch.queue,
            Batch.flow_run_id,
            Batch.created_at,
            func.coalesce(Batch.heartbeat_at, Batch.started_at, Batch.created_at).label("heard_at"),
            Worker.name,
            clock().label("now"),
        )
        .outerjoin(Worker, Worker.id == Batch.worker_id)
        .where(Batch.run_id == run_id, Batch.state.in_(OPEN))
        .order_by(Batch.id)
    )
    with catalog.database.read() as connection:
        rows = connection.execute(query).all()
    return [
        OpenBatch(
            id=row.id,
            state=row.state,
            pool=row.pool,
            queue=row.queue,
            flow_run_id=row.flow_run_id,
            age_seconds=(row.now - row.created_at).total_seconds(),
            silent_seconds=(row.now - row.heard_at).total_seconds(),
            worker=row.name,
        )
        for row in rows
    ]
