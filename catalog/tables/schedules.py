"""Manifests that are run by themselves: when, within what, and how it went last."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, true
from sqlalchemy.orm import Mapped, mapped_column

from catalog.dialect import clock
from catalog.tables.base import Base, one_of

OVERLAPS = ("skip", "wait")


class Schedule(Base):
    """One manifest's schedule as it was applied; a Prefect deployment starts it, and this row says by which rules."""

    __tablename__ = "schedules"
    __table_args__ = (one_of("overlap", OVERLAPS),)

    name: Mapped[str] = mapped_column(primary_key=True)
    """The manifest's name, which its runs and deliveries have too."""
    manifest: Mapped[str]
    """Absolute path."""
    kind: Mapped[str]
    cron: Mapped[str]
    timezone: Mapped[str]
    done_by: Mapped[str | None]
    """Time of day in that zone, `07:00`."""
    budget_gpu_seconds: Mapped[float | None]
    budget_bytes: Mapped[int | None]
    late_seconds: Mapped[float]
    overlap: Mapped[str]
    shrink: Mapped[float]
    ping: Mapped[str | None]
    active: Mapped[bool] = mapped_column(default=True, server_default=true())
    applied_at: Mapped[datetime] = mapped_column(default=clock())
    next_at: Mapped[datetime | None]
    """When the next start is due; None while it is paused."""
    last_run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id"))
    last_started_at: Mapped[datetime | None]
    last_code: Mapped[str | None]
    last_note: Mapped[str | None]
    """Why the last start came to no run, or what else it has to say; None where all is as it should be."""
