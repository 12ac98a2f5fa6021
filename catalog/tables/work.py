"""What was asked for and who works on it: runs, shots, renditions, batches, workers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, false, text
from sqlalchemy.orm import Mapped, mapped_column

from catalog.dialect import clock
from catalog.tables.base import Base, one_of

RUN_STATES = ("planned", "running", "done", "failed", "cancelling", "cancelled")
SHOT_STATES = ("waiting", "claimed", "done", "quarantined", "failed", "cancelled")
BATCH_STATES = ("planned", "running", "done", "failed", "cancelled")
WORKER_STATES = ("active", "draining", "drained", "stopped")
PRIORITIES = ("urgent", "normal", "low")

_ENDED = text("ended_at IS NOT NULL")
_REFUSED = text("state IN ('failed', 'quarantined')")
_PLANNED = text("state = 'planned'")
_SCHEDULED = text("schedule IS NOT NULL")


class Run(Base):
    """One submission of one manifest."""

    __tablename__ = "runs"
    __table_args__ = (
        one_of("state", RUN_STATES),
        one_of("priority", PRIORITIES),
        Index(None, "name", "kind", "created_at"),
        Index(None, "created_at"),
        Index(None, "state"),
        Index("ix_runs_schedule", "schedule", sqlite_where=_SCHEDULED, postgresql_where=_SCHEDULED),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    state: Mapped[str]
    manifest_sha256: Mapped[str]
    manifest: Mapped[dict[str, Any]]
    triggered_by: Mapped[str]
    out_folder: Mapped[str]
    flow_run_id: Mapped[str | None]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    priority: Mapped[str] = mapped_column(default="normal", server_default="normal")
    code_version: Mapped[str | None]
    """Of the Dailies that planned it."""
    keeper: Mapped[str | None]
    """The process that cuts its batches and ends it, until when it said so last; then anybody may take over."""
    keeper_expires_at: Mapped[datetime | None]
    paused_code: Mapped[str | None]
    """Nothing of it is claimed while this is set; `paused_why` says so to people."""
    paused_why: Mapped[str | None]
    schedule: Mapped[str | None]
    """Name of the schedule that began it, which may be gone since."""
    done_by: Mapped[datetime | None]
    budget_gpu_seconds: Mapped[float | None]
    budget_bytes: Mapped[int | None]
    """What it may take in all before it pauses; None: whatever it needs."""
    reported_at: Mapped[datetime | None]
    """When its report was written, of a run that a schedule began."""
    created_at: Mapped[datetime] = mapped_column(default=clock())
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class Shot(Base):
    """One clip to make. `lease_token` only ever grows: whoever holds the largest one may publish."""

    __tablename__ = "shots"
    __table_args__ = (
        one_of("state", SHOT_STATES),
        Index(None, "run_id", "key", unique=True),
        Index(None, "run_id", "state"),
        Index(None, "item"),
        Index(
            "ix_shots_leases",
            "lease_expires_at",
            sqlite_where=text("state = 'claimed'"),
            postgresql_where=text("state = 'claimed'"),
        ),
        Index("ix_shots_ended", "ended_at", "state", sqlite_where=_ENDED, postgresql_where=_ENDED),
        Index("ix_shots_errors", "error_code", "id", sqlite_where=_REFUSED, postgresql_where=_REFUSED),
        Index("ix_shots_refused", "run_id", "error_code", "id", sqlite_where=_REFUSED, postgresql_where=_REFUSED),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"))
    position: Mapped[int]
    key: Mapped[str]
    item: Mapped[str]
    variant: Mapped[str]
    line: Mapped[int | None]
    ask: Mapped[dict[str, Any]]
    plan: Mapped[dict[str, Any]]
    meta: Mapped[dict[str, Any]]
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(default=0)
    deaths: Mapped[int] = mapped_column(default=0)
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("batches.id"), index=True)
    lease_owner: Mapped[str | None]
    lease_token: Mapped[int] = mapped_column(default=0)
    lease_expires_at: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    """A shot that is to be tried again waits until then."""
    awaits: Mapped[bool] = mapped_column(default=False, server_default=false())
    """It is made of the run's other shots: nobody works it before all of them have ended."""
    failed_on: Mapped[str | None]
    """Id of the worker that failed it last: another one is to try, while there is one."""
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=clock())
    ended_at: Mapped[datetime | None]


