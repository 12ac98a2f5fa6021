"""What was made and from what: artifacts, executions and their edges, deliveries, measurements, reviews."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from catalog.dialect import clock
from catalog.tables.base import Base, one_of

ARTIFACT_STATES = ("present", "collected", "damaged")
EXECUTION_STATES = ("running", "publishing", "done", "failed", "void")
DELIVERY_STATES = ("current", "superseded")
VERDICTS = ("approved", "rejected", "redo")

_DONE = text("state = 'done'")
_PUBLISHING = text("state = 'publishing'")
_CURRENT = text("state = 'current'")
_ENDED = text("ended_at IS NOT NULL")
_REUSED = text("NOT made")


class Artifact(Base):
    """One durable file. `present` means the whole file lies at `location` (relative to the store's root)."""

    __tablename__ = "artifacts"
    __table_args__ = (
        one_of("state", ARTIFACT_STATES),
        Index(None, "kind", "created_at"),
        Index(None, "state", "verified_at"),
    )

    sha256: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    state: Mapped[str]
    bytes: Mapped[int]
    location: Mapped[str]
    media: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=clock())
    verified_at: Mapped[datetime | None]
    """When its bytes were last read again and were right."""
    collected_at: Mapped[datetime | None]


class Execution(Base):
    """One run of one stage. At most one is `done` per `recipe_sha256`: the same result is made once."""

    __tablename__ = "executions"
    __table_args__ = (
        one_of("state", EXECUTION_STATES),
        CheckConstraint("progress BETWEEN 0 AND 1", name="progress"),
        Index("uq_executions_done", "recipe_sha256", unique=True, sqlite_where=_DONE, postgresql_where=_DONE),
        Index(None, "state"),
        Index("ix_executions_publishing", "id", sqlite_where=_PUBLISHING, postgresql_where=_PUBLISHING),
        Index(None, "recipe_sha256"),
        Index(None, "shot_id"),
        Index(None, "grant_id"),
        Index(None, "stage", "engine", "host", "ended_at"),
        Index("ix_executions_ended", "ended_at", sqlite_where=_ENDED, postgresql_where=_ENDED),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    stage: Mapped[str]
    version: Mapped[int]
    state: Mapped[str]
    recipe_sha256: Mapped[str]
    recipe: Mapped[dict[str, Any]]
    engine: Mapped[str]
    engine_versions: Mapped[dict[str, Any]]
    weights: Mapped[dict[str, Any]]
    """File name -> SHA-256."""
    grant_id: Mapped[str | None] = mapped_column(ForeignKey("licence_grants.id"))
    """The acceptance under which its weights were used, where their licence asks for one."""
    ran: Mapped[dict[str, Any]]
    """What actually ran: rung of the memory ladder, dtype, retries. Never hashed."""
    host: Mapped[str]
    device: Mapped[str]
    worker: Mapped[str | None]
    """Name of the worker that ran it."""
    shot_id: Mapped[str | None] = mapped_column(ForeignKey("shots.id"))
    """The shot it was made for, and under which of its tokens; others may stand on it too (`shot_executions`)."""
    lease_token: Mapped[int | None]
    progress: Mapped[float] = mapped_column(default=0.0)
    seconds: Mapped[float | None]
    gpu_seconds: Mapped[float | None]
    peak_vram_bytes: Mapped[int | None]
    work: Mapped[float | None]
    """Units of work of this stage (say, megapixel-frames): seconds / work estimates the next one."""
    pending: Mapped[dict[str, Any] | None]
    """The files of a publication under way (temporary name, digest, role ...): recovery's journal."""
    adopted_id: Mapped[str | None] = mapped_column(ForeignKey("executions.id"))
    """A `void` execution that lost a race stands for this one."""
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    evidence: Mapped[str | None]
    started_at: Mapped[datetime] = mapped_column(default=clock())
    touched_at: Mapped[datetime] = mapped_column(default=clock())
    ended_at: Mapped[datetime | None]


class ExecutionInput(Base):
    """PROV `used`: a stored file, or the execution whose frames streamed in."""

    __tablename__ = "execution_inputs"
    __table_args__ = (
        CheckConstraint("(artifact_sha256 IS NULL) <> (producer_id IS NULL)", name="one_source"),
        Index(None, "artifact_sha256"),
        Index(None, "producer_id"),
    )

    execution_id: Mapped[str] = mapped_column(ForeignKey("executions.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    role: Mapped[str]
    artifact_sha256: Mapped[str | None] = mapped_column(ForeignKey("artifacts.sha256"))
    producer_id: Mapped[str | None] = mapped_column(ForeignKey("executions.id"))


class ExecutionOutput(Base):
    """PROV `wasGeneratedBy`."""

    __tablename__ = "execution_outputs"
    __table_args__ = (Index(None, "artifact_sha256"),)

    execution_id: Mapped[str] = mapped_column(ForeignKey("executions.id"), primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    artifact_sha256: Mapped[str] = mapped_column(ForeignKey("artifacts.sha256"))


class ShotExecution(Base):
    """A shot stands on an execution; `rendition` is empty where it serves all of them."""

    __tablename__ = "shot_executions"
    __table_args__ = (
        Index(None, "execution_id"),
        Index("ix_shot_executions_reused", "shot_id", "execution_id", sqlite_where=_REUSED, postgresql_where=_REUSED),
    )

    shot_id: Mapped[str] = mapped_column(ForeignKey("shots.id"), primary_key=True)
    execution_id: Mapped[str] = mapped_column(ForeignKey("executions.id"), primary_key=True)
    rendition: Mapped[str] = mapped_column(primary_key=True)
    made: Mapped[bool]
    """True: this shot's work made it; false: it was there already."""


class Delivery(Base):
    """One finished file; one is current per slot (manifest, kind, shot key, rendition, preset)."""

    __tablename__ = "deliveries"
    __table_args__ = (
        one_of("state", DELIVERY_STATES),
        ForeignKeyConstraint(["shot_id", "rendition"], ["renditions.shot_id", "renditions.name"]),
        Index(
            "uq_deliveries_current",
            "manifest",
            "kind",
            "shot_key",
            "rendition",
            "preset",
            unique=True,
            sqlite_where=_CURRENT,
            postgresql_where=_CURRENT,
        ),
        Index(None, "ask_sha256", "state"),
        Index(None, "artifact_sha256"),
        Index(None, "poster_sha256"),
        Index(None, "execution_id"),
        Index(None, "shot_id", "rendition"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    shot_id: Mapped[str]
    """The shot that first delivered it; every shot served by it is in `shot_deliveries`."""
    manifest: Mapped[str]
    kind: Mapped[str]
    shot_key: Mapped[str]
    rendition: Mapped[str]
    preset: Mapped[str]
    state: Mapped[str]
    ask_sha256: Mapped[str]
    artifact_sha256: Mapped[str] = mapped_column(ForeignKey("artifacts.sha256"))
    poster_sha256: Mapped[str | None] = mapped_column(ForeignKey("artifacts.sha256"))
    execution_id: Mapped[str] = mapped_column(ForeignKey("executions.id"))
    recipe_sha256: Mapped[str]
    superseded_by: Mapped[str | None] = mapped_column(ForeignKey("deliveries.id"))
    retired_at: Mapped[datetime | None]
    """When it was superseded by nothing, because its row had gone."""
    created_at: Mapped[datetime] = mapped_column(default=clock())


class ShotDelivery(Base):
    """A shot is served by a delivery, and where the file was put for people."""

    __tablename__ = "shot_deliveries"
    __table_args__ = (Index(None, "delivery_id"),)

    shot_id: Mapped[str] = mapped_column(ForeignKey("shots.id"), primary_key=True)
    delivery_id: Mapped[str] = mapped_column(ForeignKey("deliveries.id"), primary_key=True)
    made: Mapped[bool]
    placed_path: Mapped[str | None]


class Measurement(Base):
    """One quality figure of one artifact, with its threshold."""

    __tablename__ = "measurements"
    __table_args__ = (Index(None, "artifact_sha256", "name"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    artifact_sha256: Mapped[str] = mapped_column(ForeignKey("artifacts.sha256"))
    execution_id: Mapped[str | None] = mapped_column(ForeignKey("executions.id"), index=True)
    name: Mapped[str]
    value: Mapped[float]
    unit: Mapped[str]
    threshold: Mapped[float | None]
    passed: Mapped[bool | None]
    measured_at: Mapped[datetime] = mapped_column(default=clock())


class Review(Base):
    """One verdict by a person; the newest of a delivery counts, unless it was withdrawn."""

    __tablename__ = "reviews"
    __table_args__ = (one_of("verdict", VERDICTS), Index(None, "delivery_id"))

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    delivery_id: Mapped[str] = mapped_column(ForeignKey("deliveries.id"))
    verdict: Mapped[str]
    note: Mapped[str]
    reviewer: Mapped[str]
    reviewed_at: Mapped[datetime] = mapped_column(default=clock())
    withdrawn_at: Mapped[datetime | None]
    """When somebody opened it again."""
