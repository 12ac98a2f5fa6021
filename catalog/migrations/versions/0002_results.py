"""The first tables of results: artifacts, executions and their edges, deliveries, measurements, reviews."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def moment() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def figure() -> sa.Double[float]:
    return sa.Double()


def upgrade() -> None:
    op.create_table(
        "artifacts",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("media", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.CheckConstraint("state IN ('present', 'collected', 'damaged')", name=op.f("ck_artifacts_state")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_artifacts")),
    )
    op.create_index(op.f("ix_artifacts_kind_created_at"), "artifacts", ["kind", "created_at"], unique=False)
    op.create_table(
        "executions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("recipe_sha256", sa.String(), nullable=False),
        sa.Column("recipe", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("engine", sa.String(), nullable=False),
        sa.Column("engine_versions", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("weights", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("ran", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("shot_id", sa.String(), nullable=True),
        sa.Column("lease_token", sa.BigInteger(), nullable=True),
        sa.Column("progress", figure(), nullable=False),
        sa.Column("seconds", figure(), nullable=True),
        sa.Column("gpu_seconds", figure(), nullable=True),
        sa.Column("peak_vram_bytes", sa.BigInteger(), nullable=True),
        sa.Column("work", figure(), nullable=True),
        sa.Column("pending", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("adopted_id", sa.String(), nullable=True),
        sa.Column("error_code", sa.String(), nullable=True),
        sa.Column("error_message", sa.String(), nullable=True),
        sa.Column("evidence", sa.String(), nullable=True),
        sa.Column("started_at", moment(), nullable=False),
        sa.Column("touched_at", moment(), nullable=False),
        sa.Column("ended_at", moment(), nullable=True),
        sa.CheckConstraint(
            "state IN ('running', 'publishing', 'done', 'failed', 'void')", name=op.f("ck_executions_state")
        ),
        sa.CheckConstraint("progress BETWEEN 0 AND 1", name=op.f("ck_executions_progress")),
        sa.ForeignKeyConstraint(["adopted_id"], ["executions.id"], name=op.f("fk_executions_adopted_id")),
        sa.ForeignKeyConstraint(["shot_id"], ["shots.id"], name=op.f("fk_executions_shot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_executions")),
    )
    op.create_index(op.f("ix_executions_shot_id"), "executions", ["shot_id"], unique=False)
    op.create_index(
        op.f("ix_executions_stage_engine_host_ended_at"),
        "executions",
        ["stage", "engine", "host", "ended_at"],
        unique=False,
    )
    op.create_index(op.f("ix_executions_state"), "executions", ["state"], unique=False)
    op.create_index(
        "uq_executions_done",
        "executions",
        ["recipe_sha256"],
        unique=True,
        sqlite_where=sa.text("state = 'done'"),
        postgresql_where=sa.text("state = 'done'"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("shot_id", sa.String(), nullable=False),
        sa.Column("manifest", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("shot_key", sa.String(), nullable=False),
        sa.Column("rendition", sa.String(), nullable=False),
        sa.Column("preset", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("ask_sha256", sa.String(), nullable=False),
        sa.Column("artifact_sha256", sa.String(), nullable=False),
        sa.Column("poster_sha256", sa.String(), nullable=True),
        sa.Column("execution_id", sa.String(), nullable=False),
        sa.Column("recipe_sha256", sa.String(), nullable=False),
        sa.Column("superseded_by", sa.String(), nullable=True),
        sa.Column("created_at", moment(), nullable=False),
        sa.CheckConstraint("state IN ('current', 'superseded')", name=op.f("ck_deliveries_state")),
        sa.ForeignKeyConstraint(["artifact_sha256"], ["artifacts.sha256"], name=op.f("fk_deliveries_artifact_sha256")),
        sa.ForeignKeyConstraint(["execution_id"], ["executions.id"], name=op.f("fk_deliveries_execution_id")),
        sa.ForeignKeyConstraint(["poster_sha256"], ["artifacts.sha256"], name=op.f("fk_deliveries_poster_sha256")),
        sa.ForeignKeyConstraint(
            ["shot_id", "rendition"],
            ["renditions.shot_id", "renditions.name"],
            name=op.f("fk_deliveries_shot_id_rendition"),
        ),
        sa.ForeignKeyConstraint(["superseded_by"], ["deliveries.id"], name=op.f("fk_deliveries_superseded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_index(op.f("ix_deliveries_artifact_sha256"), "deliveries", ["artifact_sha256"], unique=False)
    op.create_index(op.f("ix_deliveries_ask_sha256_state"), "deliveries", ["ask_sha256", "state"], unique=False)
    op.create_index(op.f("ix_deliveries_execution_id"), "deliveries", ["execution_id"], unique=False)
    op.create_index(op.f("ix_deliveries_poster_sha256"), "deliveries", ["poster_sha256"], unique=False)
    op.create_index(op.f("ix_deliveries_shot_id_rendition"), "deliveries", ["shot_id", "rendition"], unique=False)
    op.create_index(
        "uq_deliveries_current",
        "deliveries",
        ["manifest", "kind", "shot_key", "rendition", "preset"],
        unique=True,
        sqlite_where=sa.text("state = 'current'"),
        postgresql_where=sa.text("state = 'current'"),
    )
    op.create_table(
        "execution_inputs",
        sa.Column("execution_id", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("artifact_sha256", sa.String(), nullable=True),
        sa.Column("producer_id", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(artifact_sha256 IS NULL) <> (producer_id IS NULL)", name=op.f("ck_execution_inputs_one_source")
        ),
        sa.ForeignKeyConstraint(
            ["artifact_sha256"], ["artifacts.sha256"], name=op.f("fk_execution_inputs_artifact_sha256")
        ),
        sa.ForeignKeyConstraint(["execution_id"], ["executions.id"], name=op.f("fk_execution_inputs_execution_id")),
        sa.ForeignKeyConstraint(["producer_id"], ["executions.id"], name=op.f("fk_execution_inputs_producer_id")),
        sa.PrimaryKeyConstraint("execution_id", "position", name=op.f("pk_execution_inputs")),
    )
    op.create_index(op.f("ix_execution_inputs_artifact_sha256"), "execution_inputs", ["artifact_sha256"], unique=False)
    op.create_index(op.f("ix_execution_inputs_producer_id"), "execution_inputs", ["producer_id"], unique=False)
    op.create_table(
        "execution_outputs",
        sa.Column("execution_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("artifact_sha256", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["artifact_sha256"], ["artifacts.sha256"], name=op.f("fk_execution_outputs_artifact_sha256")
        ),
        sa.ForeignKeyConstraint(["execution_id"], ["executions.id"], name=op.f("fk_execution_outputs_execution_id")),
        sa.PrimaryKeyConstraint("execution_id", "role", name=op.f("pk_execution_outputs")),
    )
    op.create_index(
        op.f("ix_execution_outputs_artifact_sha256"), "execution_outputs", ["artifact_sha256"], unique=False
    )
    op.create_table(
        "measurements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("artifact_sha256", sa.String(), nullable=False),
        sa.Column("execution_id", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", figure(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("threshold", figure(), nullable=True),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.Column("measured_at", moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["artifact_sha256"], ["artifacts.sha256"], name=op.f("fk_measurements_artifact_sha256")
        ),
        sa.ForeignKeyConstraint(["execution_id"], ["executions.id"], name=op.f("fk_measurements_execution_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measurements")),
    )
    op.create_index(
        op.f("ix_measurements_artifact_sha256_name"), "measurements", ["artifact_sha256", "name"], unique=False
    )
    op.create_index(op.f("ix_measurements_execution_id"), "measurements", ["execution_id"], unique=False)
    op.create_table(
        "shot_executions",
        sa.Column("shot_id", sa.String(), nullable=False),
        sa.Column("execution_id", sa.String(), nullable=False),
        sa.Column("rendition", sa.String(), nullable=False),
        sa.Column("made", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["execution_id"], ["executions.id"], name=op.f("fk_shot_executions_execution_id")),
        sa.ForeignKeyConstraint(["shot_id"], ["shots.id"], name=op.f("fk_shot_executions_shot_id")),
        sa.PrimaryKeyConstraint("shot_id", "execution_id", "rendition", name=op.f("pk_shot_executions")),
    )
    op.create_index(op.f("ix_shot_executions_execution_id"), "shot_executions", ["execution_id"], unique=False)
    op.create_table(
        "reviews",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("reviewer", sa.String(), nullable=False),
        sa.Column("reviewed_at", moment(), nullable=False),
        sa.CheckConstraint("verdict IN ('approved', 'rejected', 'redo')", name=op.f("ck_reviews_verdict")),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_reviews_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
    )
    op.create_index(op.f("ix_reviews_delivery_id"), "reviews", ["delivery_id"], unique=False)
    op.create_table(
        "shot_deliveries",
        sa.Column("shot_id", sa.String(), nullable=False),
        sa.Column("delivery_id", sa.String(), nullable=False),
        sa.Column("made", sa.Boolean(), nullable=False),
        sa.Column("placed_path", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_shot_deliveries_delivery_id")),
        sa.ForeignKeyConstraint(["shot_id"], ["shots.id"], name=op.f("fk_shot_deliveries_shot_id")),
        sa.PrimaryKeyConstraint("shot_id", "delivery_id", name=op.f("pk_shot_deliveries")),
    )
    op.create_index(op.f("ix_shot_deliveries_delivery_id"), "shot_deliveries", ["delivery_id"], unique=False)
