"""Workers with names and states, batches in queues, runs with keepers, incidents, and what is verified and collected.

Everything here expands, as the revisions before it did: older code works on beside it. On PostgreSQL text compares as
bytes from here on, as it always did on SQLite, whatever the database's own locale: ids sort by time and are found by
their beginnings.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

oldest_revision = "0001"

_TEXT_OF = (
    "artifacts audit batch_shots batches benchmarks compatibility deliveries duties execution_inputs execution_outputs "
    "executions incidents licence_grants measurements pictures renditions reviews runs shot_deliveries shot_executions "
    "shot_tags shots weights workers"
)


def moment() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def figure() -> sa.Double[float]:
    return sa.Double()


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
    op.create_index(op.f("ix_executions_recipe_sha256"), "executions", ["recipe_sha256"], unique=False)
    publishing = sa.text("state = 'publishing'")
    op.create_index(
        "ix_executions_publishing", "executions", ["id"], sqlite_where=publishing, postgresql_where=publishing
    )
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
        sa.Column("seconds", figure(), nullable=True),
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
    op.bulk_insert(table, [{"id": 1, "oldest_revision": oldest_revision}])

    _compare_text_as_bytes()


def _compare_text_as_bytes() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    found = sa.text(
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = current_schema() AND data_type = 'character varying' ORDER BY table_name, column_name"
    )
    columns: dict[str, list[str]] = {}
    for table_name, column in connection.execute(found):
        if table_name in _TEXT_OF.split():
            columns.setdefault(table_name, []).append(column)
    for table_name, names in columns.items():
        changes = ", ".join(f'ALTER COLUMN {name} TYPE VARCHAR COLLATE "C"' for name in names)
        op.execute(f"ALTER TABLE {table_name} {changes}")
