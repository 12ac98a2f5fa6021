"""Batches: which shots were cut together, for which pool, and whether anybody is still at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import Connection, and_, func, insert, select, update

from catalog.dialect import clock
from catalog.errors import NotFound
from catalog.ids import new_id
from catalog.incidents import write_incident
from catalog.ledger import Ledger, chunks
from catalog.tables import Batch, BatchShot, Shot, Worker

BatchState = Literal["planned", "running", "done", "failed", "cancelled"]

OPEN = ("planned", "running")
"""States of a batch that may still be worked."""


class BatchLedger(Ledger):
    """Writes of batches."""

    def new_batch(
        self,
        run_id: str,
        shot_ids: Sequence[str],
        worker_id: str | None = None,
        *,
        pool: str = "local",
        queue: str = "normal",
        needs: Mapping[str, Any] | None = None,
    ) -> str:
        """Cut a batch of a run's shots for a pool and its queue; returns its id. Claiming them is another step.

        `needs` is what a worker must have to work it: engines, weights digests, memory, plan version.
        """
        batch_id = new_id("b")
        with self.database.write() as connection:
            for part in chunks(shot_ids):
                known = select(func.count()).where(Shot.run_id == run_id, Shot.id.in_(part))
                if connection.scalar(known) != len(part):
                    raise NotFound(f"run '{run_id}': some shots of the new batch are not its own, or named twice")
            connection.execute(
                insert(Batch).values(
                    id=batch_id,
                    run_id=run_id,
                    worker_id=worker_id,
                    state="planned",
                    pool=pool,
                    queue=queue,
                    needs=None if needs is None else dict(needs),
                    heartbeat_at=clock(),
                )
            )
            if shot_ids:
                connection.execute(insert(BatchShot), [{"batch_id": batch_id, "shot_id": shot} for shot in shot_ids])
        return batch_id

    def set_batch_state(
        self,
        batch_id: str,
        state: BatchState,
        *,
        worker_id: str | None = None,
        flow_run_id: str | None = None,
        error_code: str | None = None,
        error_message: str | None = None,
    ) -> None:
        """Move a batch to `state`, and say who works it in which flow run; each call is also a sign of life.

        A batch that has ended stays as it ended: whoever worked it was taken for lost, and its shots are elsewhere; one
        that runs is not planned any more, whoever learns of its flow run late.
        """
        with self.database.write() as connection:
            connection.execute(
                update(Batch)
                .where(Batch.id == batch_id, Batch.state.in_(OPEN))
                .values(
                    state=Batch.state if state == "planned" else state,
                    worker_id=func.coalesce(worker_id, Batch.worker_id),
                    flow_run_id=func.coalesce(flow_run_id, Batch.flow_run_id),
                    error_code=error_code,
                    error_message=error_message,
                    heartbeat_at=clock(),
                    started_at=func.coalesce(Batch.started_at, clock()) if state == "running" else Batch.started_at,
                    ended_at=None if state in OPEN else clock(),
                )
            )

    def end_lost_batches(self, run_id: str, silent_seconds: float) -> list[str]:
        """End the running batches of a run that gave no sign of life for `silent_seconds`; returns their ids.

        Each becomes an incident. Their shots go back when their leases run out (`reclaim_expired`).
        """
        silent = and_(
            Batch.run_id == run_id,
            Batch.state == "running",
            func.coalesce(Batch.heartbeat_at, Batch.started_at, Batch.created_at) < clock(-silent_seconds),
        )
        with self.database.write() as connection:
            lost = connection.scalars(select(Batch.id).where(silent).with_for_update(skip_locked=True)).all()
            for batch_id in lost:
                end_lost(connection, batch_id, f"it gave no sign of life for {silent_seconds:g} s")
        return list(lost)


def end_lost(connection: Connection, batch_id: str, why: str) -> None:
    """End a running batch whose worker is gone, and write the incident; nothing if it is not running."""
    row = connection.execute(
        update(Batch)
        .where(Batch.id == batch_id, Batch.state == "running")
        .values(state="failed", error_code="WORKER_LOST", error_message=why, ended_at=clock())
        .returning(Batch.run_id, Batch.worker_id)
    ).one_or_none()
    if row is None:
        return
    mine = select(func.count()).select_from(BatchShot).where(BatchShot.batch_id == batch_id)
    shots = connection.scalar(mine) or 0
    left = connection.scalar(
        mine.join(Shot, Shot.id == BatchShot.shot_id).where(Shot.state.in_(("waiting", "claimed")))
    )
    worker = connection.scalar(select(func.coalesce(Worker.name, Worker.id)).where(Worker.id == row.worker_id))
    message = f"the worker of batch {batch_id} is lost: {why}; {left} of its {shots} shots go to others"
    write_incident(connection, "WORKER_LOST", message, run_id=row.run_id, batch_id=batch_id, worker=worker)
