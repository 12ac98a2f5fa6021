"""Workers: who can work batches with what, whether they live, and what they are told to do."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from sqlalchemy import ColumnElement, case, exists, or_, select, update
from sqlalchemy.orm import aliased

from catalog.dialect import clock, upsert
from catalog.errors import CatalogError, NotFound
from catalog.ids import new_id
from catalog.ledger import Ledger, write_audit
from catalog.tables import Run, Worker

WorkerState = Literal["active", "draining", "drained", "stopped"]

LIVE_SECONDS = 60.0
"""A worker that was silent for longer (database clock) is taken for dead."""


class CardState(TypedDict):
    """A worker's card: `busy` 0 to 1, None where it does not tell; bytes taken by all processes, and of all it has.

    `lost`: the driver reaches it no more; the rest is as it was before.
    """

    uuid: str
    name: str
    lost: bool
    busy: float | None
    memory_bytes: int
    memory_total_bytes: int


@dataclass(frozen=True)
class Orders:
    """What a worker in a run has to do: stop at once, or finish what is begun and give the rest back."""

    cancel: bool
    pause: bool
    drain: bool


class WorkerLedger(Ledger):
    """Writes of workers."""

    def register_worker(
        self,
        *,
        name: str,
        pool: str,
        device: str,
        engines: Mapping[str, Any],
        weights: Mapping[str, str],
        code_version: str,
        memory_bytes: int | None = None,
        slots: int = 1,
        queues: Sequence[str] = (),
    ) -> str:
        """Write down this process as the worker `name`; returns its id.

        A name seen before keeps its row: it is active again, and what failed on it before is forgotten.
        """
        facts: dict[str, Any] = {
            "host": platform.node(),
            "pid": os.getpid(),
            "pool": pool,
            "device": device,
            "memory_bytes": memory_bytes,
            "engines": dict(engines),
            "weights": dict(weights),
            "code_version": code_version,
            "slots": slots,
            "queues": list(queues),
            "state": "active",
            "gpu": None,
        }
        again = {"reason": None, "streak": None, "ended_at": None, "started_at": clock(), "heartbeat_at": clock()}
        with self.database.write() as connection:
            return connection.execute(
                upsert(connection, Worker)
                .values(id=new_id("w"), name=name, **facts)
                .on_conflict_do_update(index_elements=["name"], set_=facts | again)
                .returning(Worker.id)
            ).scalar_one()

    def heartbeat(self, worker_id: str, *, restarted: bool = False, gpu: CardState | None = None) -> WorkerState:
        """Say that a worker lives, and how its card is; returns its state, so that a draining one notices.

        `restarted`: what it had taken from Prefect before now is lost. Raises NotFound.
        """
        values: dict[str, Any] = {"heartbeat_at": clock(), "gpu": dict(gpu) if gpu else None}
        values |= {"started_at": clock()} if restarted else {}
        with self.database.write() as connection:
            state = connection.execute(
                update(Worker).where(Worker.id == worker_id).values(values).returning(Worker.state)
            ).scalar_one_or_none()
        if state is None:
            raise NotFound(f"no worker '{worker_id}' in this catalog; it has to register first")
        return _worker_state(state)

    def drain_worker(self, name_or_id: str, who: str, why: str) -> None:
        """Have a worker finish what it has begun and take nothing more. Raises NotFound."""
        with self.database.write() as connection:
            changed = connection.execute(
                update(Worker)
                .where(or_(Worker.name == name_or_id, Worker.id == name_or_id))
                .values(state=case((Worker.state == "active", "draining"), else_=Worker.state), reason=why)
                .returning(Worker.id)
            ).scalar_one_or_none()
            if changed is None:
                raise NotFound(f"no worker '{name_or_id}' in this catalog; `dailies worker list` names them")
            write_audit(connection, who, "drain", changed, {"why": why})

    def undrain_worker(self, name_or_id: str, who: str) -> None:
        """Let a worker work again; one that has ended meanwhile is `stopped`, and may be started. Raises NotFound."""
        again = case(
            (Worker.state.not_in(("draining", "drained")), Worker.state),
            (Worker.ended_at.is_(None), "active"),
            else_="stopped",
        )
        with self.database.write() as connection:
            changed = connection.execute(
                update(Worker)
                .where(or_(Worker.name == name_or_id, Worker.id == name_or_id))
                .values(state=again, reason=None, streak=None)
                .returning(Worker.id)
            ).scalar_one_or_none()
            if changed is None:
                raise NotFound(f"no worker '{name_or_id}' in this catalog; `dailies worker list --all` names them")
            write_audit(connection, who, "undrain", changed, {})

    def stop_worker(self, worker_id: str) -> None:
        """A worker ends by itself: drained if that was asked of it, else stopped."""
        ended = case((Worker.state.in_(("draining", "drained")), "drained"), else_="stopped")
        with self.database.write() as connection:
            connection.execute(update(Worker).where(Worker.id == worker_id).values(state=ended, ended_at=clock()))

    def orders(self, run_id: str, worker_id: str) -> Orders:
        """What a worker (or "": nobody's) has to do about a run, by one cheap read. Raises NotFound for the run."""
        of_worker = select(Worker.state).where(Worker.id == worker_id).scalar_subquery()
        with self.database.read() as connection:
            row = connection.execute(
                select(Run.state, Run.paused_code, of_worker.label("worker")).where(Run.id == run_id)
            ).one_or_none()
        if row is None:
            raise NotFound(f"no run '{run_id}' in this catalog")
        return Orders(
            cancel=row.state in ("cancelling", "cancelled"),
            pause=row.paused_code is not None,
            drain=row.worker not in (None, "active"),
        )


def others_alive(worker_id: str) -> ColumnElement[bool]:
    """Whether another active worker of the same pool lives; a process that works its own run has no others."""
    me = aliased(Worker)
    return exists().where(
        me.id == worker_id,
        me.pool != "local",
        Worker.pool == me.pool,
        Worker.id != me.id,
        Worker.state == "active",
        Worker.heartbeat_at > clock(-LIVE_SECONDS),
    )


def _worker_state(state: str) -> WorkerState:
    match state:
        case "active" | "draining" | "drained" | "stopped":
            return state
        case _:
            raise CatalogError(f"a worker is in the unknown state '{state}'; this catalog is of a newer version")
