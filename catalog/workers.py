"""Batches and workers: which shots were cut together, and who is at them with what."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import func, insert, select, update

from catalog.dialect import clock
from catalog.errors import NotFound
from catalog.ids import new_id
from catalog.ledger import Ledger, chunks
from catalog.tables import Batch, BatchShot, Shot, Worker

BatchState = Literal["planned", "running", "done", "failed", "cancelled"]


class WorkerLedger(Ledger):
    """Writes of batches and workers."""

    def register_worker(
        self,
        *,
        pool: str,
        device: str,
        engines: Mapping[str, Any],
        weights: Mapping[str, str],
        code_version: str,
        memory_bytes: int | None = None,
    ) -> str:
        """Write down this process as a worker; returns its id."""
        worker_id = new_id("w")
        with self.database.write() as connection:
            connection.execute(
                insert(Worker).values(
                    id=worker_id,
                    host=platform.node(),
                    pid=os.getpid(),
                    pool=pool,
                    device=device,
                    memory_bytes=memory_bytes,
                    engines=dict(engines),
                    weights=dict(weights),
                    code_version=code_version,
                )
            )
        return worker_id

    def heartbeat(self, worker_id: str) -> None:
        """Say that a worker lives."""
        with self.database.write() as connection:
            connection.execute(update(Worker).where(Worker.id == worker_id).values(heartbeat_at=clock()))

    def new_batch(self, run_id: str, shot_ids: Sequence[str], worker_id: str | None = None) -> str:
        """Cut a batch of a run's shots; returns its id. Claiming them is another step."""
        batch_id = new_id("b")
        with self.database.write() as connection:
            for part in chunks(shot_ids):
                known = select(func.count()).where(Shot.run_id == run_id, Shot.id.in_(part))
                if connection.scalar(known) != len(part):
                    raise NotFound(f"run '{run_id}': some shots of the new batch are not its own, or named twice")
            connection.execute(insert(Batch).values(id=batch_id, run_id=run_id, worker_id=worker_id, state="planned"))
            if shot_ids:
                connection.execute(insert(BatchShot), [{"batch_id": batch_id, "shot_id": shot} for shot in shot_ids])
        return batch_id

    def set_batch_state(
        self, batch_id: str, state: BatchState, *, worker_id: str | None = None, flow_run_id: str | None = None
    ) -> None:
        """Move a batch to `state`, and say who works it in which flow run."""
        with self.database.write() as connection:
            connection.execute(
                update(Batch)
                .where(Batch.id == batch_id)
                .values(
                    state=state,
                    worker_id=func.coalesce(worker_id, Batch.worker_id),
                    flow_run_id=func.coalesce(flow_run_id, Batch.flow_run_id),
                    started_at=clock() if state == "running" else Batch.started_at,
                    ended_at=None if state in ("planned", "running") else clock(),
                )
            )
