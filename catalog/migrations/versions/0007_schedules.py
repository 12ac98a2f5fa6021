"""Schedules, what their runs may take and by when, and deliveries that are retired because their rows are gone.

It expands: older code starts no scheduled run, and takes a retired delivery for a superseded one.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

oldest_revision = "0001"


def word(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String().with_variant(sa.String(collation="C"), "postgresql"), nullable=nullable)


def moment(name: str, *, nullable: bool = True) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def figure(name: str, *, nullable: bool = True) -> sa.Column[float]:
    return sa.Column(name, sa.Double(), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "schedules",
        *(word(name) for name in ("name", "manifest", "kind", "cron", "timezone")),
        word("done_by", nullable=True),
        figure("budget_gpu_seconds"),
        sa.Column("budget_bytes", sa.BigInteger(), nullable=True),
        figure("late_seconds", nullable=False),
        word("overlap"),
        figure("shrink", nullable=False),
        word("ping", nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False),
        moment("applied_at", nullable=False),
        moment("next_at"),
        word("last_run_id", nullable=True),
        moment("last_started_at"),
        word("last_code", nullable=True),
        word("last_note", nullable=True),
        sa.CheckConstraint("overlap IN ('skip', 'wait')", name=op.f("ck_schedules_overlap")),
        sa.ForeignKeyConstraint(["last_run_id"], ["runs.id"], name=op.f("fk_schedules_last_run_id")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_schedules")),
    )
    op.add_column("runs", word("schedule", nullable=True))
    op.add_column("runs", moment("done_by"))
    op.add_column("runs", figure("budget_gpu_seconds"))
    op.add_column("runs", sa.Column("budget_bytes", sa.BigInteger(), nullable=True))
    op.add_column("runs", moment("reported_at"))
    scheduled = sa.text("schedule IS NOT NULL")
    op.create_index("ix_runs_schedule", "runs", ["schedule"], sqlite_where=scheduled, postgresql_where=scheduled)
    op.add_column("deliveries", moment("retired_at"))
