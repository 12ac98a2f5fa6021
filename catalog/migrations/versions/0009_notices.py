"""The outbox: what people and programs elsewhere are to be told.

It expands: older code tells nobody, and nothing it writes is in the way.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

oldest_revision = "0001"


def word() -> sa.String:
    return sa.String().with_variant(sa.String(collation="C"), "postgresql")


def moment(name: str, *, nullable: bool = True) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "notices",
        sa.Column("id", word(), nullable=False),
        sa.Column("event", word(), nullable=False),
        sa.Column("subject", word(), nullable=False),
        sa.Column("run_id", word(), nullable=True),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
        moment("at", nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_notices_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
    )
    op.create_index(op.f("ix_notices_at"), "notices", ["at"], unique=False)
    op.create_index(op.f("ix_notices_run_id"), "notices", ["run_id"], unique=False)
    op.create_table(
        "notice_targets",
        sa.Column("name", word(), nullable=False),
        sa.Column("kind", word(), nullable=False),
        sa.Column("state", word(), server_default="well", nullable=False),
        sa.Column("reason", word(), nullable=True),
        moment("since", nullable=False),
        moment("told_at"),
        sa.CheckConstraint("state IN ('well', 'failing', 'gone', 'forgotten')", name=op.f("ck_notice_targets_state")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_notice_targets")),
    )
    op.create_table(
        "notice_deliveries",
        sa.Column("notice_id", word(), nullable=False),
        sa.Column("target", word(), nullable=False),
        sa.Column("state", word(), server_default="due", nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        moment("next_at", nullable=False),
        sa.Column("answer", word(), nullable=True),
        moment("created_at", nullable=False),
        moment("ended_at"),
        sa.CheckConstraint("state IN ('due', 'told', 'given_up')", name=op.f("ck_notice_deliveries_state")),
        sa.ForeignKeyConstraint(["notice_id"], ["notices.id"], name=op.f("fk_notice_deliveries_notice_id")),
        sa.ForeignKeyConstraint(["target"], ["notice_targets.name"], name=op.f("fk_notice_deliveries_target")),
        sa.PrimaryKeyConstraint("notice_id", "target", name=op.f("pk_notice_deliveries")),
    )
    due = sa.text("state = 'due'")
    op.create_index(
        "ix_notice_deliveries_due", "notice_deliveries", ["target", "next_at"], sqlite_where=due, postgresql_where=due
    )
