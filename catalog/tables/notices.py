"""What people and programs elsewhere are to be told, and how far that has come: an outbox."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from catalog.dialect import clock
from catalog.tables.base import Base, one_of

TARGET_STATES = ("well", "failing", "gone", "forgotten")
TELLING_STATES = ("due", "told", "given_up")

_DUE = text("state = 'due'")


class Notice(Base):
    """Something that happened, written in the transaction that made it happen."""

    __tablename__ = "notices"
    __table_args__ = (Index(None, "at"), Index(None, "run_id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    event: Mapped[str]
    subject: Mapped[str]
    """What it is about: a run's id, or the title of a report."""
    run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id"))
    body: Mapped[dict[str, Any]]
    """The facts as they were at that moment."""
    at: Mapped[datetime] = mapped_column(default=clock())


class NoticeTarget(Base):
    """Somebody who is told, by the name that a machine's own file gives it; addresses and secrets stay there."""

    __tablename__ = "notice_targets"
    __table_args__ = (one_of("state", TARGET_STATES),)

    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(default="well", server_default="well")
    """`gone`: it answered that it wants no more; `forgotten`: a person has no more use for it."""
    reason: Mapped[str | None]
    """What it answered last, where that was no success."""
    since: Mapped[datetime] = mapped_column(default=clock())
    """Nothing that happened before is told to it."""
    told_at: Mapped[datetime | None]


class NoticeDelivery(Base):
    """One notice on its way to one target."""

    __tablename__ = "notice_deliveries"
    __table_args__ = (
        one_of("state", TELLING_STATES),
        Index("ix_notice_deliveries_due", "target", "next_at", sqlite_where=_DUE, postgresql_where=_DUE),
    )

    notice_id: Mapped[str] = mapped_column(ForeignKey("notices.id"), primary_key=True)
    target: Mapped[str] = mapped_column(ForeignKey("notice_targets.name"), primary_key=True)
    state: Mapped[str] = mapped_column(default="due", server_default="due")
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    next_at: Mapped[datetime] = mapped_column(default=clock())
    """When it is tried next; while it is being tried, when somebody else may."""
    answer: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=clock())
    ended_at: Mapped[datetime | None]
