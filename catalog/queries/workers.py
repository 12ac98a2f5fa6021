"""Who works: what each worker has, how it is, and since when it was silent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from catalog.dialect import clock
from catalog.ledger import Ledger
from catalog.tables import Batch, Worker
from catalog.workers import LIVE_SECONDS


@dataclass(frozen=True)
class WorkerRow:
    """One worker. `silent_seconds` (since it was heard of) and `up_seconds` (since it, or its Prefect worker, started)
    are by the database's clock; `reason` says why it is draining or drained; `gpu` is a catalog.workers.CardState."""

    id: str
    name: str
    host: str
    pid: int
    pool: str
    device: str
    memory_bytes: int | None
    engines: Mapping[str, Any]
    weights: Mapping[str, str]
    code_version: str
    state: str
    reason: str | None
    slots: int
    queues: Sequence[str]
    started_at: datetime
    heartbeat_at: datetime
    ended_at: datetime | None
    silent_seconds: float
    up_seconds: float
    gpu: Mapping[str, Any] | None


def workers(
    catalog: Ledger, *, pool: str | None = None, live: bool = True, since_seconds: float | None = None
) -> list[WorkerRow]:
    """Workers by name: those that live (heard of within `LIVE_SECONDS`, not ended), or all there ever were.

    `since_seconds`: only those that were heard of within so many.
    """
    query = select(Worker, clock().label("now")).order_by(Worker.name, Worker.id)
    if pool is not None:
        query = query.where(Worker.pool == pool)
    if since_seconds is not None:
        query = query.where(Worker.heartbeat_at > clock(-since_seconds))
    if live:
        query = query.where(Worker.heartbeat_at > clock(-LIVE_SECONDS), Worker.ended_at.is_(None))
    with catalog.database.read() as connection:
        rows = connection.execute(query).all()
    return [
        WorkerRow(
            id=row.id,
            name=row.name or row.id,
            host=row.host,
            pid=row.pid,
            pool=row.pool,
            device=row.device,
            memory_bytes=row.memory_bytes,
            engines=row.engines,
            weights=row.weights,
            code_version=row.code_version,
            state=row.state,
            reason=row.reason,
            slots=row.slots,
            queues=tuple(row.queues or ()),
            started_at=row.started_at,
            heartbeat_at=row.heartbeat_at,
            ended_at=row.ended_at,
            silent_seconds=(row.now - row.heartbeat_at).total_seconds(),
            up_seconds=(row.now - row.started_at).total_seconds(),
            gpu=row.gpu,
        )
        for row in rows
    ]


def working(catalog: Ledger) -> dict[str, list[str]]:
    """Batches in work, by the id of their worker."""
    query = select(Batch.worker_id, Batch.id).where(Batch.state == "running", Batch.worker_id.is_not(None))
    found: dict[str, list[str]] = {}
    with catalog.database.read() as connection:
        for worker, batch in connection.execute(query.order_by(Batch.id)):
            found.setdefault(str(worker), []).append(batch)
    return found
