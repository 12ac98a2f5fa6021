"""Workers with names and states, batches in queues, runs with keepers, incidents, and what is verified and collected.

Everything here expands: code of revision 0003 works on beside it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def moment() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def upgrade() -> None:
    # As in 0003: a column that is checked is added in place on both databases, which Alembic would not do on SQLite.
    op.execute(
        "ALTER TABLE runs ADD COLUMN priority VARCHAR DEFAULT 'normal' NOT NULL "
        "CONSTRAINT ck_runs_priority CHECK (priority IN ('urgent', 'normal', 'low'))"
    )
    for name in ("code_version", "keeper", "paused_code", "paused_why"):
        op.add_column("runs", sa.Column(name, sa.String(), nullable=True))
    op.add_column("runs", sa.Column("keeper_expires_at", moment(), nullable=True))
    op.create_index(op.f("ix_runs_state"), "runs", ["state"], unique=False)

    op.add_column("shots", sa.Column("not_before", moment(), nullable=True))
    op.add_column("shots", sa.Column("failed_on", sa.String(), nullable=True))

    op.execute(
        "ALTER TABLE workers ADD COLUMN state VARCHAR DEFAULT 'active' NOT NULL "
        "CONSTRAINT ck_workers_state CHECK (state IN ('active', 'draining', 'drained', 'stopped'))"
    )
    op.add_column("workers", sa.Column("slots", sa.BigInteger(), server_default="1", nullable=False))
    for name in ("name", "reason"):
        op.add_column("workers", sa.Column(name, sa.String(), nullable=True))
    for name in ("queues", "streak"):
        op.add_column("workers", sa.Column(name, sa.JSON(none_as_null=True), nullable=True))
    op.add_column("workers", sa.Column("ended_at", moment(), nullable=True))
    op.create_index(op.f("ix_workers_name"), "workers", ["name"], unique=True)

    op.add_column("batches", sa.Column("pool", sa.String(), server_default="local", nullable=False))
    op.add_column("batches", sa.Column("queue", sa.String(), server_default="normal", nullable=False))
    op.add_column("batches", sa.Column("needs", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("batches", sa.Column("heartbeat_at", moment(), nullable=True))
    for name in ("error_code", "error_message"):
        op.add_column("batches", sa.Column(name, sa.String(), nullable=True))

    op.add_column("executions", sa.Column("worker", sa.String(), nullable=True))
    for name in ("verified_at", "collected_at"):
        op.add_column("artifacts", sa.Column(name, moment(), nullable=True))
    op.create_index(op.f("ix_artifacts_state_verified_at"), "artifacts", ["state", "verified_at"], unique=False)

    op.create_table(
        "incidents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", moment(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("batch_id", sa.String(), nullable=True),
        sa.Column("shot_id", sa.String(), nullable=True),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_incidents_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    op.create_index(op.f("ix_incidents_at"), "incidents", ["at"], unique=False)
    op.create_index(op.f("ix_incidents_run_id"), "incidents", ["run_id"], unique=False)

    op.create_table(
        "duties",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=True),
        sa.Column("expires_at", moment(), nullable=True),
        sa.Column("done_at", moment(), nullable=True),
        sa.Column("detail", sa.JSON(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_duties")),
    )

    table = op.create_table(
        "compatibility",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("oldest_revision", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_compatibility")),
    )
    op.bulk_insert(table, [{"id": 1, "oldest_revision": "0003"}])