class ShotTag(Base):
    """One tag of one shot, a row of its own so that a selection by tag is an index look-up on every database."""

    __tablename__ = "shot_tags"
    __table_args__ = (Index(None, "tag"),)

    shot_id: Mapped[str] = mapped_column(ForeignKey("shots.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True)


class Rendition(Base):
    """A shot at one aspect, size and rate; `rate` is a fraction as text (`30`, `30000/1001`)."""

    __tablename__ = "renditions"

    shot_id: Mapped[str] = mapped_column(ForeignKey("shots.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    width: Mapped[int]
    height: Mapped[int]
    rate: Mapped[str]
    frames: Mapped[int]


class Worker(Base):
    """Who can work batches, and what it has; a worker that starts again under its name is the same row."""

    __tablename__ = "workers"
    __table_args__ = (
        one_of("state", WORKER_STATES),
        Index(None, "heartbeat_at"),
        Index(None, "name", unique=True),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    pid: Mapped[int]
    pool: Mapped[str]
    device: Mapped[str]
    memory_bytes: Mapped[int | None]
    engines: Mapped[dict[str, Any]]
    weights: Mapped[dict[str, Any]]
    code_version: Mapped[str]
    name: Mapped[str | None]
    state: Mapped[str] = mapped_column(default="active", server_default="active")
    reason: Mapped[str | None]
    """Why it is draining or drained."""
    slots: Mapped[int] = mapped_column(default=1, server_default="1")
    """How many batches it works at once."""
    queues: Mapped[list[Any] | None]
    streak: Mapped[dict[str, Any] | None]
    """The shots that failed one after the other with the same code: `{"code": ..., "shots": [...]}`."""
    gpu: Mapped[dict[str, Any] | None]
    """Its card when it was last heard of (catalog/workers.py: CardState); nothing where it has none that tells."""
    ended_at: Mapped[datetime | None]
    started_at: Mapped[datetime] = mapped_column(default=clock())
    heartbeat_at: Mapped[datetime] = mapped_column(default=clock())


class Batch(Base):
    """Some shots of a run, worked by one `render` flow run."""

    __tablename__ = "batches"
    __table_args__ = (
        one_of("state", BATCH_STATES),
        Index(None, "run_id", "state"),
        Index("ix_batches_planned", "pool", "queue", sqlite_where=_PLANNED, postgresql_where=_PLANNED),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"))
    worker_id: Mapped[str | None] = mapped_column(ForeignKey("workers.id"))
    flow_run_id: Mapped[str | None]
    state: Mapped[str]
    pool: Mapped[str] = mapped_column(default="local", server_default="local")
    queue: Mapped[str] = mapped_column(default="normal", server_default="normal")
    needs: Mapped[dict[str, Any] | None]
    """What a worker must have to work it: engines, weights digests, memory, plan version."""
    heartbeat_at: Mapped[datetime | None]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=clock())
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class BatchShot(Base):
    """A shot handed to a batch; after a worker's death the shot is in a second batch too."""

    __tablename__ = "batch_shots"
    __table_args__ = (Index(None, "shot_id"),)

    batch_id: Mapped[str] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    shot_id: Mapped[str] = mapped_column(ForeignKey("shots.id"), primary_key=True)


class Incident(Base):
    """Something that happened to a run and was survived: a worker lost, a wait for storage, a refused publication."""

    __tablename__ = "incidents"
    __table_args__ = (Index(None, "run_id"), Index(None, "at"))

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime] = mapped_column(default=clock())
    run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id"))
    batch_id: Mapped[str | None]
    shot_id: Mapped[str | None]
    worker: Mapped[str | None]
    code: Mapped[str]
    message: Mapped[str]
    seconds: Mapped[float | None]
    """How long it lasted, where it is over and lasted."""


class Audit(Base):
    """Who did what to what."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "subject"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime] = mapped_column(default=clock())
    who: Mapped[str]
    what: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[dict[str, Any]]
