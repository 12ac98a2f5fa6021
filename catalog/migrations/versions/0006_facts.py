"""Facts for pages, kept beside what they are of: cards to search in, store tallies, review entries, hours of work.

It expands: triggers keep what must be whole at once, so that older code does so without knowing; the rest is added up
from an index on when things ended. Filling the tables reads every shot, artifact and delivery once.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from catalog.migrations import triggers_0006 as triggers

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

oldest_revision = "0001"


def word() -> sa.String:
    return sa.String().with_variant(sa.String(collation="C"), "postgresql")


def words(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, word(), nullable=False) for name in names]


def figures(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def seconds(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Double(), nullable=False) for name in names]


def partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    op.add_column("reviews", sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))
    partial("ix_executions_ended", "executions", ["ended_at"], "ended_at IS NOT NULL")
    partial("ix_shot_executions_reused", "shot_executions", ["shot_id", "execution_id"], "NOT made")
    partial("ix_shots_ended", "shots", ["ended_at", "state"], "ended_at IS NOT NULL")
    partial("ix_shots_errors", "shots", ["error_code", "id"], "state IN ('failed', 'quarantined')")
    partial("ix_shots_refused", "shots", ["run_id", "error_code", "id"], "state IN ('failed', 'quarantined')")
    partial("ix_batches_planned", "batches", ["pool", "queue"], "state = 'planned'")

    for left in ("review_entries", "rolled", "run_weights", "shot_cards", "shot_hours", "stage_hours", "store_tallies"):
        op.execute(f"DROP TABLE IF EXISTS {left}")  # by an older Dailies, which restored a backup and knew none of them
    op.create_table(
        "shot_cards",
        sa.Column("id", sa.Integer(), nullable=False),
        *words("shot_id", "run_id"),
        *figures("position"),
        *words("engine", "title", "words"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shot_cards")),
    )
    op.create_index(op.f("ix_shot_cards_shot_id"), "shot_cards", ["shot_id"], unique=True)
    op.create_index(op.f("ix_shot_cards_run_id_position"), "shot_cards", ["run_id", "position"], unique=False)
    op.create_index(op.f("ix_shot_cards_run_id_engine"), "shot_cards", ["run_id", "engine"], unique=False)
    op.create_table(
        "store_tallies",
        sa.Column("id", sa.Integer(), nullable=False),
        *words("kind", "state"),
        *figures("files", "bytes"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_store_tallies")),
    )
    op.create_table(
        "review_entries",
        *words("manifest", "kind", "shot_key", "run_id", "shot_id"),
        *seconds("score"),
        *words("draw"),
        sa.Column("verdict", word(), nullable=True),
        sa.CheckConstraint("verdict IN ('approved', 'rejected', 'redo')", name=op.f("ck_review_entries_verdict")),
        sa.PrimaryKeyConstraint("manifest", "kind", "shot_key", name=op.f("pk_review_entries")),
    )
    op.create_index(op.f("ix_review_entries_shot_id"), "review_entries", ["shot_id"], unique=False)
    op.create_index(op.f("ix_review_entries_run_id_verdict"), "review_entries", ["run_id", "verdict"], unique=False)
    op.create_index(
        op.f("ix_review_entries_draw_score_verdict"), "review_entries", ["draw", "score", "verdict"], unique=False
    )
    partial("ix_review_entries_waiting", "review_entries", ["score", "shot_id"], "verdict IS NULL")
    partial("ix_review_entries_run_waiting", "review_entries", ["run_id", "score", "shot_id"], "verdict IS NULL")
    op.create_table(
        "stage_hours",
        *words("run_id", "hour", "stage", "engine", "state"),
        *figures("bucket", "executions"),
        *seconds("seconds", "gpu_seconds"),
        sa.PrimaryKeyConstraint("run_id", "hour", "stage", "engine", "state", "bucket", name=op.f("pk_stage_hours")),
    )
    op.create_index(op.f("ix_stage_hours_hour"), "stage_hours", ["hour"], unique=False)
    op.create_index(op.f("ix_stage_hours_engine_run_id"), "stage_hours", ["engine", "run_id"], unique=False)
    op.create_table(
        "shot_hours",
        *words("hour", "state"),
        *figures("shots"),
        sa.PrimaryKeyConstraint("hour", "state", name=op.f("pk_shot_hours")),
    )
    op.create_table(
        "run_weights",
        *words("sha256", "run_id", "name"),
        sa.PrimaryKeyConstraint("sha256", "run_id", name=op.f("pk_run_weights")),
    )
    op.create_index(op.f("ix_run_weights_name"), "run_weights", ["name"], unique=False)
    op.create_table(
        "rolled",
        *words("name"),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_rolled")),
    )

    triggers.create(op.get_bind())
    triggers.fill(op.get_bind())
